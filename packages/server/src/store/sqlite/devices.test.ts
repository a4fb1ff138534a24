import { defaultLimits } from '@sotto/protocol'
import { expect, test } from 'vitest'
import { deviceOwner, findDevice, listDevices, openDevice, renameDevice, revokeDevice, touchDevice } from './devices.ts'
import { addPreKeys, setIdentity } from './keys.ts'
import { entry, group, mailbox, registered, rows, scratchDatabase } from './scratch.suite.ts'
import { putTicket } from './tickets.ts'

test('a new device gets a number and two mailboxes; the next time it is the same', () => {
  const db = scratchDatabase()
  const first = registered(db, 'alice', 'phone')
  expect(first).toEqual({
    no: 1,
    userMailbox: expect.any(Number),
    deviceMailbox: expect.any(Number),
    userFrom: 0,
    holds: false,
    created: true,
    nowHolds: false,
    cursors: [],
  })
  expect(rows(db, 'SELECT kind, owner, head FROM mailboxes ORDER BY no')).toEqual([
    { kind: 'user', owner: 'alice', head: 0 },
    { kind: 'device', owner: 'alice/phone', head: 0 },
  ])
  expect(registered(db, 'alice', 'phone', { userHead: 9 })).toEqual({ ...first, created: false })
})

test("a user's devices share the user mailbox, users do not", () => {
  const db = scratchDatabase()
  const phone = registered(db, 'alice', 'phone')
  const laptop = registered(db, 'alice', 'laptop')
  const other = registered(db, 'bob', 'phone')
  expect(laptop.userMailbox).toBe(phone.userMailbox)
  expect(other.userMailbox).not.toBe(phone.userMailbox)
  expect(
    new Set([phone.deviceMailbox, laptop.deviceMailbox, other.deviceMailbox, phone.userMailbox, other.userMailbox]).size,
  ).toBe(5)
})

test('no two devices have the same mailbox, whatever slashes a user id has', () => {
  expect(deviceOwner('a/b', 'c')).not.toBe(deviceOwner('a', 'b.c'))
  const db = scratchDatabase()
  expect(registered(db, 'a/b', 'c').deviceMailbox).not.toBe(registered(db, 'a', 'c').deviceMailbox)
})

test('a mailbox that was there before the first device is taken over', () => {
  const db = scratchDatabase()
  const no = mailbox(db, 'user', 'alice')
  expect(registered(db, 'alice', 'phone', { userHead: 7 })).toMatchObject({ userMailbox: no, userFrom: 0 })
})

test('a later device reads the user mailbox from its head', () => {
  const db = scratchDatabase()
  registered(db, 'alice', 'phone', { userHead: 7 })
  expect(registered(db, 'alice', 'laptop', { userHead: 12 }).userFrom).toBe(12)
  revokeDevice(db, { userId: 'alice', deviceId: 'phone', now: 2_000 })
  expect(registered(db, 'alice', 'tablet', { userHead: 13 }).userFrom).toBe(13)
})

test('once all are revoked the next device is a first one again', () => {
  const db = scratchDatabase()
  registered(db, 'alice', 'phone', { userHead: 7 })
  revokeDevice(db, { userId: 'alice', deviceId: 'phone', now: 2_000 })
  expect(registered(db, 'alice', 'laptop', { userHead: 12 }).userFrom).toBe(0)
})

test('only live devices count against the limit', () => {
  const db = scratchDatabase()
  const limits = { ...defaultLimits, USER_DEVICES: 2 }
  const open = (deviceId: string) => openDevice(db, { userId: 'alice', deviceId, holds: false, now: 1, userHead: 0, limits })
  open('one')
  open('two')
  expect(() => open('three')).toThrow(expect.objectContaining({ code: 'limit_reached', extra: { limit: 'USER_DEVICES' } }))
  open('one')
  revokeDevice(db, { userId: 'alice', deviceId: 'one', now: 2 })
  expect(open('three').created).toBe(true)
  expect(rows(db, "SELECT owner FROM mailboxes WHERE kind = 'device' ORDER BY owner")).toEqual([
    { owner: 'alice/three' },
    { owner: 'alice/two' },
  ])
})

