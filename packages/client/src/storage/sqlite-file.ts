import { chmodSync, closeSync, existsSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { SottoClientError } from '../errors.ts'
import { isBusy, storageError } from './sqlite-error.ts'

/** `PRAGMA application_id` of a device's database: "SotC" in ASCII. */
const applicationId = 0x536f7443
const schemaVersion = 1

/** How long a starting process waits for another one that is starting too: this blocks. */
const contendMs = 200
/** How often one that waits for its turn tries again. */
const waitMs = 40

/**
 * Opens the database as its one user, and the only one: in exclusive locking mode the first access takes the lock of
 * the file, and the system frees it when the process dies, however it dies. A new file is private to its owner.
 *
 * @throws `storage_in_use`, `storage_unreadable`, the reason of `signal`.
 */
export async function openAlone(path: string, wait: boolean, signal: AbortSignal | undefined): Promise<DatabaseSync> {
  for (;;) {
    signal?.throwIfAborted()
    const db = tryOpen(path, wait ? 0 : contendMs)
    if (db !== undefined) return db
    if (!wait) throw new SottoClientError('storage_in_use', `${path} is in use by another process or instance: close it first.`)
    await delay(waitMs * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
  }
}

function tryOpen(path: string, timeout: number): DatabaseSync | undefined {
  let db: DatabaseSync | undefined
  try {
    createPrivately(path)
    db = new DatabaseSync(path, { timeout })
    settle(db, path, 'locking_mode', 'exclusive')
    settle(db, path, 'journal_mode', 'wal')
    settle(db, path, 'synchronous', 2)
    // Keys that were deleted are not to be found in the file later.
    settle(db, path, 'secure_delete', 1)
    db.exec('BEGIN EXCLUSIVE; COMMIT')
    return db
  } catch (error) {
    db?.close()
    if (isBusy(error)) return undefined
    throw storageError(path, error)
  }
}

/** SQLite gives the files beside a database the permissions of the database itself. */
function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    // By name: to open and close it here would free the lock of an instance in this process.
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
  }
}

/** Sets a pragma and reads it back: SQLite ignores what it cannot do without a word. */
function settle(db: DatabaseSync, path: string, name: string, value: string | number): void {
  db.exec(`PRAGMA ${name} = ${value}`)
  const found = pragma(db, name)
  if (found === value) return
  throw new SottoClientError(
    'storage_unreadable',
    `${path} cannot be opened with ${name}=${value} (it has ${found}): put it on a local disk.`,
  )
}

function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
}

/** Whether the database is new. @throws `storage_newer`, `storage_unreadable` for one of another program. */
export function isNew(db: DatabaseSync, path: string): boolean {
  const id = pragma(db, 'application_id')
  const version = Number(pragma(db, 'user_version'))
  if (id === applicationId) {
    if (version > schemaVersion)
      throw new SottoClientError(
        'storage_newer',
        `${path} was written by a newer version (schema ${version} > ${schemaVersion}).`,
      )
    return false
  }
  const { tables } = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number }
  if (id === 0 && tables === 0) return true
  throw new SottoClientError('storage_unreadable', `${path} is a database of another program: name another file.`)
}

/** Makes the schema and keeps what opens it again, in one step. */
export function createSchema(db: DatabaseSync, keyRecord: string, check: Uint8Array): void {
  db.exec(`BEGIN IMMEDIATE;
    CREATE TABLE seal(one INTEGER PRIMARY KEY CHECK (one = 1), key_record TEXT NOT NULL, check_value BLOB NOT NULL);
    -- key: UTF-16, high byte first, whose bytes sort as JavaScript sorts text.
    CREATE TABLE item(collection TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (collection, key)) WITHOUT ROWID;
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${schemaVersion}`)
  db.prepare('INSERT INTO seal(one, key_record, check_value) VALUES (1, ?, ?)').run(keyRecord, check)
  db.exec('COMMIT')
}

/** What `createSchema` kept. */
export function sealOf(db: DatabaseSync): { readonly keyRecord: string; readonly check: Uint8Array } | undefined {
  const row = db.prepare('SELECT key_record AS keyRecord, check_value AS "check" FROM seal').get()
  return row as { keyRecord: string; check: Uint8Array } | undefined
}

/** The same name for the same file, whatever links lead to it. */
export function canonicalPath(path: string): string {
  const full = resolve(path)
  if (existsSync(full)) return realpathSync(full)
  return existsSync(dirname(full)) ? join(realpathSync(dirname(full)), basename(full)) : full
}
