import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { StoreRefusal } from '../refusal.ts'
import { recordsOf } from './journal.ts'
import { fileAddress, whoHolds } from './lock.ts'
import { resultCode } from './result-code.ts'
import { applicationId, migrations } from './schema.ts'
import { sqliteIsAccepted, sqliteVersionMin } from './sqlite-version.ts'

/** What a look at a database file found. */
export type DatabaseInspection =
  /** No file, or one that nothing was written to yet: the next start makes the tables. */
  | { readonly state: 'absent' | 'empty' }
  /** A database of another program, or no database at all. */
  | { readonly state: 'foreign'; readonly why: string }
  /** It cannot be opened or read. */
  | { readonly state: 'unreadable'; readonly why: string }
  | DatabaseFacts

export interface DatabaseFacts {
  readonly state: 'readable'
  readonly schemaVersion: number
  /** The version that this program brings a database to. */
  readonly schemaVersionNewest: number
  /** As the file says: `wal`, or another one. */
  readonly isWal: boolean
  /** `PRAGMA synchronous` as read back after it was set like the server sets it: 2 is FULL. */
  readonly synchronous: number
  /** What `PRAGMA integrity_check` complains of; undefined when it was left out. */
  readonly damage: readonly string[] | undefined
  readonly databaseBytes: number
  /** The write-ahead log. */
  readonly logBytes: number
  /** What was appended and not filed yet; undefined with the rest below when damage keeps it from being read. */
  readonly journal: { readonly rows: number; readonly bytes: number } | undefined
  /** The time of the newest message, milliseconds since 1970; 0: there is none. */
  readonly newestReceivedAt: number | undefined
}

export interface InspectOptions {
  /** Whether to read every page, which takes as long as the file is large. */
  readonly integrity: boolean
}

/** Complaints of the integrity check that are listed. */
const damageMax = 10
const busyTimeoutMs = 5_000
/** SQLITE_CORRUPT, SQLITE_NOTADB */
const corrupt = 11
const notADatabase = 26

/** SQLite as this Node.js brings it, and whether the store takes it. */
export function inspectSqlite(): { readonly version: string; readonly isAccepted: boolean; readonly versionMin: string } {
  const db = new DatabaseSync(':memory:')
  try {
    const { version } = db.prepare('SELECT sqlite_version() AS version').get() as { version: string }
    return { version, isAccepted: sqliteIsAccepted(version), versionMin: sqliteVersionMin }
  } finally {
    db.close()
  }
}

/**
 * Looks at a database file and changes nothing, whether a server has it open or not. Throws `StoreRefusal` when its
 * lock file cannot be used.
 */
export function inspectDatabase(path: string, options: InspectOptions): DatabaseInspection {
  try {
    const atRest = isAtRest(path)
    const found = look(path, atRest, options)
    // A server that has started meanwhile may have written beneath a reader that takes the file for unchanging.
    return atRest && !isAtRest(path) ? look(path, false, options) : found
  } catch (error) {
    if (error instanceof StoreRefusal) throw error
    const why = error instanceof Error ? error.message : String(error)
    if (resultCode(error) === notADatabase) return { state: 'foreign', why: 'it is not a database' }
    return { state: 'unreadable', why: resultCode(error) === corrupt ? `corrupt: ${why}` : why }
  }
}

/** Nobody has it open, and the file is all there is. A reader then needs no files beside it, and must leave none. */
function isAtRest(path: string): boolean {
  return whoHolds(path) === undefined && sizeOf(`${path}-wal`) === 0 && sizeOf(`${path}-journal`) === 0
}

function look(path: string, atRest: boolean, options: InspectOptions): DatabaseInspection {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return { state: 'absent' }
  const address = fileAddress(path, atRest ? 'immutable=1' : 'mode=ro')
  const db = new DatabaseSync(address, { readOnly: true, timeout: busyTimeoutMs })
  try {
    const id = number(db, 'PRAGMA application_id')
    const tables = number(db, 'SELECT count(*) FROM sqlite_schema')
    if (id === 0 && tables === 0) return { state: 'empty' }
    if (id !== applicationId) return { state: 'foreign', why: 'it is a database of another program' }
    const wal = atRest ? saysWal(path) : db.prepare('PRAGMA journal_mode').get()?.journal_mode === 'wal'
    return factsOf(db, path, wal, options)
  } finally {
    db.close()
  }
}

function factsOf(db: DatabaseSync, path: string, wal: boolean, { integrity }: InspectOptions): DatabaseFacts {
  db.exec('PRAGMA synchronous = FULL')
  return {
    state: 'readable',
    schemaVersion: number(db, 'PRAGMA user_version'),
    schemaVersionNewest: migrations.length,
    isWal: wal,
    synchronous: number(db, 'PRAGMA synchronous'),
    damage: integrity ? damageOf(db) : undefined,
    databaseBytes: sizeOf(path),
    logBytes: sizeOf(`${path}-wal`),
    ...contentsOf(db),
  }
}

function damageOf(db: DatabaseSync): string[] {
  try {
    const rows = db.prepare(`PRAGMA integrity_check(${damageMax})`).all()
    const complaints = rows.map((row) => String(Object.values(row)[0]))
    return complaints.length === 1 && complaints[0] === 'ok' ? [] : complaints
  } catch (error) {
    if (resultCode(error) !== corrupt) throw error
    return [(error as Error).message]
  }
}

function contentsOf(db: DatabaseSync): Pick<DatabaseFacts, 'journal' | 'newestReceivedAt'> {
  try {
    const journal = db.prepare('SELECT count(*) AS rows, coalesce(sum(length(data)), 0) AS bytes FROM journal').get() as {
      rows: number
      bytes: number
    }
    const filed = number(db, 'SELECT coalesce(max(received_at), 0) FROM mailboxes')
    const last = db.prepare('SELECT data FROM journal ORDER BY pos DESC LIMIT 1').get() as { data: Uint8Array } | undefined
    const appended = last === undefined ? [] : recordsOf(last.data)
    const newestReceivedAt = appended.reduce((newest, { receivedAt }) => Math.max(newest, receivedAt), filed)
    return { journal: { ...journal }, newestReceivedAt }
  } catch {
    // Damaged, which the integrity check says better, or of a schema that is not ours to read.
    return { journal: undefined, newestReceivedAt: undefined }
  }
}

/**
 * Bytes 18 and 19 of the file, the write and the read version: 2 is a write-ahead log (sqlite.org/fileformat.html).
 * Only at rest: closing a descriptor lets go of every lock that this process has on the file.
 */
function saysWal(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const versions = Buffer.alloc(2)
    readSync(file, versions, { position: 18 })
    return versions.equals(Buffer.from([2, 2]))
  } finally {
    closeSync(file)
  }
}

function number(db: DatabaseSync, sql: string): number {
  return Number(Object.values(db.prepare(sql).get() ?? {})[0])
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