test('a device that begins to hold does so in all its mailboxes, from where it may read and something is left', () => {
  const db = scratchDatabase()
  mailbox(db, 'user', 'alice', 3)
  const joined = group(db, 'joined', [['alice', 5, null]])
  const trimmed = group(db, 'trimmed', [['alice', 5, null]], 8)
  const rejoined = group(db, 'rejoined', [
    ['alice', 1, 4],
    ['alice', 6, null],
  ])
  const left = group(db, 'left', [['alice', 5, 7]])
  group(db, 'foreign', [['bob', 5, null]])

  expect(registered(db, 'alice', 'phone')).toMatchObject({ holds: false, nowHolds: false, cursors: [] })
  expect(rows(db, 'SELECT * FROM cursors')).toEqual([])

  const opened = registered(db, 'alice', 'phone', { holds: true })
  const expected = [
    { mailbox: opened.userMailbox, seq: 3, until: null },
    { mailbox: opened.deviceMailbox, seq: 0, until: null },
    { mailbox: joined, seq: 5, until: null },
    { mailbox: trimmed, seq: 8, until: null },
    { mailbox: rejoined, seq: 1, until: null },
    { mailbox: left, seq: 5, until: 7 },
  ].sort((a, b) => a.mailbox - b.mailbox)
  expect(opened).toMatchObject({ holds: true, nowHolds: true })
  expect(opened.cursors.toSorted((a, b) => a.mailbox - b.mailbox)).toEqual(expected)
  expect(rows(db, 'SELECT mailbox, seq, until FROM cursors ORDER BY mailbox')).toEqual(expected)
})

test('a device that holds goes on holding and keeps its cursors', () => {
  const db = scratchDatabase()
  const { no, userMailbox } = registered(db, 'alice', 'phone', { holds: true })
  db.prepare('UPDATE cursors SET seq = 4 WHERE mailbox = ? AND device = ?').run(userMailbox, no)
  for (const holds of [true, false]) {
    expect(registered(db, 'alice', 'phone', { holds })).toMatchObject({ holds: true, nowHolds: false, cursors: [] })
  }
  expect(rows(db, 'SELECT seq FROM cursors WHERE mailbox = ?', userMailbox)).toEqual([{ seq: 4 }])
})

test('a later device that holds begins where it reads from', () => {
  const db = scratchDatabase()
  registered(db, 'alice', 'phone')
  const { no, userMailbox } = registered(db, 'alice', 'laptop', { holds: true, userHead: 12 })
  expect(rows(db, 'SELECT seq FROM cursors WHERE mailbox = ? AND device = ?', userMailbox, no)).toEqual([{ seq: 12 }])
})

test('lists live devices with when they were seen, and never back', () => {
  const db = scratchDatabase()
  const { no } = registered(db, 'alice', 'phone', { now: 1_000 })
  registered(db, 'alice', 'laptop', { now: 2_000 })
  registered(db, 'alice', 'old', { now: 3_000 })
  registered(db, 'bob', 'phone')
  touchDevice(db, { no, now: 5_000 })
  registered(db, 'alice', 'phone', { now: 4_000 })
  revokeDevice(db, { userId: 'alice', deviceId: 'old', now: 6_000 })
  renameDevice(db, { userId: 'alice', deviceId: 'laptop', name: 'Work' })
  expect(listDevices(db, { userId: 'alice' })).toEqual([
    { deviceId: 'phone', name: null, createdAt: 1_000, lastSeenAt: 5_000 },
    { deviceId: 'laptop', name: 'Work', createdAt: 2_000, lastSeenAt: 2_000 },
  ])
  expect(listDevices(db, { userId: 'carol' })).toEqual([])
})

