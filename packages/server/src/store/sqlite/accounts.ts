import type { DatabaseSync } from 'node:sqlite'
import { SottoError } from '@sotto/protocol/errors'
import { mailboxName } from '../mailbox-name.ts'
import { entryKinds } from '../store.ts'
import { deviceList, dropDeviceList } from './device-lists.ts'
import { cursorsOf, deviceOwner, dropKeysAndCursors, dropMailbox } from './devices.ts'
import { exportKeyPackages } from './key-packages.ts'
import { type MailboxKind, tombstone } from './mailbox.ts'
import { deviceWindows, dropMls } from './mls-groups.ts'
import { prepared } from './statements.ts'
import { delivered, disownWelcomes } from './welcomes.ts'

interface DeviceRow {
  no: number
  deviceId: string
  name: string | null
  createdAt: number
  lastSeenAt: number
  revokedAt: number | null
  identityKey: string | null
  signedPreKey: string | null
  pqPreKey: string | null
}

interface MailboxRow {
  no: number
  kind: MailboxKind
  owner: string
  head: number
}

/**
 * Everything that is held about a user, ready for JSON; frames as they are delivered. What the journal has not
 * settled yet is not in it: settle first. Throws `too_large` where one answer cannot carry it.
 */
export function exportAccount(db: DatabaseSync, { userId }: { userId: string }): Record<string, unknown> {
  const devices = devicesOf(db, userId)
  refuseHuge(db, userId, devices)
  return {
    userId,
    deviceList: deviceList(db, { userId }) ?? null,
    devices: devices.map((device) => exportDevice(db, device)),
    groups: exportGroups(db, userId),
    mailboxes: mailboxesOf(db, userId, devices).map((mailbox) => exportMailbox(db, mailbox)),
    sent: exportSent(db, userId),
    tickets: exportTickets(db, userId),
    rates: exportRates(db, userId),
  }
}

/** What one export carries at most: it is built in memory, as a whole. */
const exportBytesMax = 128 * 1024 * 1024

function refuseHuge(db: DatabaseSync, userId: string, devices: readonly DeviceRow[]): void {
  const received = prepared(
    db,
    'SELECT coalesce(sum(length(data)), 0) AS bytes FROM entries WHERE id > (?1 << 32) AND id <= (?1 << 32 | 0xffffffff)',
  )
  const sent = prepared(
    db,
    'SELECT coalesce(sum(length(data)), 0) AS bytes FROM entries WHERE sender IN (SELECT no FROM devices WHERE user_id = ?)',
  )
  const welcomes = prepared(
    db,
    `SELECT coalesce(sum(octet_length(w.data)), 0) AS bytes FROM welcome_entries e
       JOIN welcomes w ON w.group_mailbox = e.group_mailbox AND w.group_seq = e.group_seq WHERE e.mailbox = ?`,
  )
  let bytes = (sent.get(userId) as { bytes: number }).bytes
  for (const { no, kind } of mailboxesOf(db, userId, devices)) {
    bytes += (received.get(no) as { bytes: number }).bytes
    // Each is filled in where it is read, so it counts as often as it was sent.
    if (kind === 'device') bytes += (welcomes.get(no) as { bytes: number }).bytes
  }
  if (bytes <= exportBytesMax) return
  throw new SottoError(
    'too_large',
    `more than ${exportBytesMax} bytes are held: acknowledge what was delivered, then ask again`,
    {
      bytes,
    },
  )
}

export interface ErasedRows {
  readonly devices: readonly { readonly no: number; readonly deviceId: string }[]
  readonly groups: readonly string[]
  /** Mailboxes that are no more. */
  readonly mailboxes: readonly number[]
  /** Mailboxes of others in which entries have lost their content. */
  readonly emptied: readonly { readonly mailbox: number; readonly entries: number; readonly bytes: number }[]
}

/**
 * Erases a user from every table. What it sent to others and is still held becomes empty (`tombstone`), in its
 * place, so that their numbers stay gapless. The journal must have been settled before.
 */
