import type { DatabaseSync } from 'node:sqlite'
import { mailboxName } from '../mailbox-name.ts'
import type { ReadLimit, Subscription, Window } from '../store.ts'
import { deviceWindows } from './mls-groups.ts'
import { prepared } from './statements.ts'
import { delivered } from './welcomes.ts'

/** What the reader thread answers from its own snapshot of the database. */

/** Settled entries, packed for the way between threads: one buffer, and `seq, kind, sender, receivedAt, expiresAt, end` for each. */
export interface PackedEntries {
  readonly meta: Float64Array
  readonly bytes: Uint8Array
  /** The seq up to which the page is complete: what is missing below it will not come. */
  readonly upTo: number
}

export const metaWidth = 6

interface EntryRow {
  seq: number
  kind: number
  sender: number
  received_at: number
  expires_at: number | null
  data: Uint8Array
}

/** Settled entries after `after`, up to `upTo`, until a limit is reached; at least one if there is any. */
export function readEntries(
  db: DatabaseSync,
  { mailbox, after, upTo, limit }: { mailbox: number; after: number; upTo: number; limit: ReadLimit },
): PackedEntries {
  const found = prepared(
    db,
    `SELECT id & 0xffffffff AS seq, kind, sender, received_at, expires_at, data FROM entries
     WHERE id > (?1 << 32 | ?2) AND id <= (?1 << 32 | ?3) ORDER BY id LIMIT ?4`,
  ).iterate(mailbox, after, upTo, limit.entries) as unknown as Iterable<EntryRow>
  const rows: EntryRow[] = []
  let total = 0
  let isFull = false
  // A row may be megabytes: no more of them are loaded than go out, but for the one that does not fit.
  for (const row of found) {
    row.data = delivered(db, { mailbox, ...row })
    isFull = rows.length > 0 && total + row.data.length > limit.bytes
    if (isFull) break
    total += row.data.length
    rows.push(row)
  }
  const count = rows.length
  const bytes = new Uint8Array(total)
  const meta = new Float64Array(count * metaWidth)
  let end = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]!
    bytes.set(row.data, end)
    end += row.data.length
    const at = i * metaWidth
    meta[at] = row.seq
    meta[at + 1] = row.kind
    meta[at + 2] = row.sender
    meta[at + 3] = row.received_at
    meta[at + 4] = row.expires_at ?? 0
    meta[at + 5] = end
  }
  const isCut = isFull || count === limit.entries
  return { meta, bytes, upTo: isCut ? rows[count - 1]!.seq : upTo }
}

/** The highest settled seq received before a time; `floor` when there is none above it. */
export function seekSettled(db: DatabaseSync, { mailbox, receivedAt }: { mailbox: number; receivedAt: number }): number {
  const at = prepared(
    db,
    'SELECT id & 0xffffffff AS seq, received_at FROM entries WHERE id > (?1 << 32 | ?2) AND id <= (?1 << 32 | 0xffffffff) ORDER BY id LIMIT 1',
  )
  const bounds = prepared(
    db,
    'SELECT floor, (SELECT max(id) & 0xffffffff FROM entries WHERE id > (?1 << 32) AND id <= (?1 << 32 | 0xffffffff)) AS last FROM mailboxes WHERE no = ?1',
  ).get(mailbox) as { floor: number; last: number | null } | undefined
  if (bounds === undefined || bounds.last === null) return bounds?.floor ?? 0
  // Times never fall as seqs rise: a binary search over seqs, holes skipped upwards.
  let low = bounds.floor
  let high = bounds.last
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const row = at.get(mailbox, middle) as { seq: number; received_at: number } | undefined
    if (row === undefined || row.received_at >= receivedAt) high = middle
    else low = row.seq
  }
  return low
}

interface SubscriptionRow {
  no: number
  kind: 'user' | 'device' | 'group'
  owner: string
  head: number
  floor: number
  cursor: number | null
}

