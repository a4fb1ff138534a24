import type { DatabaseSync } from 'node:sqlite'
import type { Limits, MemberDevice, Role } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol/errors'
import { mailboxName } from '../mailbox-name.ts'
import type { DepartedLeaf, GroupInfo, Window } from '../store.ts'
import { admitMembers } from './admissions.ts'

import { prepared } from './statements.ts'
import { putWelcome, type WelcomeRows, waitingWelcomes } from './welcomes.ts'

/** MLS groups as the writer thread keeps them. What may be changed is decided elsewhere; seqs come from the main thread. */

export interface LoadedMls {
  readonly isDirect: boolean
  readonly generation: number
  readonly epoch: number
  readonly seq: number
  readonly devices: readonly (MemberDevice & { readonly no: number })[]
  readonly departed: readonly DepartedLeaf[]
}

export function loadMls(db: DatabaseSync, groupId: string): LoadedMls {
  const row = prepared(
    db,
    'SELECT is_direct AS isDirect, generation, epoch, commit_seq AS seq FROM mls_groups WHERE group_id = ?',
  ).get(groupId) as { isDirect: number; generation: number; epoch: number; seq: number }
  const devices = prepared(
    db,
    `SELECT d.no, d.user_id AS userId, d.device_id AS deviceId FROM group_devices g JOIN devices d ON d.no = g.device
     WHERE g.group_id = ? AND g.to_seq IS NULL`,
  ).all(groupId) as { no: number; userId: string; deviceId: string }[]
  const departed = prepared(
    db,
    'SELECT user_id AS userId, device_id AS deviceId, whole FROM departed WHERE group_id = ? ORDER BY user_id, device_id',
  ).all(groupId) as { userId: string; deviceId: string; whole: number }[]
  return {
    ...row,
    isDirect: row.isDirect === 1,
    devices: devices.map((device) => ({ ...device })),
    departed: departed.map(({ userId, deviceId, whole }) => ({ userId, deviceId, whole: whole === 1 })),
  }
}

export interface CommitAdmission {
  readonly by: string
  readonly groupId: string
  /** The group is to come to exist. */
  readonly creates: boolean
  readonly add: readonly MemberDevice[]
  readonly addUsers: readonly string[]
  readonly welcomeTo: readonly MemberDevice[]
  readonly welcomeBytes: number
  readonly limits: Limits
  readonly now: number
}

/**
 * Takes from the budgets for what a commit brings about. Returns the numbers of the devices that it adds. Throws `not_found`
 * (no such live device), `not_member` (a group of this id has been deleted and can still be read), `limit_reached`,
 * `rate_limited`.
 */
export function admitCommit(db: DatabaseSync, admission: CommitAdmission): number[] {
  const { by, groupId, creates, add, addUsers, welcomeTo, limits, now } = admission
  if (creates && prepared(db, 'SELECT 1 FROM groups WHERE group_id = ?').get(groupId) !== undefined) {
    throw new SottoError('not_member')
  }
  const find = prepared(db, 'SELECT no FROM devices WHERE user_id = ? AND device_id = ? AND revoked_at IS NULL')
  const numbers = add.map(({ userId, deviceId }) => {
    const row = find.get(userId, deviceId) as { no: number } | undefined
    if (row === undefined) {
      throw new SottoError('not_found', `there is no device ${deviceId} of ${userId}`, { userId, deviceId })
    }
    return row.no
  })
  for (const { userId, deviceId } of welcomeTo) {
    const mailbox = prepared(db, "SELECT no FROM mailboxes WHERE kind = 'device' AND owner = ?1 || '/' || ?2").get(
      userId,
      deviceId,
    ) as { no: number } | undefined
    const waiting = mailbox === undefined ? { entries: 0, bytes: 0 } : waitingWelcomes(db, mailbox.no, by)
    const isFull = waiting.entries >= limits.PAIR_ENTRIES
    if (!isFull && waiting.bytes + admission.welcomeBytes <= limits.PAIR_BYTES) continue
    throw new SottoError('limit_reached', `too many Welcomes by you wait for ${deviceId} of ${userId}`, {
      limit: isFull ? 'PAIR_ENTRIES' : 'PAIR_BYTES',
      userId,
      deviceId,
    })
  }
  if (addUsers.length > 0) admitMembers(db, { by, add: addUsers, limits, now })
  return numbers
}

