import type { DatabaseSync } from 'node:sqlite'
import type { Role } from '@sotto/protocol'
import type { GroupSummary } from '../store.ts'
import { dropMls, type LoadedMls, loadMls } from './mls-groups.ts'
import { prepared } from './statements.ts'

/** Groups as the writer thread keeps them. What may be changed is decided elsewhere; seqs come from the main thread. */

export interface LoadedGroup {
  readonly groupId: string
  readonly mailbox: number
  readonly name: string | null
  readonly protocol: GroupSummary['protocol']
  readonly version: number
  readonly createdAt: number
  readonly members: readonly (readonly [string, Role])[]
  readonly mls: LoadedMls | null
}

/** The group, if somebody is in it. */
export function loadGroup(db: DatabaseSync, groupId: string): LoadedGroup | undefined {
  const row = prepared(db, 'SELECT * FROM groups WHERE group_id = ?').get(groupId) as
    | { mailbox: number; name: string | null; protocol: GroupSummary['protocol']; version: number; created_at: number }
    | undefined
  if (row === undefined) return undefined
  const members = prepared(
    db,
    'SELECT user_id, role FROM members WHERE group_id = ? AND to_seq IS NULL ORDER BY from_seq, user_id',
  ).all(groupId) as { user_id: string; role: Role }[]
  if (members.length === 0) return undefined
  return {
    groupId,
    mailbox: row.mailbox,
    name: row.name,
    protocol: row.protocol,
    version: row.version,
    createdAt: row.created_at,
    members: members.map(({ user_id, role }) => [user_id, role] as const),
    mls: row.protocol === 'mls' ? loadMls(db, groupId) : null,
  }
}

export interface GroupRows {
  readonly groupId: string
  readonly mailbox: number
  /** Set when the group comes to exist. */
  readonly create: { readonly name: string | null; readonly createdAt: number } | null
  readonly version: number
  /** The seq of the membership entry: where windows open and close. */
  readonly seq: number
  readonly add: readonly (readonly [string, Role])[]
  readonly remove: readonly string[]
  readonly roles: readonly (readonly [string, Role])[]
}

/** Devices of those who were added (holding entries back from now on) and removed (until the change, inclusive). */
export interface AppliedGroup {
  readonly joined: readonly number[]
  readonly left: readonly number[]
}

/** Writes a decided change. Of an MLS group: that it is deleted. */
export function applyGroup(db: DatabaseSync, rows: GroupRows): AppliedGroup {
  const { groupId, mailbox, seq } = rows
  if (rows.create !== null) {
    prepared(
      db,
      "INSERT INTO groups(group_id, mailbox, name, protocol, version, created_at) VALUES (?, ?, ?, 'opaque', ?, ?)",
    ).run(groupId, mailbox, rows.create.name, rows.version, rows.create.createdAt)
  } else {
    prepared(db, 'UPDATE groups SET version = ? WHERE group_id = ?').run(rows.version, groupId)
  }
  const joined: number[] = []
  const left: number[] = []
  const devices = prepared(db, 'SELECT no FROM devices WHERE user_id = ? AND holds = 1 AND revoked_at IS NULL')
  for (const [userId, role] of rows.add) {
    prepared(db, 'INSERT INTO members(group_id, user_id, from_seq, to_seq, role) VALUES (?, ?, ?, NULL, ?)').run(
      groupId,
      userId,
      seq,
      role,
    )
    for (const { no } of devices.all(userId) as { no: number }[]) {
      prepared(
        db,
        'INSERT INTO cursors(mailbox, device, seq, until) VALUES (?, ?, ?, NULL) ON CONFLICT DO UPDATE SET until = NULL',
      ).run(mailbox, no, seq)
      joined.push(no)
    }
  }
  for (const userId of rows.remove) {
    prepared(db, 'UPDATE members SET to_seq = ? WHERE group_id = ? AND user_id = ? AND to_seq IS NULL').run(seq, groupId, userId)
    prepared(
      db,
      'UPDATE group_devices SET to_seq = ? WHERE group_id = ? AND to_seq IS NULL AND device IN (SELECT no FROM devices WHERE user_id = ?)',
    ).run(seq, groupId, userId)
    const ended = prepared(
      db,
      `UPDATE cursors SET until = ? WHERE mailbox = ? AND until IS NULL AND device IN (SELECT no FROM devices WHERE user_id = ?)
       RETURNING device`,
    ).all(seq, mailbox, userId) as { device: number }[]
    for (const { device } of ended) left.push(device)
  }
  for (const [userId, role] of rows.roles) {
    prepared(db, 'UPDATE members SET role = ? WHERE group_id = ? AND user_id = ? AND to_seq IS NULL').run(role, groupId, userId)
  }
  return { joined, left }
}

