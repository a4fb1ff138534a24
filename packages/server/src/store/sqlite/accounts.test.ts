import { defaultLimits } from '@sotto/protocol'
import { expect, test } from 'vitest'
import { mailboxName } from '../mailbox-name.ts'
import { entryKinds } from '../store.ts'
import { eraseAccount, exportAccount } from './accounts.ts'
import { addsPairRate, bucketName, take } from './buckets.ts'
import { putDeviceList } from './device-lists.ts'
import { renameDevice, revokeDevice } from './devices.ts'
import { addKeyPackages, claimKeyPackages } from './key-packages.ts'
import { addPreKeys, claimPreKeys, setIdentity } from './keys.ts'
import { tombstone } from './mailbox.ts'
import { entry, group, mailbox, registered, rows, scratchDatabase } from './scratch.suite.ts'
import { putTicket } from './tickets.ts'
import { emptyWelcome, putWelcome, welcomeOf } from './welcomes.ts'

const listOfAlice = { version: 1, identityKey: 'a user identity', devices: 'the devices of alice', signature: 'signed' }

/** Alice and Bob, who have written to each other, claimed each other's keys and share a group. */
function world() {
  const db = scratchDatabase()
  const phone = registered(db, 'alice', 'phone', { holds: true })
  const laptop = registered(db, 'alice', 'laptop')
  const bob = registered(db, 'bob', 'default', { holds: true })
  for (const { no } of [phone, bob]) {
    setIdentity(db, {
      device: no,
      now: 1,
      keys: { identityKey: 'identity key of one', signedPreKey: 'signed prekey of one', pqPreKey: null },
    })
    addPreKeys(db, {
      device: no,
      now: 1,
      limits: defaultLimits,
      preKeys: [
        { keyId: 1, publicKey: 'one-time prekey 1' },
        { keyId: 'b', publicKey: 'one-time prekey b' },
      ],
    })
    addKeyPackages(db, {
      device: no,
      ciphersuite: 1,
      keyPackages: ['the first', 'the second', 'the third'],
      lastResort: 'the last resort',
      now: 1,
      since: 0,
      limits: defaultLimits,
    })
  }
  for (const [claimant, userId] of [
    ['alice', 'bob'],
    ['bob', 'alice'],
  ] as const) {
    claimPreKeys(db, { claimant, userId, device: null, now: 1_000, since: 0, limits: defaultLimits })
    const userIds = [userId]
    claimKeyPackages(db, { claimant, userIds, ciphersuite: 1, except: [], now: 1_000, since: 0, limits: defaultLimits })
  }
  take(db, bucketName('ADDS_PAIR', ['bob', 'alice']), addsPairRate(defaultLimits), 1_000)
  take(db, bucketName('ADDS_PAIR', ['bob', 'carol']), addsPairRate(defaultLimits), 1_000)
  const team = group(db, 'team', [
    ['alice', 1, 4],
    ['alice', 6, null],
    ['bob', 1, null],
  ])
  entry(db, phone.userMailbox, 1, { sender: bob.no, json: '{"to":"alice","n":1}' })
  entry(db, phone.deviceMailbox, 1, { sender: bob.no, json: '{"to":"alice","n":2}' })
  entry(db, bob.userMailbox, 1, { sender: phone.no, json: '{"to":"bob","n":3}' })
  entry(db, bob.userMailbox, 2, { sender: 77, json: '{"to":"bob","n":4}' })
  entry(db, team, 5, { sender: phone.no, kind: entryKinds.membership, json: '{"added":["carol"]}' })
  entry(db, team, 7, { sender: laptop.no, json: '{"to":"team","n":5}' })
  entry(db, team, 8, { sender: bob.no, json: '{"to":"team","n":6}' })
  putTicket(db, { hash: 'a', userId: 'alice', deviceId: 'phone', tokenExpiresAt: 9, expiresAt: 9 })
  putTicket(db, { hash: 'b', userId: 'bob', deviceId: 'default', tokenExpiresAt: 9, expiresAt: 9 })
  putDeviceList(db, { device: phone.no, userId: 'alice', list: listOfAlice, now: 1_000 })
  putDeviceList(db, { device: bob.no, userId: 'bob', list: { ...listOfAlice, devices: 'the devices of bob' }, now: 1_000 })
  renameDevice(db, { userId: 'alice', deviceId: 'phone', name: 'Pocket' })
  return { db, phone, laptop, bob, team }
}

