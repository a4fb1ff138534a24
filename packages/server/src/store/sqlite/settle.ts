import type { DatabaseSync } from 'node:sqlite'
import { idempotencyKey } from './idempotency/key.ts'
import { recordBytes, writeRecord } from './idempotency/record.ts'
import { contentDigest, type JournalRecord, recordsOf } from './journal.ts'
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

export interface Settled {
  /** For the idempotency index, packed. */
  readonly ids: Buffer
  /** Packed (mailbox, bytes): what went to `entries`. */
  readonly kept: Float64Array
}

export function settle(db: DatabaseSync, { upTo, floors }: Settle): Settled {
  const floorOf = currentFloors(db, floors)
  const rows = prepared(db, 'SELECT data FROM journal WHERE pos <= ? ORDER BY pos').all(upTo) as { data: Uint8Array }[]
  const heads = new Map<number, Head>()
  const kept: JournalRecord[] = []
  const ids = new PackedIds()
  for (const { data } of rows) {
    for (const record of recordsOf(data)) {
      const { mailbox, seq, receivedAt } = record
      const head = heads.get(mailbox)
      if (head === undefined) heads.set(mailbox, { seq, receivedAt })
      else {
        head.seq = seq
        head.receivedAt = receivedAt
      }
      if (record.id !== '') ids.add(record)
      if (seq > (floorOf.get(mailbox) ?? 0)) kept.push(record)
    }
  }
  const bytes = insert(db, kept)
  const save = prepared(db, 'UPDATE mailboxes SET head = ?2, received_at = ?3 WHERE no = ?1')
  for (const [no, head] of heads) save.run(no, head.seq, head.receivedAt)
  prepared(db, 'DELETE FROM journal WHERE pos <= ?').run(upTo)
  return { ids: ids.take(), kept: bytes }
}

interface Head {
  seq: number
  receivedAt: number
}

/** A mailbox may have been trimmed since the settlement was planned. */
function currentFloors(db: DatabaseSync, floors: Float64Array): Map<number, number> {
  const select = prepared(db, 'SELECT floor FROM mailboxes WHERE no = ?')
  const floorOf = new Map<number, number>()
  for (let at = 0; at < floors.length; at += 2) {
    const row = select.get(floors[at]!) as { floor: number } | undefined
    floorOf.set(floors[at]!, Math.max(floors[at + 1]!, row?.floor ?? Number.MAX_SAFE_INTEGER))
  }
  return floorOf
}

/** In the order of the primary key, which is how a B-tree likes it. Returns packed (mailbox, bytes). */
function insert(db: DatabaseSync, kept: JournalRecord[]): Float64Array {
  const add = prepared(
    db,
    'INSERT OR REPLACE INTO entries(id, kind, sender, received_at, expires_at, data) VALUES (?1 << 32 | ?2, ?, ?, ?, ?, ?)',
  )
  const bytes = new Map<number, number>()
  kept.sort((a, b) => a.mailbox - b.mailbox || a.seq - b.seq)
  for (const { mailbox, seq, kind, sender, receivedAt, expiresAt, json } of kept) {
    add.run(mailbox, seq, kind, sender, receivedAt, expiresAt === 0 ? null : expiresAt, json)
    bytes.set(mailbox, (bytes.get(mailbox) ?? 0) + json.length)
  }
  return Float64Array.from([...bytes].flat())
}

/** Records of the idempotency index, packed as `IdempotencyWriter.addRun` takes them. */
class PackedIds {
  private packed = Buffer.allocUnsafe(1_024 * recordBytes)
  private used = 0

  add({ sender, id, device, expiresInMs, digestBytes, json, mailbox, seq, receivedAt }: JournalRecord): void {
    if (this.used === this.packed.length) this.packed = Buffer.concat([this.packed], this.packed.length * 2)
    writeRecord(this.packed, this.used, {
      key: idempotencyKey(sender, id),
      digest: contentDigest(device, expiresInMs, json.subarray(json.length - digestBytes)),
      mailboxNo: mailbox,
      seq,
      receivedAt,
    })
    this.used += recordBytes
  }

  take(): Buffer {
    return this.packed.subarray(0, this.used)
  }
}
