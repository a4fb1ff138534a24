import type { DatabaseSync } from 'node:sqlite'
import { entryKinds } from '../store.ts'
import { prepared } from './statements.ts'

/**
 * Welcomes (RFC 9420 section 12.4.3.1) of MLS groups: one for all devices that a commit adds, each of which has an entry for
 * it. The entry is kept without the Welcome, an empty text in its place at the very end; it is filled in where it is read.
 */

/** How the frame of an entry for a Welcome ends while it is kept. */
export const emptyWelcome = '"welcome":""}'
const fillBefore = 2

export interface WelcomeRows {
  readonly groupMailbox: number
  readonly groupSeq: number
  readonly userId: string
  readonly data: string
  /** Packed (mailbox, seq): the entries that refer to it. */
  readonly entries: readonly number[]
}

export function putWelcome(db: DatabaseSync, { groupMailbox, groupSeq, userId, data, entries }: WelcomeRows): void {
  prepared(db, 'INSERT INTO welcomes(group_mailbox, group_seq, user_id, data) VALUES (?, ?, ?, ?)').run(
    groupMailbox,
    groupSeq,
    userId,
    data,
  )
  const refer = prepared(db, 'INSERT INTO welcome_entries(mailbox, seq, group_mailbox, group_seq) VALUES (?, ?, ?, ?)')
  for (let at = 0; at < entries.length; at += 2) refer.run(entries[at]!, entries[at + 1]!, groupMailbox, groupSeq)
}

/** The Welcome that an entry refers to; undefined: it is no more. */
export function welcomeOf(db: DatabaseSync, mailbox: number, seq: number): string | undefined {
  const row = prepared(
    db,
    `SELECT w.data FROM welcome_entries e JOIN welcomes w ON w.group_mailbox = e.group_mailbox AND w.group_seq = e.group_seq
     WHERE e.mailbox = ? AND e.seq = ?`,
  ).get(mailbox, seq) as { data: string } | undefined
  return row?.data
}

/** Welcomes by a user that wait in a mailbox, each counted whole. */
export function waitingWelcomes(
  db: DatabaseSync,
  mailbox: number,
  userId: string,
): { readonly entries: number; readonly bytes: number } {
  const row = prepared(
    db,
    `SELECT count(*) AS entries, coalesce(sum(octet_length(w.data)), 0) AS bytes FROM welcome_entries e
       JOIN welcomes w ON w.group_mailbox = e.group_mailbox AND w.group_seq = e.group_seq
     WHERE e.mailbox = ?1 AND w.user_id = ?2 AND e.seq > (SELECT floor FROM mailboxes WHERE no = ?1)`,
  ).get(mailbox, userId)
  return row as { entries: number; bytes: number }
}

/** The frame of an entry as it is delivered. */
export function filled(json: Buffer, welcome: Buffer): Buffer {
  return Buffer.concat(filledPieces(json, welcome))
}

/** The same in pieces: what is before the Welcome, the Welcome itself, and what is behind it. */
export function filledPieces(json: Buffer, welcome: Buffer): readonly [Buffer, Buffer, Buffer] {
  return [json.subarray(0, json.length - fillBefore), welcome, json.subarray(json.length - fillBefore)]
}

/** The frame of any settled entry as it is delivered. */
export function delivered(
  db: DatabaseSync,
  { mailbox, seq, kind, data }: { mailbox: number; seq: number; kind: number; data: Uint8Array },
): Uint8Array {
  if (kind !== entryKinds.welcome) return data
  const welcome = welcomeOf(db, mailbox, seq)
  if (welcome === undefined) return data
  return filled(Buffer.from(data.buffer, data.byteOffset, data.byteLength), Buffer.from(welcome, 'latin1'))
}

/** Forgets whose Welcomes they are; those who wait for them get them all the same. */
export function disownWelcomes(db: DatabaseSync, userId: string): void {
  prepared(db, "UPDATE welcomes SET user_id = '' WHERE user_id = ?").run(userId)
}

/** An entry for a Welcome, by its place. */
export interface WelcomePlace {
  readonly mailbox: number
  readonly seq: number
}

interface Step<place> {
  readonly after: place
  /** How many are looked at, so that appends never wait long. */
  readonly rows: number
}

/** Forgets references of entries that nobody reads any more. Returns where the next step begins; null: there is none. */
export function sweepWelcomeEntries(db: DatabaseSync, { after, rows }: Step<WelcomePlace>): WelcomePlace | null {
  const last = prepared(
    db,
    'SELECT mailbox, seq FROM welcome_entries WHERE (mailbox, seq) > (?, ?) ORDER BY mailbox, seq LIMIT 1 OFFSET ?',
  ).get(after.mailbox, after.seq, rows - 1) as WelcomePlace | undefined
  const to = last ?? { mailbox: Number.MAX_SAFE_INTEGER, seq: 0 }
  prepared(
    db,
    `DELETE FROM welcome_entries WHERE (mailbox, seq) > (?, ?) AND (mailbox, seq) <= (?, ?)
       AND (seq <= (SELECT floor FROM mailboxes WHERE no = welcome_entries.mailbox)
         OR NOT EXISTS (SELECT 1 FROM mailboxes WHERE no = welcome_entries.mailbox))`,
  ).run(after.mailbox, after.seq, to.mailbox, to.seq)
  return last === undefined ? null : { ...last }
}

/** Forgets Welcomes that no entry refers to any more. Returns the row after which the next step begins; null: there is none. */
export function sweepWelcomes(db: DatabaseSync, { after, rows }: Step<number>): number | null {
  const last = prepared(db, 'SELECT rowid FROM welcomes WHERE rowid > ? ORDER BY rowid LIMIT 1 OFFSET ?').get(after, rows - 1) as
    | { rowid: number }
    | undefined
  prepared(
    db,
    `DELETE FROM welcomes WHERE rowid > ? AND rowid <= ? AND NOT EXISTS (
       SELECT 1 FROM welcome_entries e WHERE e.group_mailbox = welcomes.group_mailbox AND e.group_seq = welcomes.group_seq)`,
  ).run(after, last?.rowid ?? Number.MAX_SAFE_INTEGER)
  return last?.rowid ?? null
}