export function eraseAccount(db: DatabaseSync, { userId }: { userId: string }): ErasedRows {
  const devices = devicesOf(db, userId)
  const mailboxes = mailboxesOf(db, userId, devices).map(({ no }) => no)
  const groups = groupsEver(db, userId)
  prepared(db, 'DELETE FROM members WHERE user_id = ?').run(userId)
  mailboxes.push(...dropUnread(db, groups))
  for (const no of mailboxes) dropMailbox(db, no)
  const emptied = emptySent(db, userId)
  for (const { no } of devices) dropKeysAndCursors(db, no)
  prepared(db, 'DELETE FROM devices WHERE user_id = ?').run(userId)
  prepared(db, 'DELETE FROM tickets WHERE user_id = ?').run(userId)
  dropDeviceList(db, userId)
  disownWelcomes(db, userId)
  prepared(db, `DELETE FROM buckets WHERE EXISTS (SELECT 1 FROM json_each(buckets.name, '$[1]') WHERE value = ?)`).run(userId)
  return { devices: devices.map(({ no, deviceId }) => ({ no, deviceId })), groups, mailboxes, emptied }
}

/** Groups that the user is or was in, as far as something of it can still be read. */
function groupsEver(db: DatabaseSync, userId: string): readonly string[] {
  const rows = prepared(db, 'SELECT DISTINCT group_id AS groupId FROM members WHERE user_id = ? ORDER BY group_id').all(userId)
  return (rows as { groupId: string }[]).map(({ groupId }) => groupId)
}

/** Drops those of the groups that nobody can read any more; their mailboxes. */
function dropUnread(db: DatabaseSync, groups: readonly string[]): readonly number[] {
  const drop = prepared(
    db,
    `DELETE FROM groups WHERE group_id = ?1 AND NOT EXISTS (SELECT 1 FROM members WHERE members.group_id = ?1)
     RETURNING mailbox`,
  )
  const mailboxes: number[] = []
  for (const groupId of groups) {
    const dropped = drop.get(groupId) as { mailbox: number } | undefined
    if (dropped === undefined) continue
    dropMls(db, groupId)
    mailboxes.push(dropped.mailbox)
  }
  return mailboxes
}

function emptySent(db: DatabaseSync, userId: string): ErasedRows['emptied'] {
  const sent = 'sender IN (SELECT no FROM devices WHERE user_id = ?)'
  const emptied = prepared(
    db,
    `SELECT id >> 32 AS mailbox, count(*) AS entries, sum(length(data)) AS bytes FROM entries
     WHERE ${sent} AND kind = ${entryKinds.msg} GROUP BY 1`,
  ).all(userId) as unknown as ErasedRows['emptied']
  prepared(
    db,
    `UPDATE entries SET kind = ${tombstone}, sender = 0, data = zeroblob(0) WHERE ${sent} AND kind = ${entryKinds.msg}`,
  ).run(userId)
  // Entries of other kinds tell the members of a group what the group is: they stay, as the server's own.
  prepared(db, `UPDATE entries SET sender = 0 WHERE ${sent}`).run(userId)
  return emptied.map((row) => ({ ...row }))
}

function devicesOf(db: DatabaseSync, userId: string): readonly DeviceRow[] {
  return prepared(
    db,
    `SELECT no, device_id AS deviceId, name, created_at AS createdAt, last_seen_at AS lastSeenAt, revoked_at AS revokedAt,
       identity_key AS identityKey, signed_pre_key AS signedPreKey, pq_pre_key AS pqPreKey
     FROM devices WHERE user_id = ? ORDER BY no`,
  ).all(userId) as unknown as DeviceRow[]
}

/** The user's mailbox and those of its devices. */
function mailboxesOf(db: DatabaseSync, userId: string, devices: readonly DeviceRow[]): readonly MailboxRow[] {
  const find = prepared(db, 'SELECT no, kind, owner, head FROM mailboxes WHERE kind = ? AND owner = ?')
  const rows = [find.get('user', userId), ...devices.map(({ deviceId }) => find.get('device', deviceOwner(userId, deviceId)))]
  return rows.filter((row) => row !== undefined) as unknown as MailboxRow[]
}

