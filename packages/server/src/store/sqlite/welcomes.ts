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

/** Bytes of Welcomes by a user that wait in a mailbox, each counted whole. */
export function welcomeBytes(db: DatabaseSync, mailbox: number, userId: string): number {
  const row = prepared(
    db,
    `SELECT coalesce(sum(length(w.data)), 0) AS bytes FROM welcome_entries e
       JOIN welcomes w ON w.group_mailbox = e.group_mailbox AND w.group_seq = e.group_seq
     WHERE e.mailbox = ?1 AND w.user_id = ?2 AND e.seq > (SELECT floor FROM mailboxes WHERE no = ?1)`,
  ).get(mailbox, userId)
  return (row as { bytes: number }).bytes
}

/** The frame of an entry as it is delivered. */
export function filled(json: Uint8Array, welcome: string | Uint8Array): Buffer {
  const bytes = typeof welcome === 'string' ? Buffer.from(welcome, 'latin1') : welcome
  const head = json.subarray(0, json.length - fillBefore)
  return Buffer.concat([head, bytes, json.subarray(json.length - fillBefore)])
}

/** The frame of any settled entry as it is delivered. */
export function delivered(
  db: DatabaseSync,
  { mailbox, seq, kind, data }: { mailbox: number; seq: number; kind: number; data: Uint8Array },
): Uint8Array {
  if (kind !== entryKinds.welcome) return data
  const welcome = welcomeOf(db, mailbox, seq)
  return welcome === undefined ? data : filled(data, welcome)
}

/** Forgets the Welcomes that no entry refers to any more. */
export function sweepWelcomes(db: DatabaseSync): void {
  prepared(
    db,
    `DELETE FROM welcome_entries WHERE seq <= (SELECT floor FROM mailboxes WHERE no = welcome_entries.mailbox)
       OR NOT EXISTS (SELECT 1 FROM mailboxes WHERE no = welcome_entries.mailbox)`,
  ).run()
  prepared(
    db,
    `DELETE FROM welcomes WHERE NOT EXISTS (
       SELECT 1 FROM welcome_entries e WHERE e.group_mailbox = welcomes.group_mailbox AND e.group_seq = welcomes.group_seq)`,
  ).run()
}
