import type { DatabaseSync } from 'node:sqlite'
import { idempotencyKey } from './idempotency/key.ts'
import { recordBytes, writeRecord } from './idempotency/record.ts'
import { contentDigest, readRecords } from './journal.ts'
import { prepared } from './statements.ts'

/**
 * Settling turns journal rows into their final form, in one transaction: entries that somebody still waits for go
 * to `entries`, ids to the idempotency index, heads to `mailboxes`; the rows are deleted. What was acknowledged
 * meanwhile is written nowhere.
 */
export interface Settle {
  /** Journal rows up to this position. */
  readonly upTo: number
  /** Packed (mailbox, floor): nothing at or below it is kept. */
  readonly floors: Float64Array
}

/** Settles. Returns the ids for the idempotency index, packed, and how many entries were kept. */
export function settle(db: DatabaseSync, { upTo, floors }: Settle): { ids: Buffer; entries: number } {
  const floorOf = new Map<number, number>()
  for (let at = 0; at < floors.length; at += 2) floorOf.set(floors[at]!, floors[at + 1]!)
  const insert = prepared(db, 'INSERT OR REPLACE INTO entries(id, kind, sender, received_at, expires_at, data) VALUES (?1 << 32 | ?2, ?, ?, ?, ?, ?)')
  const rows = prepared(db, 'SELECT data FROM journal WHERE pos <= ? ORDER BY pos').all(upTo) as { data: Uint8Array }[]
  const heads = new Map<number, { seq: number; receivedAt: number }>()
  const ids: Buffer[] = []
  let entries = 0
  for (const { data } of rows) {
    for (const record of readRecords(data)) {
      heads.set(record.mailbox, { seq: record.seq, receivedAt: record.receivedAt })
      if (record.id !== '') {
        const packed = Buffer.allocUnsafe(recordBytes)
        const content = record.json.subarray(record.json.length - record.digestBytes)
        writeRecord(packed, 0, {
          key: idempotencyKey(record.sender, record.id),
          digest: contentDigest(record.device, record.expiresInMs, content),
          mailboxNo: record.mailbox,
          seq: record.seq,
          receivedAt: record.receivedAt,
        })
        ids.push(packed)
      }
      if (record.seq <= (floorOf.get(record.mailbox) ?? 0)) continue
      insert.run(
        record.mailbox,
        record.seq,
        record.kind,
        record.sender,
        record.receivedAt,
        record.expiresAt === 0 ? null : record.expiresAt,
        record.json,
      )
      entries++
    }
  }
  const save = prepared(db, 'UPDATE mailboxes SET head = ?2, received_at = ?3 WHERE no = ?1')
  for (const [no, head] of heads) save.run(no, head.seq, head.receivedAt)
  prepared(db, 'DELETE FROM journal WHERE pos <= ?').run(upTo)
  return { ids: Buffer.concat(ids), entries }
}
