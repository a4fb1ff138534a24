import { expect, test } from 'vitest'
import { entriesOf, type NewWorld, refusal } from './world.suite.ts'

export function deviceTests(open: NewWorld): void {
  test('a device is registered once, and found afterwards', async () => {
    const world = await open()
    expect(await world.store.findDevice('alice', 'phone')).toBeUndefined()
    const phone = await world.device('alice', 'phone')
    expect(phone).toMatchObject({ userId: 'alice', deviceId: 'phone' })
    await world.pause()
    expect(await world.store.findDevice('alice', 'phone')).toEqual(phone)
    expect(await world.device('alice', 'phone')).toEqual(phone)
    expect(await world.device('alice', 'phone', { holds: true })).toEqual(phone)
    expect((await world.device('alice', 'laptop')).no).not.toBe(phone.no)
    expect((await world.device('bob', 'phone')).no).not.toBe(phone.no)
    expect(await world.store.findDevice('alice', 'tablet')).toBeUndefined()
  })

  test('registered by many at once, it is one device', async () => {
    const world = await open()
    const devices = await Promise.all(
      Array.from({ length: 20 }, (_, n) => world.device('alice', 'phone', { holds: n % 2 === 0 })),
    )
    expect(new Set(devices.map(({ no }) => no)).size).toBe(1)
    await world.pause()
    expect(await world.store.listDevices('alice')).toHaveLength(1)
  })

  test('devices are listed with their names and times', async () => {
    const world = await open()
    const start = world.clock.now()
    await world.device('alice', 'phone')
    world.clock.advance(1_000)
    await world.device('alice', 'laptop')
    expect(await world.store.renameDevice('alice', 'laptop', 'Work')).toBe(true)
    expect(await world.store.renameDevice('alice', 'tablet', 'x')).toBe(false)
    await world.pause()
    expect(await world.store.listDevices('alice')).toEqual([
      { deviceId: 'phone', name: null, createdAt: start, lastSeenAt: start },
      { deviceId: 'laptop', name: 'Work', createdAt: start + 1_000, lastSeenAt: start + 1_000 },
    ])
    expect(await world.store.listDevices('bob')).toEqual([])
  })

  test('last seen follows, within a day', async () => {
    const world = await open()
    await world.device('alice', 'phone')
    world.clock.advance(24 * 3_600_000)
    await world.pause()
    await world.device('alice', 'phone')
    await world.eventually(async () => {
      expect((await world.store.listDevices('alice'))[0]?.lastSeenAt).toBe(world.clock.now())
    })
  })

  test('a user has no more than USER_DEVICES', async () => {
    const world = await open({ USER_DEVICES: 2 })
    await world.device('alice', 'one')
    await world.device('alice', 'two')
    await world.pause()
    expect(await refusal(() => world.device('alice', 'three'))).toMatchObject({ code: 'limit_reached', limit: 'USER_DEVICES' })
    await world.device('alice', 'one')
    await world.device('bob', 'one')
    await world.store.revokeDevice('alice', 'one')
    await world.pause()
    await world.device('alice', 'three')
  })

  test('it reads its own mailbox, then the user mailbox, then the groups', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone')
    for (const groupId of ['b', 'a']) await world.store.createGroup({ groupId, name: null, owner: alice, members: [] })
    await world.store.createGroup({ groupId: 'c', name: null, owner: await world.device('bob'), members: [] })
    await world.pause()
    const subscriptions = await world.store.subscriptions(alice)
    expect(subscriptions.map(({ kind, groupId }) => [kind, groupId])).toEqual([
      ['device', null],
      ['user', null],
      ['group', 'a'],
      ['group', 'b'],
    ])
    expect(new Set(subscriptions.map(({ mailbox }) => mailbox)).size).toBe(4)
    for (const { mailbox } of subscriptions) expect(mailbox).toMatch(/^[a-z0-9]{1,32}$/)
  })

  test('a first device reads from the oldest entry held, a later one from its creation', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.sendAll(alice, 'bob', ['m1', 'm2'])
    await world.pause()
    const phone = await world.device('bob', 'phone')
    const first = await world.mailbox(phone, 'user')
    expect(first).toMatchObject({ cursor: 0, head: 2, windows: [{ from: 0, to: Number.POSITIVE_INFINITY }] })
    expect(await world.words(first.mailbox, first.cursor)).toEqual(['m1', 'm2'])
    const laptop = await world.device('bob', 'laptop')
    await world.send(alice, 'bob', 'm3')
    await world.pause()
    const later = await world.mailbox(laptop, 'user')
    expect(later).toMatchObject({
      mailbox: first.mailbox,
      cursor: 2,
      head: 3,
      windows: [{ from: 2, to: Number.POSITIVE_INFINITY }],
    })
    expect(await world.words(later.mailbox, later.cursor)).toEqual(['m3'])
  })

  test('what is under way when a later device is created, it reads or not, but nothing before', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.device('bob', 'phone')
    await world.send(alice, 'bob', 'm1')
    const sending = world.send(alice, 'bob', 'm2')
    const laptop = await world.device('bob', 'laptop')
    await sending
    await world.send(alice, 'bob', 'm3')
    await world.pause()
    const { mailbox, cursor } = await world.mailbox(laptop, 'user')
    const words = await world.words(mailbox, cursor)
    expect(words).not.toContain('m1')
    expect(words.at(-1)).toBe('m3')
  })

  test('who is not registered reads what a first device would, and registers nothing', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const { mailbox } = await world.send(alice, 'bob', 'm1')
    const group = await world.store.createGroup({ groupId: 'team', name: null, owner: alice, members: ['bob'] })
    await world.pause()
    const readable = await world.store.readable('bob')
    expect(readable.filter(({ kind }) => kind !== 'device')).toEqual([
      {
        mailbox,
        kind: 'user',
        groupId: null,
        cursor: 0,
        head: 2,
        windows: [{ from: 0, to: Number.POSITIVE_INFINITY }],
        after: 0,
      },
      {
        mailbox: group.mailbox,
        kind: 'group',
        groupId: 'team',
        cursor: 1,
        head: 1,
        windows: [{ from: 1, to: Number.POSITIVE_INFINITY }],
        after: 0,
      },
    ])
    expect(await world.store.listDevices('bob')).toEqual([])
    const nobody = await world.store.readable('nobody')
    for (const { mailbox } of nobody) expect(await world.words(mailbox)).toEqual([])
  })

  test('a revoked device is gone, and its id stays dead', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const phone = await world.device('bob', 'phone', { holds: true })
    await world.device('bob', 'laptop')
    const to = { kind: 'device', userId: 'bob', deviceId: 'phone' } as const
    const { mailbox } = await world.send(alice, to, 'm1')
    expect(await world.store.revokeDevice('bob', 'phone')).toBe(true)
    await world.pause()
    expect(await world.store.revokeDevice('bob', 'phone')).toBe(false)
    expect(await world.store.revokeDevice('bob', 'unknown')).toBe(false)
    expect(await world.store.renameDevice('bob', 'phone', 'x')).toBe(false)
    expect(await refusal(() => world.store.findDevice('bob', 'phone'))).toEqual({ code: 'device_revoked' })
    expect(await refusal(() => world.device('bob', 'phone'))).toEqual({ code: 'device_revoked' })
    expect((await world.store.listDevices('bob')).map(({ deviceId }) => deviceId)).toEqual(['laptop'])
    expect(await refusal(() => world.append(alice, to, 'm2'))).toEqual({ code: 'not_found' })
    expect(entriesOf(await world.read(mailbox))).toEqual([])
    expect(await refusal(() => world.acknowledge(phone, mailbox, 1))).toMatchObject({
      code: expect.stringMatching(/^(forbidden|device_revoked)$/),
    })
    await world.device('alice', 'phone')
  })

  test('a revoked device sends nothing more', async () => {
    const world = await open()
    const phone = await world.device('alice', 'phone')
    await world.store.revokeDevice('alice', 'phone')
    expect(await refusal(() => world.append(phone, 'bob', 'm1'))).toMatchObject({ code: 'device_revoked' })
    await world.pause()
    for (const { mailbox } of await world.store.readable('bob')) expect(await world.words(mailbox)).toEqual([])
  })

  test('a revoked device holds nothing back', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const phone = await world.device('bob', 'phone', { holds: true })
    await world.device('bob', 'laptop', { holds: true })
    const { mailbox } = await world.send(alice, 'bob', 'm1')
    await world.acknowledge(phone, mailbox, 1)
    await world.pause()
    expect(await world.words(mailbox)).toEqual(['m1'])
    await world.store.revokeDevice('bob', 'laptop')
    await world.pause()
    await world.eventually(async () => expect(entriesOf(await world.read(mailbox))).toEqual([]))
  })

  test("once a user's devices are all revoked, the next reads from the oldest entry held", async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.device('bob', 'phone', { holds: true })
    await world.store.revokeDevice('bob', 'phone')
    const { mailbox } = await world.send(alice, 'bob', 'm1')
    await world.pause()
    const { cursor } = await world.mailbox(await world.device('bob', 'laptop'), 'user')
    expect(await world.words(mailbox, cursor)).toEqual(['m1'])
  })
}
