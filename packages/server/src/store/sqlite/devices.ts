import type { DatabaseSync } from 'node:sqlite'
import type { Limits } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol/errors'
import type { DeviceRecord, OpenDevice } from '../store.ts'
import { dropKeyPackages } from './key-packages.ts'
import { deviceWindows } from './mls-groups.ts'
import { prepared } from './statements.ts'

export interface OpenDeviceRow extends OpenDevice {
  readonly now: number
  readonly limits: Limits
  /** The newest seq of the user's mailbox, which only the main thread knows; 0 when there is none. */
  readonly userHead: number
}

export interface OpenedDevice {
  readonly no: number
  readonly userMailbox: number
  readonly deviceMailbox: number
  /** The device reads the user mailbox after this seq. */
  readonly userFrom: number
  readonly holds: boolean
  readonly created: boolean
  /** Since this call it holds entries back: `cursors` are those that it has begun with. */
  readonly nowHolds: boolean
  readonly cursors: readonly NewCursor[]
}

export interface NewCursor {
  readonly mailbox: number
  readonly seq: number
  /** Where the window of a former member ends, else null. */
  readonly until: number | null
}

interface Row {
  no: number
  holds: number
  userFrom: number
  revokedAt: number | null
}

/**
 * Finds a device, or registers it with its mailboxes. A user's first live device reads the user mailbox from its
 * beginning, a later one what comes after its creation. Throws `device_revoked`, `limit_reached` (USER_DEVICES).
 */
export function openDevice(db: DatabaseSync, request: OpenDeviceRow): OpenedDevice {
  const { userId, deviceId, holds, now } = request
  let row = find(db, userId, deviceId)
  if (row !== undefined && row.revokedAt !== null) throw new SottoError('device_revoked')
  const created = row === undefined
  if (row === undefined) row = create(db, request)
  else touchDevice(db, { no: row.no, now })
  const userMailbox = mailboxOf(db, 'user', userId)
  const deviceMailbox = mailboxOf(db, 'device', deviceOwner(userId, deviceId))
  const nowHolds = holds && row.holds === 0
  return {
    no: row.no,
    userMailbox,
    deviceMailbox,
    userFrom: row.userFrom,
    holds: holds || row.holds === 1,
    created,
    nowHolds,
    cursors: nowHolds ? hold(db, { no: row.no, userId, userFrom: row.userFrom, userMailbox, deviceMailbox }) : [],
  }
}

/** Notes that a device was seen. */
export function touchDevice(db: DatabaseSync, { no, now }: { no: number; now: number }): void {
  prepared(db, 'UPDATE devices SET last_seen_at = max(last_seen_at, ?2) WHERE no = ?1').run(no, now)
}

/** The user's live devices, the oldest first. */
export function listDevices(db: DatabaseSync, { userId }: { userId: string }): readonly DeviceRecord[] {
  const rows = prepared(
    db,
    `SELECT device_id AS deviceId, name, created_at AS createdAt, last_seen_at AS lastSeenAt
     FROM devices WHERE user_id = ? AND revoked_at IS NULL ORDER BY no`,
  ).all(userId) as unknown as DeviceRecord[]
  return rows.map((row) => ({ ...row }))
}

/** `false` when the user has no such live device. */
export function renameDevice(
  db: DatabaseSync,
  { userId, deviceId, name }: { userId: string; deviceId: string; name: string },
): boolean {
  const renamed = prepared(db, 'UPDATE devices SET name = ? WHERE user_id = ? AND device_id = ? AND revoked_at IS NULL')
  return renamed.run(name, userId, deviceId).changes === 1
}

export interface RevokedDevice {
  readonly no: number
  readonly deviceMailbox: number
  /** Where it held entries back. */
  readonly mailboxes: readonly number[]
}

/**
 * Drops a device's keys, mailbox (with what the journal has settled of it) and cursors. Its row stays, so that the id
 * stays dead. `undefined` when there is no such live device.
 */
export function revokeDevice(
  db: DatabaseSync,
  { userId, deviceId, now }: { userId: string; deviceId: string; now: number },
): RevokedDevice | undefined {
  const row = find(db, userId, deviceId)
  if (row === undefined || row.revokedAt !== null) return undefined
  const { no } = row
  const mailboxes = cursorsOf(db, no).map(({ mailbox }) => mailbox)
  const deviceMailbox = mailboxOf(db, 'device', deviceOwner(userId, deviceId))
  dropMailbox(db, deviceMailbox)
  dropKeysAndCursors(db, no)
  prepared(db, 'DELETE FROM tickets WHERE user_id = ? AND device_id = ?').run(userId, deviceId)
  prepared(
    db,
    `UPDATE devices SET revoked_at = ?2, name = NULL, holds = 0, identity_key = NULL, signed_pre_key = NULL, pq_pre_key = NULL,
       keys_at = NULL, key_packages_at = NULL WHERE no = ?1`,
  ).run(no, now)
  return { no, deviceMailbox, mailboxes }
}

