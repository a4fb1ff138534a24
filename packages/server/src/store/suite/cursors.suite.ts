import { expect, test } from 'vitest'
import type { Device } from '../store.ts'
import { entriesOf, type NewWorld, numbers, refusal, type World } from './world.suite.ts'

/** Seqs of the entries that are still there. */
async function held(world: World, mailbox: string): Promise<number[]> {
  return entriesOf(await world.read(mailbox)).map(({ seq }) => seq)
}

export function cursorTests(open: NewWorld): void {
  test('acks move a cursor forward, never back', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob', 'phone', { holds: true })
    const { mailbox } = await world.mailbox(bob, 'user')
    await world.sendAll(
      alice,
      'bob',
      numbers(1, 5).map((n) => `m${n}`),
    )
    const cursor = async () => (await world.mailbox(bob, 'user')).cursor
    expect(await cursor()).toBe(0)
    await world.acknowledge(bob, mailbox, 3)
    await world.pause()
    expect(await cursor()).toBe(3)
    await world.acknowledge(bob, mailbox, 2)
    expect(await cursor()).toBe(3)
    await world.store.acknowledge(bob, [
      { mailbox, seq: 5 },
      { mailbox, seq: 4 },
    ])
    await world.pause()
    expect(await cursor()).toBe(5)
  })

  test('an ack beyond the head is refused, and moves nothing', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob', 'phone', { holds: true })
    const { mailbox } = await world.mailbox(bob, 'user')
    expect(await refusal(() => world.acknowledge(bob, mailbox, 1))).toMatchObject({ code: 'bad_request' })
    await world.sendAll(alice, 'bob', ['m1', 'm2'])
    await world.pause()
    expect(await refusal(() => world.acknowledge(bob, mailbox, 3))).toMatchObject({ code: 'bad_request' })
    expect((await world.mailbox(bob, 'user')).cursor).toBe(0)
    await world.acknowledge(bob, mailbox, 2)
    expect((await world.mailbox(bob, 'user')).cursor).toBe(2)
  })

  test("acks of others' mailboxes are refused", async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone', { holds: true })
    const phone = await world.device('bob', 'phone', { holds: true })
    const laptop = await world.device('bob', 'laptop', { holds: true })
    const group = await world.store.createGroup({ groupId: 'team', name: null, owner: alice, members: [] })
    await world.send(alice, 'bob', 'm1')
    await world.send(alice, { kind: 'device', userId: 'bob', deviceId: 'laptop' }, 'm2')
    const user = await world.mailbox(phone, 'user')
    const device = await world.mailbox(laptop, 'device')
    await world.pause()
    const cases = [
      [alice, user.mailbox],
      [phone, device.mailbox],
      [phone, group.mailbox],
      [phone, 'mzzzzzz'],
      [phone, 'nonsense'],
    ] as const
    for (const [by, mailbox] of cases) {
      expect(await refusal(() => world.acknowledge(by, mailbox, 1)), mailbox).toMatchObject({ code: 'forbidden' })
    }
    expect(await world.words(user.mailbox)).toEqual(['m1'])
  })

  test('an entry goes when every device that holds it back has acknowledged it', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const phone = await world.device('bob', 'phone', { holds: true })
    const laptop = await world.device('bob', 'laptop', { holds: true })
    const { mailbox } = await world.mailbox(phone, 'user')
    await world.sendAll(
      alice,
      'bob',
      numbers(1, 6).map((n) => `m${n}`),
    )
    await world.acknowledge(phone, mailbox, 6)
    await world.pause()
    expect(await held(world, mailbox)).toEqual(numbers(1, 6))
    await world.acknowledge(laptop, mailbox, 4)
    await world.pause()
    await world.eventually(async () => expect(await held(world, mailbox)).toEqual([5, 6]))
    expect(await world.words(mailbox, 4)).toEqual(['m5', 'm6'])
    expect((await world.mailbox(laptop, 'user')).cursor).toBe(4)
  })

  test('a device that does not hold holds nothing back', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const phone = await world.device('bob', 'phone', { holds: true })
    await world.device('bob', 'laptop')
    await world.sendAll(alice, 'bob', ['m1', 'm2'])
    const { mailbox } = await world.mailbox(phone, 'user')
    await world.acknowledge(phone, mailbox, 2)
    await world.pause()
    await world.eventually(async () => expect(await held(world, mailbox)).toEqual([]))
  })

  test('where no device holds anything back, entries stay', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    await world.sendAll(alice, 'bob', ['m1', 'm2'])
    const { mailbox } = await world.mailbox(bob, 'user')
    world.store.delivered(mailbox, 2)
    await world.pause()
    expect(await world.words(mailbox)).toEqual(['m1', 'm2'])
  })

  test('a device that begins to hold, holds what it may read from then on', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const phone = await world.device('bob', 'phone', { holds: true })
    const laptop = await world.device('bob', 'laptop')
    await world.sendAll(alice, 'bob', ['m1', 'm2'])
    const { mailbox } = await world.mailbox(phone, 'user')
    await world.acknowledge(phone, mailbox, 1)
    await world.pause()
    await world.device('bob', 'laptop', { holds: true })
    await world.acknowledge(phone, mailbox, 2)
    await world.send(alice, 'bob', 'm3')
    await world.acknowledge(phone, mailbox, 3)
    await world.pause()
    const { cursor } = await world.mailbox(laptop, 'user')
    expect((await world.words(mailbox, cursor)).slice(-2)).toEqual(['m2', 'm3'])
    await world.acknowledge(laptop, mailbox, 3)
    await world.pause()
    await world.eventually(async () => expect(await held(world, mailbox)).toEqual([]))
  })

  test('each mailbox has its own cursor', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob', 'phone', { holds: true })
    await world.store.createGroup({ groupId: 'team', name: null, owner: alice, members: ['bob'] })
    await world.sendGroup(alice, 'team', 'g1')
    await world.send(alice, 'bob', 'u1')
    await world.send(alice, { kind: 'device', userId: 'bob', deviceId: 'phone' }, 'd1')
    const before = await world.store.subscriptions(bob)
    expect(before.map(({ kind, cursor, head }) => [kind, cursor, head])).toEqual([
      ['device', 0, 1],
      ['user', 0, 2],
      ['group', 1, 2],
    ])
    await world.store.acknowledge(
      bob,
      before.map(({ mailbox, head }) => ({ mailbox, seq: head })),
    )
    await world.pause()
    const after = await world.store.subscriptions(bob)
    expect(after.map(({ mailbox, cursor }) => [mailbox, cursor])).toEqual(before.map(({ mailbox, head }) => [mailbox, head]))
  })

  test('what a device has acknowledged is told apart from where it begins to read', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone', { holds: true })
    const acknowledged = async (device: Device) =>
      new Map((await world.store.acknowledged(device)).map(({ mailbox, seq }) => [mailbox, seq]))
    const { mailbox: own } = await world.mailbox(alice, 'user')
    await world.sendAll(alice, 'alice', ['m1', 'm2', 'm3'])
    await world.store.createGroup({ groupId: 'team', name: null, owner: alice, members: [] })
    const laptop = await world.device('alice', 'laptop', { holds: true })
    const [device, group] = [await world.mailbox(laptop, 'device'), await world.mailbox(laptop, 'group')]
    expect((await world.mailbox(laptop, 'user')).cursor).toBe(4)
    await world.pause()
    const nothing = new Map([device.mailbox, own, group.mailbox].map((mailbox) => [mailbox, 0]))
    expect(await acknowledged(laptop)).toEqual(nothing)

    await world.send(alice, 'alice', 'm4')
    await world.sendGroup(alice, 'team', 'g1')
    await world.acknowledge(laptop, own, 5)
    await world.acknowledge(laptop, group.mailbox, 2)
    expect(await acknowledged(laptop)).toEqual(nothing.set(own, 5).set(group.mailbox, 2))
    await world.acknowledge(laptop, own, 4)
    await world.pause()
    expect(await acknowledged(laptop)).toEqual(nothing)
    expect([...(await acknowledged(alice)).values()]).toEqual([0, 0, 0])
    await world.acknowledge(alice, own, 2)
    expect((await acknowledged(alice)).get(own)).toBe(2)
  })

  test('a device that holds nothing back has acknowledged nothing', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.send(alice, 'alice', 'm1')
    await world.pause()
    expect(await world.store.acknowledged(alice)).toEqual([])
    const bob = await world.device('bob', 'phone', { holds: true })
    const { mailbox } = await world.mailbox(bob, 'user')
    await world.send(alice, 'bob', 'm2')
    await world.acknowledge(bob, mailbox, 1)
    await world.store.revokeDevice('bob', 'phone')
    await world.pause()
    expect(await world.store.acknowledged(bob)).toEqual([])
  })

  test('an acknowledged gap stays acknowledged', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob', 'phone', { holds: true })
    const { mailbox } = await world.mailbox(bob, 'user')
    await world.send(alice, 'bob', { id: 'm1', expiresInMs: 1_000 })
    await world.send(alice, 'bob', 'm2')
    world.clock.advance(1_000)
    await world.acknowledge(bob, mailbox, 1)
    await world.pause()
    expect((await world.mailbox(bob, 'user')).cursor).toBe(1)
    expect(await world.words(mailbox, 1)).toEqual(['m2'])
  })
}