/** The groups that a user is in now, in the order of their ids. */
export function listGroups(
  db: DatabaseSync,
  { userId, after, limit }: { userId: string; after: string; limit: number },
): GroupSummary[] {
  const rows = prepared(
    db,
    `SELECT g.group_id, g.name, g.protocol, g.created_at, m.role,
       (SELECT user_id FROM members o WHERE o.group_id = g.group_id AND o.to_seq IS NULL AND o.role = 'owner') AS owner,
       (SELECT json_group_array(user_id) FROM members a WHERE a.group_id = g.group_id AND a.to_seq IS NULL AND a.role = 'admin') AS admins
     FROM members m JOIN groups g ON g.group_id = m.group_id
     WHERE m.user_id = ? AND m.group_id > ? AND m.to_seq IS NULL ORDER BY m.group_id LIMIT ?`,
  ).all(userId, after, limit) as {
    group_id: string
    name: string | null
    protocol: GroupSummary['protocol']
    created_at: number
    role: Role
    owner: string
    admins: string
  }[]
  return rows.map((row) => ({
    groupId: row.group_id,
    name: row.name,
    protocol: row.protocol,
    ownerId: row.owner,
    admins: JSON.parse(row.admins) as string[],
    createdAt: row.created_at,
    role: row.role,
  }))
}

/** The ids of the groups that a user is in now. */
export function groupsOf(db: DatabaseSync, userId: string): string[] {
  const rows = prepared(db, 'SELECT group_id FROM members WHERE user_id = ? AND to_seq IS NULL ORDER BY group_id').all(userId)
  return (rows as { group_id: string }[]).map((row) => row.group_id)
}

/**
 * Drops windows of users that nothing can be read through any more, and groups that nobody can read. Returns the mailboxes that
 * are no more.
 */
export function purgeGroups(db: DatabaseSync): number[] {
  prepared(
    db,
    `DELETE FROM members WHERE to_seq IS NOT NULL AND to_seq <= (
       SELECT b.floor FROM groups g JOIN mailboxes b ON b.no = g.mailbox WHERE g.group_id = members.group_id)`,
  ).run()
  prepared(
    db,
    'DELETE FROM cursors WHERE until IS NOT NULL AND until <= (SELECT floor FROM mailboxes WHERE no = cursors.mailbox)',
  ).run()
  const empty = prepared(
    db,
    `SELECT g.group_id, g.mailbox FROM groups g
     WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.group_id = g.group_id)`,
  ).all() as { group_id: string; mailbox: number }[]
  for (const { group_id, mailbox } of empty) {
    prepared(db, 'DELETE FROM groups WHERE group_id = ?').run(group_id)
    dropMls(db, group_id)
    prepared(db, 'DELETE FROM cursors WHERE mailbox = ?').run(mailbox)
    prepared(db, 'DELETE FROM entries WHERE id > (?1 << 32) AND id <= (?1 << 32 | 0xffffffff)').run(mailbox)
    prepared(db, 'DELETE FROM mailboxes WHERE no = ?').run(mailbox)
  }
  return empty.map(({ mailbox }) => mailbox)
}