/** Windows that open and close at one seq of a group's mailbox, and the users that come and go. */
export interface MlsRows {
  readonly groupId: string
  readonly mailbox: number
  readonly version: number
  readonly seq: number
  readonly open: readonly { readonly device: number; readonly from: number; readonly welcomeSeq: number }[]
  /** Devices that read the group already, with a new Welcome. */
  readonly welcomed: readonly { readonly device: number; readonly welcomeSeq: number }[]
  readonly close: readonly number[]
  readonly addUsers: readonly (readonly [string, Role])[]
  readonly removeUsers: readonly string[]
  readonly roles: readonly (readonly [string, Role])[]
  /** Who has departed and is still to be removed by a commit, after this. */
  readonly departed: readonly DepartedLeaf[]
}

export interface CommitRows extends MlsRows {
  readonly create: { readonly isDirect: boolean; readonly createdAt: number } | null
  readonly generation: number
  readonly epoch: number
  readonly groupInfo: string
  readonly welcome: WelcomeRows | null
}

/** Devices that hold entries back from now on, after a seq, and those that do so until the change, inclusive. */
export interface AppliedMls {
  readonly joined: readonly { readonly device: number; readonly from: number }[]
  readonly left: readonly number[]
}

/** Writes a decided commit. */
export function applyCommit(db: DatabaseSync, rows: CommitRows): AppliedMls {
  const { groupId, create, generation, epoch, seq, groupInfo } = rows
  if (create !== null) {
    prepared(
      db,
      "INSERT INTO groups(group_id, mailbox, name, protocol, version, created_at) VALUES (?, ?, NULL, 'mls', ?, ?)",
    ).run(groupId, rows.mailbox, rows.version, create.createdAt)
    prepared(
      db,
      'INSERT INTO mls_groups(group_id, is_direct, generation, epoch, commit_seq, group_info) VALUES (?, ?, ?, ?, ?, ?)',
    ).run(groupId, create.isDirect ? 1 : 0, generation, epoch, seq, groupInfo)
  } else {
    prepared(db, 'UPDATE mls_groups SET generation = ?2, epoch = ?3, commit_seq = ?4, group_info = ?5 WHERE group_id = ?1').run(
      groupId,
      generation,
      epoch,
      seq,
      groupInfo,
    )
  }
  if (rows.welcome !== null) putWelcome(db, rows.welcome)
  return applyMls(db, rows)
}

/** Writes who comes and goes. */
export function applyMls(db: DatabaseSync, rows: MlsRows): AppliedMls {
  const { groupId, mailbox, seq } = rows
  prepared(db, 'UPDATE groups SET version = ? WHERE group_id = ?').run(rows.version, groupId)
  for (const userId of rows.removeUsers) {
    prepared(db, 'UPDATE members SET to_seq = ? WHERE group_id = ? AND user_id = ? AND to_seq IS NULL').run(seq, groupId, userId)
  }
  for (const [userId, role] of rows.addUsers) {
    prepared(db, 'INSERT INTO members(group_id, user_id, from_seq, to_seq, role) VALUES (?, ?, ?, NULL, ?)').run(
      groupId,
      userId,
      seq,
      role,
    )
  }
  for (const [userId, role] of rows.roles) {
    prepared(db, 'UPDATE members SET role = ? WHERE group_id = ? AND user_id = ? AND to_seq IS NULL').run(role, groupId, userId)
  }
  prepared(db, 'DELETE FROM departed WHERE group_id = ?').run(groupId)
  for (const { userId, deviceId, whole } of rows.departed) {
    prepared(db, 'INSERT INTO departed(group_id, user_id, device_id, whole) VALUES (?, ?, ?, ?)').run(
      groupId,
      userId,
      deviceId,
      whole ? 1 : 0,
    )
  }
  for (const { device, welcomeSeq } of rows.welcomed) {
    prepared(db, 'UPDATE group_devices SET welcome_seq = ? WHERE group_id = ? AND device = ? AND to_seq IS NULL').run(
      welcomeSeq,
      groupId,
      device,
    )
  }
  return { left: closeWindows(db, rows.close, groupId, mailbox, seq), joined: openWindows(db, rows) }
}

function closeWindows(db: DatabaseSync, devices: readonly number[], groupId: string, mailbox: number, seq: number): number[] {
  const close = prepared(db, 'UPDATE group_devices SET to_seq = ? WHERE group_id = ? AND device = ? AND to_seq IS NULL')
  const end = prepared(db, 'UPDATE cursors SET until = ? WHERE mailbox = ? AND device = ?')
  return devices.filter((device) => {
    close.run(seq, groupId, device)
    return end.run(seq, mailbox, device).changes === 1
  })
}