test('an export holds everything about the user, ready for JSON', () => {
  const { db, phone, team } = world()
  revokeDevice(db, { userId: 'alice', deviceId: 'laptop', now: 5_000 })
  const exported = exportAccount(db, { userId: 'alice' })
  expect(JSON.parse(JSON.stringify(exported))).toEqual({
    userId: 'alice',
    deviceList: listOfAlice,
    devices: [
      {
        deviceId: 'phone',
        name: 'Pocket',
        createdAt: 1_000,
        lastSeenAt: 1_000,
        revokedAt: null,
        identityKey: 'identity key of one',
        signedPreKey: 'signed prekey of one',
        pqPreKey: null,
        oneTimePreKeys: [{ keyId: 'b', publicKey: 'one-time prekey b' }],
        oneTimePreKeysHandedOut: 1,
        keyPackages: 2,
        lastResortKeyPackages: 1,
        keyPackagesHandedOut: 1,
        mlsWindows: [],
        cursors: [
          { mailbox: mailboxName(phone.userMailbox), seq: 0 },
          { mailbox: mailboxName(phone.deviceMailbox), seq: 0 },
        ],
      },
      {
        deviceId: 'laptop',
        name: null,
        createdAt: 1_000,
        lastSeenAt: 1_000,
        revokedAt: 5_000,
        identityKey: null,
        signedPreKey: null,
        pqPreKey: null,
        oneTimePreKeys: [],
        oneTimePreKeysHandedOut: 0,
        keyPackages: 0,
        lastResortKeyPackages: 0,
        keyPackagesHandedOut: 0,
        mlsWindows: [],
        cursors: [],
      },
    ],
    groups: [
      { groupId: 'team', name: 'Team', mailbox: mailboxName(team), role: 'member', joinedAt: 1, leftAt: 4 },
      { groupId: 'team', name: 'Team', mailbox: mailboxName(team), role: 'member', joinedAt: 6, leftAt: null },
    ],
    mailboxes: [
      { mailbox: mailboxName(phone.userMailbox), kind: 'user', deviceId: null, head: 0, entries: [{ to: 'alice', n: 1 }] },
      { mailbox: mailboxName(phone.deviceMailbox), kind: 'device', deviceId: 'phone', head: 0, entries: [{ to: 'alice', n: 2 }] },
    ],
    sent: [{ to: 'bob', n: 3 }, { added: ['carol'] }, { to: 'team', n: 5 }],
    tickets: [{ deviceId: 'phone', expiresAt: 9 }],
    rates: [
      { limit: 'CLAIMS_PAIR', userId: 'bob', deviceId: 'default', fullAt: 1_000 + 600_000 },
      { limit: 'KEY_PACKAGES_PAIR', userId: 'bob', deviceId: 'default', fullAt: 1_000 + 600_000 },
    ],
  })
})

test('of somebody unknown nothing is held', () => {
  const { db } = world()
  expect(exportAccount(db, { userId: 'nobody' })).toEqual({
    userId: 'nobody',
    deviceList: null,
    devices: [],
    groups: [],
    mailboxes: [],
    sent: [],
    tickets: [],
    rates: [],
  })
})

test('erasing leaves nothing about the user in any table', () => {
  const { db, phone, laptop, bob, team } = world()
  expect(eraseAccount(db, { userId: 'alice' })).toEqual({
    devices: [
      { no: phone.no, deviceId: 'phone' },
      { no: laptop.no, deviceId: 'laptop' },
    ],
    groups: ['team'],
    mailboxes: [phone.userMailbox, phone.deviceMailbox, laptop.deviceMailbox],
    emptied: [
      { mailbox: bob.userMailbox, entries: 1, bytes: 18 },
      { mailbox: team, entries: 1, bytes: 19 },
    ],
  })
  const tables = rows(db, "SELECT name FROM sqlite_schema WHERE type = 'table'").map(({ name }) => String(name))
  expect(tables.length).toBeGreaterThan(10)
  for (const table of tables) {
    const text = rows(db, `SELECT * FROM "${table}"`).map((row) => JSON.stringify(Object.values(row).map(readable)))
    expect(text.join('\n'), table).not.toContain('alice')
  }
  expect(exportAccount(db, { userId: 'alice' })).toMatchObject({ devices: [], groups: [], mailboxes: [], sent: [], rates: [] })
})

function readable(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value
}