function exportDevice(db: DatabaseSync, device: DeviceRow): Record<string, unknown> {
  const { no, signedPreKey, pqPreKey, ...rest } = device
  const keys = prepared(
    db,
    'SELECT key_id AS keyId, public_key AS publicKey FROM pre_keys WHERE device = ? AND public_key IS NOT NULL ORDER BY n',
  ).all(no) as { keyId: string; publicKey: string }[]
  const { handedOut } = prepared(db, 'SELECT count(*) AS handedOut FROM pre_keys WHERE device = ? AND public_key IS NULL').get(
    no,
  ) as { handedOut: number }
  return {
    ...rest,
    signedPreKey: parsed(signedPreKey),
    pqPreKey: parsed(pqPreKey),
    oneTimePreKeys: keys.map(({ keyId, publicKey }) => ({ keyId: parsed(keyId), publicKey })),
    oneTimePreKeysHandedOut: handedOut,
    ...exportKeyPackages(db, no),
    mlsWindows: deviceWindows(db, no).flatMap(({ groupId, windows }) =>
      windows.map(({ from, to }) => ({ groupId, from, to: to === Number.POSITIVE_INFINITY ? null : to })),
    ),
    cursors: cursorsOf(db, no).map(({ mailbox, seq }) => ({ mailbox: mailboxName(mailbox), seq })),
  }
}

function exportGroups(db: DatabaseSync, userId: string): readonly unknown[] {
  const rows = prepared(
    db,
    `SELECT m.group_id AS groupId, g.name, g.mailbox, m.role, m.from_seq AS joinedAt, m.to_seq AS leftAt
     FROM members m LEFT JOIN groups g ON g.group_id = m.group_id WHERE m.user_id = ? ORDER BY m.group_id, m.from_seq`,
  ).all(userId) as { mailbox: number | null }[]
  return rows.map((row) => ({ ...row, mailbox: row.mailbox === null ? null : mailboxName(row.mailbox) }))
}

function exportMailbox(db: DatabaseSync, { no, kind, owner, head }: MailboxRow): Record<string, unknown> {
  const rows = prepared(
    db,
    `SELECT id & 0xffffffff AS seq, kind, data FROM entries
     WHERE id > (?1 << 32) AND id <= (?1 << 32 | 0xffffffff) AND length(data) > 0 ORDER BY id`,
  ).all(no) as { seq: number; kind: number; data: Uint8Array }[]
  const whole = rows.map((row) => ({ data: delivered(db, { mailbox: no, ...row }) }))
  const deviceId = kind === 'device' ? owner.slice(owner.lastIndexOf('/') + 1) : null
  return { mailbox: mailboxName(no), kind, deviceId, head, entries: frames(whole) }
}

/** What the user sent and others have not read yet. */
function exportSent(db: DatabaseSync, userId: string): readonly unknown[] {
  const rows = prepared(
    db,
    `SELECT data FROM entries WHERE sender IN (SELECT no FROM devices WHERE user_id = ?) AND length(data) > 0 ORDER BY received_at, id`,
  ).all(userId)
  return frames(rows)
}

function exportTickets(db: DatabaseSync, userId: string): readonly unknown[] {
  const rows = prepared(
    db,
    'SELECT device_id AS deviceId, expires_at AS expiresAt FROM tickets WHERE user_id = ? ORDER BY expires_at',
  ).all(userId)
  return rows.map((row) => ({ ...row }))
}

/** What the user's own acts are counted for; who has asked for the user's keys is the other's affair. */
function exportRates(db: DatabaseSync, userId: string): readonly unknown[] {
  const rows = prepared(
    db,
    `SELECT name ->> 0 AS "limit", name ->> '$[1][1]' AS userId, name ->> 2 AS deviceId, full_at AS fullAt FROM buckets
     WHERE name ->> '$[1][0]' = ? AND json_array_length(name, '$[1]') = 2 ORDER BY name`,
  ).all(userId)
  return rows.map((row) => ({ ...row }))
}

function frames(rows: readonly unknown[]): readonly unknown[] {
  return (rows as readonly { data: Uint8Array }[]).map(({ data }) => JSON.parse(Buffer.from(data).toString()) as unknown)
}

function parsed(json: string | null): unknown {
  return json === null ? null : JSON.parse(json)
}
