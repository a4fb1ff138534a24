import type { DatabaseSync } from 'node:sqlite'
import { prepared } from './statements.ts'

/** Rows that one step deletes at most, so that appends never wait long. */
const stepRows = 2_000

export interface Freed {
  readonly mailbox: number
  readonly entries: number
  readonly bytes: number
}

/** Deletes some of the entries whose own expiry has passed. `more`: there are others. */
export function sweepExpiring(db: DatabaseSync, now: number): { freed: Freed[]; more: boolean } {
  const rows = prepared(
    db,
    `DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE expires_at <= ? LIMIT ${stepRows})
     RETURNING id >> 32 AS mailbox, length(data) AS bytes`,
  ).all(now) as { mailbox: number; bytes: number }[]
  const freed = new Map<number, { mailbox: number; entries: number; bytes: number }>()
  for (const { mailbox, bytes } of rows) {
    const sum = freed.get(mailbox) ?? { mailbox, entries: 0, bytes: 0 }
    sum.entries++
    sum.bytes += bytes
    freed.set(mailbox, sum)
  }
  return { freed: [...freed.values()], more: rows.length === stepRows }
}

export interface ExpiredFloor {
  readonly mailbox: number
  /** The last seq that was received before the time asked for. */
  readonly floor: number
  readonly entries: number
}

/**
 * Mailboxes after `after` whose oldest entries were received before a time, with the seq up to which they were: looks
 * at one entry of each mailbox, jumping from mailbox to mailbox along the primary key.
 */
export function expiredFloors(
  db: DatabaseSync,
  { receivedBefore, after, limit }: { receivedBefore: number; after: number; limit: number },
): { floors: ExpiredFloor[]; next: number | null } {
  const first = prepared(
    db,
    'SELECT id >> 32 AS mailbox, received_at FROM entries WHERE id >= (?1 + 1) << 32 ORDER BY id LIMIT 1',
  )
  const expired = prepared(
    db,
    `SELECT max(id) & 0xffffffff AS floor, count(*) AS entries FROM entries
     WHERE id > (?1 << 32) AND id <= (?1 << 32 | 0xffffffff) AND received_at < ?2`,
  )
  const floors: ExpiredFloor[] = []
  let at = after
  for (let seen = 0; seen < limit; seen++) {
    const row = first.get(at) as { mailbox: number; received_at: number } | undefined
    if (row === undefined) return { floors, next: null }
    at = row.mailbox
    if (row.received_at >= receivedBefore) continue
    const { floor, entries } = expired.get(at, receivedBefore) as { floor: number; entries: number }
    floors.push({ mailbox: at, floor, entries })
  }
  return { floors, next: at }
}
