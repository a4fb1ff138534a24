import { accessSync, constants, existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { Clock } from '../../clock.ts'
import { StoreRefusal } from '../refusal.ts'
import { resultCode } from './result-code.ts'

/** One process, and one store in it, for each database. The system frees it when the process dies, however it dies. */
export interface DatabaseLock {
  release(): void
}

export interface Holder {
  readonly pid: number
  /** Milliseconds since 1970. */
  readonly since: number
}

/** Open locks: a connection that is collected as garbage would let go of its lock. */
const held = new Set<DatabaseSync>()

/** How long a starting process waits for another one that is starting too. */
const contendMs = 300

/**
 * Takes the lock of a database: an open transaction on the small file `<path>.lock`, which also says who holds it.
 * Throws `StoreRefusal` when another process, or another store of this one, has it.
 *
 * The lock file is opened by SQLite alone: on POSIX, closing any other descriptor of it would drop the lock.
 */
export function lockDatabase(path: string, clock: Clock): DatabaseLock {
  const lockPath = `${canonical(path)}.lock`
  const me: Holder = { pid: process.pid, since: clock.now() }
  let db: DatabaseSync
  try {
    db = new DatabaseSync(lockPath, { timeout: contendMs })
  } catch (error) {
    throw new StoreRefusal(`${lockPath} cannot be opened: check that the directory exists and is writable`, { cause: error })
  }
  try {
    announce(db, me)
    db.exec('BEGIN IMMEDIATE')
    const holder = holderOf(db)
    // Between our commit and our transaction another process may have announced itself: it wins.
    if (holder?.pid !== me.pid || holder.since !== me.since) throw inUse(path, holder)
  } catch (error) {
    const refusal = error instanceof StoreRefusal ? error : refused(db, path, lockPath, error)
    db.close()
    throw refusal
  }
  held.add(db)
  return {
    release() {
      if (held.delete(db)) db.close()
    },
  }
}

/**
 * Who has the lock of a database now: its holder, `unknown` while that is being written, undefined when nobody has it.
 * Creates and changes nothing. Throws `StoreRefusal` when the lock file cannot be used.
 */
export function whoHolds(path: string): Holder | 'unknown' | undefined {
  const lockPath = `${canonical(path)}.lock`
  if (!existsSync(lockPath)) return undefined
  let db: DatabaseSync
  try {
    db = new DatabaseSync(fileAddress(lockPath, 'mode=rw'), { timeout: 0 })
  } catch (error) {
    throw new StoreRefusal(`${lockPath} cannot be opened: check who may read it`, { cause: error })
  }
  try {
    // A connection that may not write does not try the lock.
    if (!isWritable(lockPath)) return aliveHolder(db)
    db.exec('BEGIN IMMEDIATE')
    db.exec('ROLLBACK')
    return undefined
  } catch (error) {
    if (resultCode(error) !== busy) throw new StoreRefusal(unusable(lockPath), { cause: error })
    return knownHolder(db) ?? 'unknown'
  } finally {
    db.close()
  }
}

/** For those who may not try the lock: the process that took it last, if it still runs. */
function aliveHolder(db: DatabaseSync): Holder | undefined {
  const holder = knownHolder(db)
  if (holder === undefined) return undefined
  try {
    process.kill(holder.pid, 0)
    return holder
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? holder : undefined
  }
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** The address of a file for SQLite, with parameters (sqlite.org/uri.html). */
export function fileAddress(path: string, parameters: string): URL {
  const address = pathToFileURL(path)
  address.search = parameters
  return address
}

function announce(db: DatabaseSync, me: Holder): void {
  db.exec('BEGIN IMMEDIATE')
  db.exec(
    'CREATE TABLE IF NOT EXISTS holder(one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER NOT NULL, since INTEGER NOT NULL)',
  )
  db.prepare('INSERT OR REPLACE INTO holder(one, pid, since) VALUES (1, ?, ?)').run(me.pid, me.since)
  db.exec('COMMIT')
}

function holderOf(db: DatabaseSync): Holder | undefined {
  return db.prepare('SELECT pid, since FROM holder').get() as Holder | undefined
}

function refused(db: DatabaseSync, path: string, lockPath: string, cause: unknown): StoreRefusal {
  if (resultCode(cause) !== busy) return new StoreRefusal(unusable(lockPath), { cause })
  return inUse(path, knownHolder(db))
}

/** Undefined while it is being written, or when that was never finished. */
function knownHolder(db: DatabaseSync): Holder | undefined {
  try {
    return holderOf(db)
  } catch {
    return undefined
  }
}

function unusable(lockPath: string): string {
  return `${lockPath} cannot be used: if no Sotto is running, delete it and start again`
}

/** SQLITE_BUSY */
const busy = 5

function inUse(path: string, holder: Holder | undefined): StoreRefusal {
  if (holder === undefined) return new StoreRefusal(`${path} is in use by another process: stop it first`)
  const since = new Date(holder.since).toISOString()
  if (holder.pid === process.pid)
    return new StoreRefusal(`${path} is in use by this very process since ${since}: close that store first`)
  return new StoreRefusal(`${path} is in use by process ${holder.pid} since ${since}: stop it first`)
}

/** The same name for the same file, whatever links lead to it. */
function canonical(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  const directory = dirname(path)
  return existsSync(directory) ? join(realpathSync(directory), basename(path)) : path
}