/** A registered device. Throws `device_revoked`. */
export function findDevice(
  db: DatabaseSync,
  { userId, deviceId }: { userId: string; deviceId: string },
): { readonly no: number } | undefined {
  const row = find(db, userId, deviceId)
  if (row !== undefined && row.revokedAt !== null) throw new SottoError('device_revoked')
  return row === undefined ? undefined : { no: row.no }
}

/** The owner of a device mailbox. No device id has a slash, so the last one divides. */
export function deviceOwner(userId: string, deviceId: string): string {
  return `${userId}/${deviceId}`
}

/** Deletes a mailbox with its entries and every cursor in it. */
export function dropMailbox(db: DatabaseSync, no: number): void {
  prepared(db, 'DELETE FROM entries WHERE id > (?1 << 32) AND id <= (?1 << 32 | 0xffffffff)').run(no)
  prepared(db, 'DELETE FROM cursors WHERE mailbox = ?').run(no)
  prepared(db, 'DELETE FROM welcome_entries WHERE mailbox = ?').run(no)
  prepared(db, 'DELETE FROM mailboxes WHERE no = ?').run(no)
}

/** Deletes what else hangs on a device's number. */
export function dropKeysAndCursors(db: DatabaseSync, device: number): void {
  prepared(db, 'DELETE FROM group_devices WHERE device = ?').run(device)
  prepared(db, 'DELETE FROM pre_keys WHERE device = ?').run(device)
  dropKeyPackages(db, device)
  prepared(db, 'DELETE FROM cursors WHERE device = ?').run(device)
}

/** Every cursor of a device. */
export function cursorsOf(db: DatabaseSync, device: number): NewCursor[] {
  return prepared(db, 'SELECT mailbox, seq, until FROM cursors WHERE device = ?').all(device) as unknown as NewCursor[]
}

function find(db: DatabaseSync, userId: string, deviceId: string): Row | undefined {
  return prepared(
    db,
    'SELECT no, holds, user_from AS userFrom, revoked_at AS revokedAt FROM devices WHERE user_id = ? AND device_id = ?',
  ).get(userId, deviceId) as Row | undefined
}

function create(db: DatabaseSync, { userId, deviceId, now, limits, userHead }: OpenDeviceRow): Row {
  const { live } = prepared(db, 'SELECT count(*) AS live FROM devices WHERE user_id = ? AND revoked_at IS NULL').get(userId) as {
    live: number
  }
  if (live >= limits.USER_DEVICES) {
    throw new SottoError('limit_reached', `a user may have ${limits.USER_DEVICES} devices`, { limit: 'USER_DEVICES' })
  }
  const userFrom = live === 0 ? 0 : userHead
  const { lastInsertRowid } = prepared(
    db,
    'INSERT INTO devices(user_id, device_id, created_at, last_seen_at, user_from) VALUES (?1, ?2, ?3, ?3, ?4)',
  ).run(userId, deviceId, now, userFrom)
  return { no: Number(lastInsertRowid), holds: 0, userFrom, revokedAt: null }
}

function mailboxOf(db: DatabaseSync, kind: 'user' | 'device', owner: string): number {
  const row = prepared(db, 'SELECT no FROM mailboxes WHERE kind = ? AND owner = ?').get(kind, owner) as { no: number } | undefined
  if (row !== undefined) return row.no
  return Number(prepared(db, 'INSERT INTO mailboxes(kind, owner) VALUES (?, ?)').run(kind, owner).lastInsertRowid)
}

/** From now on the device holds back what it may read of each of its mailboxes and nobody has deleted yet. */
function hold(
  db: DatabaseSync,
  device: { no: number; userId: string; userFrom: number; userMailbox: number; deviceMailbox: number },
): readonly NewCursor[] {
  prepared(db, 'UPDATE devices SET holds = 1 WHERE no = ?').run(device.no)
  const begin = prepared(
    db,
    `INSERT INTO cursors(mailbox, device, seq, until) SELECT no, ?2, max(?3, floor), ?4 FROM mailboxes WHERE no = ?1
     ON CONFLICT(mailbox, device) DO NOTHING`,
  )
  begin.run(device.userMailbox, device.no, device.userFrom, null)
  begin.run(device.deviceMailbox, device.no, 0, null)
  const windows = prepared(
    db,
    `SELECT g.mailbox, min(m.from_seq) AS fromSeq, CASE WHEN count(m.to_seq) = count(*) THEN max(m.to_seq) END AS until
     FROM members m JOIN groups g ON g.group_id = m.group_id WHERE m.user_id = ? AND g.protocol = 'opaque' GROUP BY g.mailbox`,
  ).all(device.userId) as { mailbox: number; fromSeq: number; until: number | null }[]
  for (const { mailbox, fromSeq, until } of windows) begin.run(mailbox, device.no, fromSeq, until)
  for (const { mailbox, windows } of deviceWindows(db, device.no)) {
    const until = windows.at(-1)!.to
    begin.run(mailbox, device.no, windows[0]!.from, until === Number.POSITIVE_INFINITY ? null : until)
  }
  return cursorsOf(db, device.no).map((row) => ({ ...row }))
}