test('what the user sent to others stands empty in its place, and theirs stays', () => {
  const { db, phone, bob, team } = world()
  eraseAccount(db, { userId: 'alice' })
  const held = rows(
    db,
    'SELECT id >> 32 AS mailbox, id & 0xffffffff AS seq, kind, sender, received_at, CAST(data AS TEXT) AS data FROM entries ORDER BY id',
  )
  const emptied = { kind: tombstone, sender: 0, received_at: 1, data: '' }
  expect(held).toEqual([
    { mailbox: bob.userMailbox, seq: 1, ...emptied },
    { mailbox: bob.userMailbox, seq: 2, kind: entryKinds.msg, sender: 77, received_at: 1, data: '{"to":"bob","n":4}' },
    { mailbox: team, seq: 5, kind: entryKinds.membership, sender: 0, received_at: 1, data: '{"added":["carol"]}' },
    { mailbox: team, seq: 7, ...emptied },
    { mailbox: team, seq: 8, kind: entryKinds.msg, sender: bob.no, received_at: 1, data: '{"to":"team","n":6}' },
  ])
  expect(rows(db, 'SELECT DISTINCT device FROM cursors')).toEqual([{ device: bob.no }])
  expect(rows(db, 'SELECT DISTINCT device FROM pre_keys')).toEqual([{ device: bob.no }])
  for (const table of ['key_packages', 'last_resorts', 'key_packages_given']) {
    expect(rows(db, `SELECT DISTINCT device FROM ${table}`), table).toEqual([{ device: bob.no }])
  }
  expect(rows(db, 'SELECT user_id FROM device_lists')).toEqual([{ user_id: 'bob' }])
  expect(rows(db, 'SELECT DISTINCT user_id FROM members')).toEqual([{ user_id: 'bob' }])
  expect(rows(db, 'SELECT hash FROM tickets')).toEqual([{ hash: 'b' }])
  expect(rows(db, 'SELECT name FROM buckets ORDER BY name')).toEqual([
    { name: bucketName('ADDS_PAIR', ['bob', 'carol']) },
    { name: bucketName('CLAIMS_TARGET', ['bob'], 'default') },
    { name: bucketName('KEY_PACKAGES_TARGET', ['bob'], 'default') },
  ])
  expect(registered(db, 'alice', 'phone').no).toBeGreaterThan(phone.no)
})

test('a group that nobody is left in to read goes with its mailbox', () => {
  const { db, team } = world()
  const alone = group(db, 'alone', [['alice', 1, 2]])
  entry(db, alone, 2, { json: '{"by":"alice"}', kind: entryKinds.membership })
  const erased = eraseAccount(db, { userId: 'alice' })
  expect(erased.groups).toEqual(['alone', 'team'])
  expect(erased.mailboxes).toContain(alone)
  expect(erased.mailboxes).not.toContain(team)
  expect(rows(db, 'SELECT group_id FROM groups')).toEqual([{ group_id: 'team' }])
  expect(rows(db, 'SELECT count(*) AS n FROM entries WHERE id >> 32 = ?', alone)).toEqual([{ n: 0 }])
})

test('what an account holds counts with the Welcomes that are filled in', () => {
  const { db } = world()
  const { no, owner } = db.prepare("SELECT no, owner FROM mailboxes WHERE owner = 'alice/phone'").get() as {
    no: number
    owner: string
  }
  expect(owner).toBe('alice/phone')
  const group = mailbox(db, 'group', 'mls')
  const place = { groupMailbox: group, userId: 'bob' }
  putWelcome(db, { ...place, groupSeq: 1, data: 'A'.repeat(8 * 1024 * 1024), entries: [no, 101] })
  for (let seq = 101; seq <= 115; seq++) {
    entry(db, no, seq, { kind: entryKinds.welcome, json: `{"seq":${seq},${emptyWelcome}` })
    if (seq > 101) {
      db.prepare('INSERT INTO welcome_entries(mailbox, seq, group_mailbox, group_seq) VALUES (?, ?, ?, 1)').run(no, seq, group)
    }
  }
  expect(JSON.stringify(exportAccount(db, { userId: 'alice' })).length).toBeGreaterThan(100 * 1024 * 1024)
  for (let seq = 116; seq <= 117; seq++) {
    entry(db, no, seq, { kind: entryKinds.welcome, json: `{"seq":${seq},${emptyWelcome}` })
    db.prepare('INSERT INTO welcome_entries(mailbox, seq, group_mailbox, group_seq) VALUES (?, ?, ?, 1)').run(no, seq, group)
  }
  expect(() => exportAccount(db, { userId: 'alice' })).toThrow(expect.objectContaining({ code: 'too_large' }))
})

test('an erased user is not named beside the Welcomes that others still wait for', () => {
  const { db } = world()
  const team = mailbox(db, 'group', 'mls')
  const { no } = db.prepare("SELECT no FROM mailboxes WHERE owner = 'bob/default'").get() as { no: number }
  for (const [groupSeq, userId] of [
    [1, 'alice'],
    [2, 'bob'],
  ] as const) {
    putWelcome(db, { groupMailbox: team, groupSeq, userId, data: 'AAAA', entries: [no, 200 + groupSeq] })
  }
  eraseAccount(db, { userId: 'alice' })
  expect(rows(db, 'SELECT user_id FROM welcomes ORDER BY group_seq')).toEqual([{ user_id: '' }, { user_id: 'bob' }])
  expect(welcomeOf(db, no, 201)).toBe('AAAA')
})
