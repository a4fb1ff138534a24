import { existsSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../clock.ts'
import { StoreRefusal } from '../refusal.ts'
import { initial } from './migrations/0001-initial.ts'
import { keyPackages } from './migrations/0002-key-packages.ts'
import { mlsGroups } from './migrations/0003-mls-groups.ts'
import type { Migration } from './migrations/migration.ts'
import { resultCode } from './result-code.ts'
import { sqliteIsAccepted, sqliteVersionMin } from './sqlite-version.ts'

/** `PRAGMA application_id` of a Sotto database: "Sott" in ASCII. */
export const applicationId = 0x536f7474

/** Every step of the schema, in order. */
export const migrations: readonly Migration[] = [initial, keyPackages, mlsGroups]

/** Files up to this size are checked as a whole at each start. */
const quickCheckBytesMax = 64 * 1024 * 1024
const pageBytes = 8_192
const cacheKiB = 32 * 1024
export const busyTimeoutMs = 5_000

export interface ConnectionOptions {
  /** The file must exist; nothing is written. */
  readonly readOnly?: boolean
}

/**
 * Opens a database file with the settings that durability rests on (G1), each set and read back. Changes nothing in
 * a file that is not ours. Throws `StoreRefusal`.
 */
export function openConnection(path: string, { readOnly = false }: ConnectionOptions = {}): DatabaseSync {
  let db: DatabaseSync
  try {
    db = new DatabaseSync(path, { readOnly, enableForeignKeyConstraints: false, timeout: busyTimeoutMs })
  } catch (error) {
    throw cannotOpen(path, error)
  }
  try {
    requireSqlite(db)
    const isNew = identify(db, path)
    if (isNew && readOnly) throw new StoreRefusal(`${path} is empty: it is not a Sotto database; name the right file`)
    if (!readOnly) {
      if (isNew) settle(db, 'page_size', pageBytes)
      settle(db, 'journal_mode', 'wal')
    } else {
      verify(db, 'journal_mode', 'wal')
    }
    settle(db, 'synchronous', 2)
    settle(db, 'foreign_keys', 0)
    settle(db, 'cache_size', -cacheKiB)
    settle(db, 'temp_store', 2)
    settle(db, 'mmap_size', 0)
    settle(db, 'wal_autocheckpoint', 0)
    settle(db, 'busy_timeout', busyTimeoutMs)
    return db
  } catch (error) {
    db.close()
    throw error instanceof StoreRefusal ? error : cannotOpen(path, error)
  }
}

/**
 * Brings the schema to the newest version. Forward only; each step in a transaction of its own, so that a crash
 * anywhere leaves a version that the next start goes on from. Throws `StoreRefusal` for a database of a newer Sotto,
 * of another program, or a corrupt one.
 */
export function migrate(db: DatabaseSync, clock: Clock, steps: readonly Migration[] = migrations): void {
  const path = db.location() ?? 'the database'
  try {
    identify(db, path)
    checkPages(db, path)
    const newest = steps.length
    const version = Number(pragma(db, 'user_version'))
    if (version > newest) {
      throw new StoreRefusal(
        `${path} was made by a newer Sotto (schema version ${version} > ${newest}): start that version, or restore a backup`,
      )
    }
    for (const step of steps.slice(version)) apply(db, clock, step)
  } catch (error) {
    throw error instanceof StoreRefusal || !isUnreadable(error) ? error : corrupt(path, error)
  }
}

function apply(db: DatabaseSync, clock: Clock, step: Migration): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    step.up(db, clock)
    db.exec(`PRAGMA application_id = ${applicationId}`)
    db.exec(`PRAGMA user_version = ${step.version}`)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** Whether the file is new. Throws when it belongs to another program. */
function identify(db: DatabaseSync, path: string): boolean {
  const id = Number(pragma(db, 'application_id'))
  if (id === applicationId) return false
  const { tables } = db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number }
  if (id === 0 && tables === 0) return true
  throw new StoreRefusal(`${path} is a database of another program, not of Sotto: name another file`)
}

function checkPages(db: DatabaseSync, path: string): void {
  if (!existsSync(path) || statSync(path).size >= quickCheckBytesMax) return
  const found = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0]
  if (found !== 'ok') throw corrupt(path, new Error(String(found)))
}

function requireSqlite(db: DatabaseSync): void {
  const { version } = db.prepare('SELECT sqlite_version() AS version').get() as { version: string }
  if (!sqliteIsAccepted(version)) {
    throw new StoreRefusal(
      `this Node.js brings SQLite ${version}, which can corrupt a database while it is checkpointed: use a Node.js with SQLite ${sqliteVersionMin} or newer`,
    )
  }
}

/** Sets a pragma and reads it back: SQLite ignores what it cannot do without a word. */
function settle(db: DatabaseSync, name: string, value: string | number): void {
  db.exec(`PRAGMA ${name} = ${value}`)
  verify(db, name, value)
}

function verify(db: DatabaseSync, name: string, value: string | number): void {
  const found = pragma(db, name)
  if (found !== value) {
    const path = db.location() ?? 'the database'
    throw new StoreRefusal(`${path} cannot be opened with ${name}=${value} (it has ${found}): put it on a local disk`)
  }
}

function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
}

function isUnreadable(error: unknown): boolean {
  const code = resultCode(error)
  return code === 11 || code === 26
}

function corrupt(path: string, cause: unknown): StoreRefusal {
  return new StoreRefusal(`${path} is corrupt (${text(cause)}): restore a backup`, { cause })
}

function cannotOpen(path: string, cause: unknown): StoreRefusal {
  const code = resultCode(cause)
  if (code === 26) return new StoreRefusal(`${path} is not a database: name another file, or restore a backup`, { cause })
  if (code === 11) return corrupt(path, cause)
  return new StoreRefusal(`${path} cannot be opened (${text(cause)}): check that the directory exists and is writable`, { cause })
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
