import { DatabaseSync } from 'node:sqlite'
import { idempotencyKey } from './key.ts'
import type { FirstAnswer, IdempotencyRecord } from './record.ts'
import { idempotencyTables } from './tables.ts'

/** Numbers from 0 to 1, the same ones for the same seed (a 32-bit mix of a counter). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

/** The record of message number `no`; later numbers are received later, one a millisecond. */
export function record(no: number): IdempotencyRecord {
  const digest = Buffer.alloc(16, no % 251)
  digest.writeUInt32LE(no)
  return { key: keyOf(no), digest, mailboxNo: no % 1000, seq: no, receivedAt: 1_700_000_000_000.5 + no }
}

export function keyOf(no: number): Buffer {
  return idempotencyKey(no % 17, `message-${no}`)
}

export function records(from: number, to: number): IdempotencyRecord[] {
  return Array.from({ length: to - from }, (_, i) => record(from + i))
}

/** An answer in a form that compares by value. */
export function plain(answer: FirstAnswer | undefined): unknown {
  if (answer === undefined) return undefined
  const { digest, mailboxNo, seq, receivedAt } = answer
  return { digest: Buffer.from(digest).toString('hex'), mailboxNo, seq, receivedAt }
}

export function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  // Tests close and copy files; they do not cut the power.
  db.exec('PRAGMA journal_mode = wal; PRAGMA synchronous = off')
  const { tables } = db.prepare("SELECT count(*) AS tables FROM sqlite_schema WHERE name = 'id_runs'").get() as { tables: number }
  if (tables === 0) db.exec(idempotencyTables)
  return db
}

/** What the tables hold: live runs, their records, and rows that belong to no live run. */
export function contents(db: DatabaseSync): { runs: number; records: number; blockBytes: number; strays: number } {
  return db
    .prepare(
      `SELECT
        (SELECT count(*) FROM id_runs WHERE state = 1) AS runs,
        (SELECT coalesce(sum(records), 0) FROM id_runs WHERE state = 1) AS records,
        (SELECT coalesce(sum(length(records)), 0) FROM id_blocks) AS blockBytes,
        (SELECT count(*) FROM id_runs WHERE state <> 1)
          + (SELECT count(*) FROM id_blocks WHERE run NOT IN (SELECT run FROM id_runs WHERE state = 1))
          + (SELECT count(*) FROM id_filters WHERE run NOT IN (SELECT run FROM id_runs WHERE state = 1)) AS strays`,
    )
    .get() as { runs: number; records: number; blockBytes: number; strays: number }
}