function openWindows(db: DatabaseSync, { groupId, mailbox, open }: MlsRows): AppliedMls['joined'] {
  const add = prepared(db, 'INSERT INTO group_devices(group_id, device, from_seq, to_seq, welcome_seq) VALUES (?, ?, ?, NULL, ?)')
  const hold = prepared(
    db,
    `INSERT INTO cursors(mailbox, device, seq, until) SELECT ?1, no, ?3, NULL FROM devices WHERE no = ?2 AND holds = 1
     ON CONFLICT DO UPDATE SET until = NULL`,
  )
  return open.filter(({ device, from, welcomeSeq }) => {
    add.run(groupId, device, from, welcomeSeq)
    return hold.run(mailbox, device, from).changes === 1
  })
}

export function groupInfo(db: DatabaseSync, groupId: string): GroupInfo | undefined {
  const row = prepared(
    db,
    `SELECT m.group_info AS groupInfo, m.generation, m.epoch, m.commit_seq AS seq, g.mailbox
     FROM mls_groups m JOIN groups g ON g.group_id = m.group_id WHERE m.group_id = ?`,
  ).get(groupId) as (Omit<GroupInfo, 'mailbox'> & { mailbox: number }) | undefined
  return row === undefined ? undefined : { ...row, mailbox: mailboxName(row.mailbox) }
}

/** The MLS groups that a live device reads now; undefined when there is no such device. */
export function readingOf(
  db: DatabaseSync,
  { userId, deviceId }: { userId: string; deviceId: string },
): { readonly no: number; readonly groups: readonly string[] } | undefined {
  const device = prepared(db, 'SELECT no FROM devices WHERE user_id = ? AND device_id = ? AND revoked_at IS NULL').get(
    userId,
    deviceId,
  ) as { no: number } | undefined
  if (device === undefined) return undefined
  const rows = prepared(
    db,
    'SELECT group_id AS groupId FROM group_devices WHERE device = ? AND to_seq IS NULL ORDER BY group_id',
  ).all(device.no) as { groupId: string }[]
  return { no: device.no, groups: rows.map(({ groupId }) => groupId) }
}

export interface DeviceWindows {
  readonly groupId: string
  readonly mailbox: number
  readonly windows: readonly Window[]
  readonly welcomeSeq: number
}

/** What a device may read of MLS groups, or may still read of them. */
export function deviceWindows(db: DatabaseSync, device: number): DeviceWindows[] {
  const rows = prepared(
    db,
    `SELECT d.group_id AS groupId, g.mailbox, d.from_seq AS fromSeq, d.to_seq AS toSeq, d.welcome_seq AS welcomeSeq
     FROM group_devices d JOIN groups g ON g.group_id = d.group_id WHERE d.device = ? ORDER BY d.group_id, d.from_seq`,
  ).all(device) as { groupId: string; mailbox: number; fromSeq: number; toSeq: number | null; welcomeSeq: number }[]
  const byGroup = new Map<string, { groupId: string; mailbox: number; windows: Window[]; welcomeSeq: number }>()
  for (const { groupId, mailbox, fromSeq, toSeq, welcomeSeq } of rows) {
    const known = byGroup.get(groupId) ?? { groupId, mailbox, windows: [], welcomeSeq: 0 }
    known.windows.push({ from: fromSeq, to: toSeq ?? Number.POSITIVE_INFINITY })
    known.welcomeSeq = Math.max(known.welcomeSeq, welcomeSeq)
    byGroup.set(groupId, known)
  }
  return [...byGroup.values()]
}

/**
 * Drops windows that nothing can be read through any more, of some groups: those behind `after`, in the order of their ids.
 * Returns the last of them; null: there are no others.
 */
export function purgeWindows(
  db: DatabaseSync,
  { after, groups }: { readonly after: string; readonly groups: number },
): string | null {
  const found = prepared(
    db,
    'SELECT DISTINCT group_id AS groupId FROM group_devices WHERE to_seq IS NOT NULL AND group_id > ? ORDER BY group_id LIMIT ?',
  ).all(after, groups) as { groupId: string }[]
  const last = found.at(-1)?.groupId
  if (last === undefined) return null
  prepared(
    db,
    `DELETE FROM group_devices WHERE to_seq IS NOT NULL AND group_id > ? AND group_id <= ? AND to_seq <= (
       SELECT b.floor FROM groups g JOIN mailboxes b ON b.no = g.mailbox WHERE g.group_id = group_devices.group_id)`,
  ).run(after, last)
  return found.length < groups ? null : last
}

/** Drops what else hangs on a group. */
export function dropMls(db: DatabaseSync, groupId: string): void {
  for (const table of ['mls_groups', 'group_devices', 'departed']) {
    prepared(db, `DELETE FROM ${table} WHERE group_id = ?`).run(groupId)
  }
}