test('renames live devices only', () => {
  const db = scratchDatabase()
  registered(db, 'alice', 'phone')
  expect(renameDevice(db, { userId: 'alice', deviceId: 'phone', name: 'Pocket' })).toBe(true)
  expect(renameDevice(db, { userId: 'alice', deviceId: 'laptop', name: 'x' })).toBe(false)
  expect(renameDevice(db, { userId: 'bob', deviceId: 'phone', name: 'x' })).toBe(false)
  revokeDevice(db, { userId: 'alice', deviceId: 'phone', now: 2_000 })
  expect(renameDevice(db, { userId: 'alice', deviceId: 'phone', name: 'x' })).toBe(false)
})

test('revoking drops keys, mailbox, cursors and tickets of this device alone', () => {
  const db = scratchDatabase()
  const phone = registered(db, 'alice', 'phone', { holds: true })
  const laptop = registered(db, 'alice', 'laptop', { holds: true })
  for (const { no } of [phone, laptop]) {
    setIdentity(db, { device: no, now: 1, keys: { identityKey: 'identity of this one', signedPreKey: null, pqPreKey: null } })
    addPreKeys(db, { device: no, now: 1, limits: defaultLimits, preKeys: [{ keyId: 1, publicKey: 'one-time key of 16' }] })
  }
  for (const { deviceMailbox, userMailbox } of [phone, laptop]) {
    db.prepare('DELETE FROM entries WHERE id = ? << 32 | 1').run(userMailbox)
    for (const no of [deviceMailbox, userMailbox]) entry(db, no, 1)
  }
  for (const deviceId of ['phone', 'laptop']) {
    putTicket(db, { hash: deviceId, userId: 'alice', deviceId, tokenExpiresAt: 9, expiresAt: 9 })
  }
  renameDevice(db, { userId: 'alice', deviceId: 'phone', name: 'Pocket' })

  expect(revokeDevice(db, { userId: 'alice', deviceId: 'phone', now: 7_000 })).toEqual({
    no: phone.no,
    deviceMailbox: phone.deviceMailbox,
    mailboxes: expect.arrayContaining([phone.userMailbox, phone.deviceMailbox]),
  })
  expect(rows(db, 'SELECT DISTINCT device FROM cursors')).toEqual([{ device: laptop.no }])
  expect(rows(db, 'SELECT DISTINCT device FROM pre_keys')).toEqual([{ device: laptop.no }])
  expect(rows(db, 'SELECT DISTINCT id >> 32 AS no FROM entries ORDER BY no')).toEqual([
    { no: laptop.userMailbox },
    { no: laptop.deviceMailbox },
  ])
  expect(rows(db, 'SELECT hash FROM tickets')).toEqual([{ hash: 'laptop' }])
  expect(rows(db, 'SELECT name, holds, revoked_at, identity_key FROM devices WHERE no = ?', phone.no)).toEqual([
    { name: null, holds: 0, revoked_at: 7_000, identity_key: null },
  ])
})

test('a revoked device id stays dead, for its user', () => {
  const db = scratchDatabase()
  expect(findDevice(db, { userId: 'alice', deviceId: 'phone' })).toBeUndefined()
  const { no } = registered(db, 'alice', 'phone')
  expect(findDevice(db, { userId: 'alice', deviceId: 'phone' })).toEqual({ no })
  revokeDevice(db, { userId: 'alice', deviceId: 'phone', now: 2_000 })
  const revoked = expect.objectContaining({ code: 'device_revoked' })
  expect(() => findDevice(db, { userId: 'alice', deviceId: 'phone' })).toThrow(revoked)
  expect(() => registered(db, 'alice', 'phone')).toThrow(revoked)
  expect(findDevice(db, { userId: 'bob', deviceId: 'phone' })).toBeUndefined()
  expect(revokeDevice(db, { userId: 'alice', deviceId: 'phone', now: 3_000 })).toBeUndefined()
  expect(revokeDevice(db, { userId: 'bob', deviceId: 'phone', now: 3_000 })).toBeUndefined()
  expect(registered(db, 'bob', 'phone').created).toBe(true)
})
