import type { DatabaseSync } from 'node:sqlite'
import type { MailboxKind } from './mailbox.ts'
import { prepared } from './statements.ts'

/** Mailboxes as the writer thread sees them: loaded into the main thread's memory, created on demand. */

export interface MailboxKey {
  readonly kind: MailboxKind
  readonly owner: string
  readonly create: boolean
}

export interface LoadedMailbox {
  readonly no: number
  readonly kind: MailboxKind
  readonly owner: string
  /** The last entry that was settled; later ones stand in the journal. */
  readonly head: number
  readonly floor: number
  readonly limitFloor: number
  readonly delivered: number
  readonly receivedAt: number
  /** Bytes of the settled entries above the floor. */
  readonly bytes: number
  /** (device, seq, until) of each device that holds entries back; `until`: where a former member's window ends, else null. */
  readonly cursors: readonly (readonly [number, number, number | null])[]
  /** Settled and undelivered, by sending user. */
  readonly pairs: readonly PairCount[]
}

export interface PairCount {
  readonly userId: string
  readonly entries: number
  readonly bytes: number
  readonly last: number
}

interface Row {
  no: number
  kind: MailboxKind
  owner: string
  head: number
  floor: number
  limit_floor: number
  delivered: number
  received_at: number
}

export function loadMailbox(db: DatabaseSync, key: MailboxKey): LoadedMailbox | undefined {
  const select = prepared(db, 'SELECT * FROM mailboxes WHERE kind = ? AND owner = ?')
  let row = select.get(key.kind, key.owner) as Row | undefined
  if (row === undefined && key.create) {
    prepared(db, 'INSERT INTO mailboxes(kind, owner) VALUES (?, ?)').run(key.kind, key.owner)
    row = select.get(key.kind, key.owner) as unknown as Row
  }
  return row === undefined ? undefined : loaded(db, row)
}

export function loadMailboxByNumber(db: DatabaseSync, no: number): LoadedMailbox | undefined {
  const row = prepared(db, 'SELECT * FROM mailboxes WHERE no = ?').get(no) as Row | undefined
  return row === undefined ? undefined : loaded(db, row)
}

/** A mailbox of which a device holds entries back. */
export function loadHeldMailbox(db: DatabaseSync, { no, device }: { no: number; device: number }): LoadedMailbox | undefined {
  const cursor = prepared(db, 'SELECT 1 FROM cursors WHERE mailbox = ? AND device = ?').get(no, device)
  return cursor === undefined ? undefined : loadMailboxByNumber(db, no)
}

function loaded(db: DatabaseSync, row: Row): LoadedMailbox {
  const cursors = prepared(db, 'SELECT device, seq, until FROM cursors WHERE mailbox = ?').all(row.no) as {
    device: number
    seq: number
    until: number | null
  }[]
  const held = prepared(
    db,
    'SELECT coalesce(sum(length(data)), 0) AS bytes FROM entries WHERE id > (?1 << 32 | ?2) AND id <= (?1 << 32 | 0xffffffff)',
  ).get(row.no, row.floor) as { bytes: number }
  return {
    no: row.no,
    kind: row.kind,
    owner: row.owner,
    head: row.head,
    floor: row.floor,
    limitFloor: row.limit_floor,
    delivered: row.delivered,
    receivedAt: row.received_at,
    bytes: held.bytes,
    cursors: cursors.map(({ device, seq, until }) => [device, seq, until] as const),
    pairs: row.kind === 'group' ? [] : countPairs(db, { mailbox: row.no, after: Math.max(row.delivered, row.floor) }),
  }
}

/** What is settled in a mailbox after a seq, by sending user. */
export function countPairs(db: DatabaseSync, { mailbox, after }: { mailbox: number; after: number }): PairCount[] {
  return prepared(
    db,
    `SELECT d.user_id AS userId, count(*) AS entries, sum(length(e.data)) AS bytes, max(e.id & 0xffffffff) AS last
     FROM entries e JOIN devices d ON d.no = e.sender
     WHERE e.id > (?1 << 32 | ?2) AND e.id <= (?1 << 32 | 0xffffffff) GROUP BY d.user_id`,
  ).all(mailbox, after) as unknown as PairCount[]
}

/** Packed (mailbox, device, seq), as acknowledged: moves the persisted cursors forward. */
export function saveCursors(db: DatabaseSync, packed: Float64Array): void {
  const move = prepared(db, 'UPDATE cursors SET seq = ?3, acked = ?3 WHERE mailbox = ?1 AND device = ?2 AND seq < ?3')
  for (let at = 0; at < packed.length; at += 3) move.run(packed[at]!, packed[at + 1]!, packed[at + 2]!)
}

/** What a device has acknowledged in each mailbox that it holds entries back in; 0 where it has nothing yet. */
export function ackedCursors(db: DatabaseSync, { device }: { device: number }): { mailbox: number; seq: number }[] {
  const rows = prepared(db, 'SELECT mailbox, acked AS seq FROM cursors WHERE device = ? ORDER BY mailbox').all(device)
  return (rows as { mailbox: number; seq: number }[]).map((row) => ({ ...row }))
}

/** What the main thread knows of a mailbox and a restart must find again. */
export interface MailboxMarks {
  readonly no: number
  readonly floor: number
  readonly limitFloor: number
  readonly delivered: number
}

/** Persists marks and deletes the settled entries at or below each floor. Returns the bytes freed, in the same order. */
export function trimMailboxes(db: DatabaseSync, marks: readonly MailboxMarks[]): number[] {
  const save = prepared(
    db,
    'UPDATE mailboxes SET floor = max(floor, ?2), limit_floor = max(limit_floor, ?3), delivered = max(delivered, ?4) WHERE no = ?1',
  )
  const before = prepared(db, 'SELECT floor FROM mailboxes WHERE no = ?')
  const sum = prepared(
    db,
    'SELECT coalesce(sum(length(data)), 0) AS bytes FROM entries WHERE id > (?1 << 32) AND id <= (?1 << 32 | ?2)',
  )
  const remove = prepared(db, 'DELETE FROM entries WHERE id > (?1 << 32) AND id <= (?1 << 32 | ?2)')
  return marks.map((mark) => {
    const row = before.get(mark.no) as { floor: number } | undefined
    if (row === undefined) return 0
    save.run(mark.no, mark.floor, mark.limitFloor, mark.delivered)
    if (row.floor >= mark.floor) return 0
    const { bytes } = sum.get(mark.no, mark.floor) as { bytes: number }
    if (bytes > 0) remove.run(mark.no, mark.floor)
    return bytes
  })
}

/** The lowest seq up to which settled entries must go to free `excess` bytes. */
export function floorToFree(
  db: DatabaseSync,
  { mailbox, floor, excess }: { mailbox: number; floor: number; excess: number },
): number {
  const rows = prepared(
    db,
    'SELECT id & 0xffffffff AS seq, length(data) AS bytes FROM entries WHERE id > (?1 << 32 | ?2) AND id <= (?1 << 32 | 0xffffffff) ORDER BY id',
  ).iterate(mailbox, floor) as Iterable<{ seq: number; bytes: number }>
  let freed = 0
  let last = floor
  for (const { seq, bytes } of rows) {
    if (freed >= excess) break
    freed += bytes
    last = seq
  }
  return last
}