/**
 * What a device reads. `device` 0 stands for one that does not exist yet: it reads like a user's first device if
 * there is no other, like a later one otherwise.
 */
export function readSubscriptions(db: DatabaseSync, { device, userId }: { device: number; userId: string }): Subscription[] {
  const found = prepared(db, 'SELECT device_id, user_from FROM devices WHERE no = ?').get(device) as
    | { device_id: string; user_from: number }
    | undefined
  const rows = prepared(
    db,
    `SELECT b.no, b.kind, b.owner, b.head, b.floor, c.seq AS cursor FROM mailboxes b LEFT JOIN cursors c ON c.mailbox = b.no AND c.device = ?1
     WHERE (b.kind = 'user' AND b.owner = ?2) OR (b.kind = 'device' AND b.owner = ?2 || '/' || ?3)
     ORDER BY b.kind`,
  ).all(device, userId, found?.device_id ?? '/') as unknown as SubscriptionRow[]
  const others = prepared(db, 'SELECT 1 FROM devices WHERE user_id = ? AND revoked_at IS NULL LIMIT 1').get(userId) !== undefined
  const own = rows.map((row): Subscription => {
    const start = row.kind === 'device' ? 0 : (found?.user_from ?? (others ? row.head : 0))
    return {
      mailbox: mailboxName(row.no),
      kind: row.kind,
      groupId: null,
      cursor: row.cursor ?? Math.max(start, row.floor),
      head: row.head,
      windows: [{ from: start, to: Number.POSITIVE_INFINITY }],
      after: 0,
    }
  })
  return [...own, ...groupSubscriptions(db, device, userId), ...mlsSubscriptions(db, device)]
}

interface WindowRow {
  group_id: string
  mailbox: number
  head: number
  floor: number
  from_seq: number
  to_seq: number | null
  cursor: number | null
}

function groupSubscriptions(db: DatabaseSync, device: number, userId: string): Subscription[] {
  const rows = prepared(
    db,
    `SELECT m.group_id, g.mailbox, b.head, b.floor, m.from_seq, m.to_seq, c.seq AS cursor
     FROM members m JOIN groups g ON g.group_id = m.group_id JOIN mailboxes b ON b.no = g.mailbox
     LEFT JOIN cursors c ON c.mailbox = g.mailbox AND c.device = ?
     WHERE m.user_id = ? AND g.protocol = 'opaque' ORDER BY m.group_id, m.from_seq`,
  ).all(device, userId) as unknown as WindowRow[]
  const byGroup = new Map<string, { row: WindowRow; windows: Window[] }>()
  for (const row of rows) {
    const window = { from: row.from_seq, to: row.to_seq ?? Number.POSITIVE_INFINITY }
    const group = byGroup.get(row.group_id)
    if (group === undefined) byGroup.set(row.group_id, { row, windows: [window] })
    else group.windows.push(window)
  }
  return [...byGroup.values()].map(({ row, windows }) => ({
    mailbox: mailboxName(row.mailbox),
    kind: 'group',
    groupId: row.group_id,
    cursor: row.cursor ?? Math.max(windows[0]!.from, row.floor),
    head: row.head,
    windows,
    after: 0,
  }))
}

/** Of an MLS group a device reads its own windows, whoever its user is. */
function mlsSubscriptions(db: DatabaseSync, device: number): Subscription[] {
  const find = prepared(
    db,
    'SELECT b.head, b.floor, c.seq AS cursor FROM mailboxes b LEFT JOIN cursors c ON c.mailbox = b.no AND c.device = ?1 WHERE b.no = ?2',
  )
  return deviceWindows(db, device).map(({ groupId, mailbox, windows, welcomeSeq }) => {
    const row = find.get(device, mailbox) as { head: number; floor: number; cursor: number | null }
    return {
      mailbox: mailboxName(mailbox),
      kind: 'group',
      groupId,
      cursor: row.cursor ?? Math.max(windows[0]!.from, row.floor),
      head: row.head,
      windows,
      after: welcomeSeq,
    }
  })
}
