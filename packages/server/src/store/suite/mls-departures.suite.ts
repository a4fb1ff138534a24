import { expect, test } from 'vitest'
import type { Device } from '../store.ts'
import { type Change, commit, commitOf, create, readersOf } from './mls-world.suite.ts'
import { entriesOf, frameOf, type NewWorld, refusal, type World } from './world.suite.ts'

async function people(world: World): Promise<{ phone: Device; laptop: Device; bob: Device; carol: Device }> {
  const [phone, laptop, bob, carol] = await Promise.all(
    ['alice/phone', 'alice/laptop', 'bob/phone', 'carol/phone'].map((name) => {
      const [userId = '', deviceId] = name.split('/')
      return world.device(userId, deviceId, { holds: true })
    }),
  )
  return { phone: phone!, laptop: laptop!, bob: bob!, carol: carol! }
}

/** The frames of a group's mailbox but for the commits. */
async function news(world: World, mailbox: string): Promise<Record<string, unknown>[]> {
  return entriesOf(await world.read(mailbox))
    .map(frameOf)
    .filter(({ type }) => type !== 'commit')
}

async function leave(world: World, by: Device, groupId: string, goodbye?: string): Promise<void> {
  const { version } = await world.group(groupId)
  const gone = { groupId, version, by, add: [], remove: [by.userId], roles: new Map(), delete: false, goodbye }
  expect(await world.store.changeGroup(gone)).not.toBe('moved')
}

async function windowOf(world: World, device: Device, groupId: string): Promise<{ from: number; to: number } | undefined> {
  return (await world.store.subscriptions(device)).find((found) => found.groupId === groupId)?.windows.at(-1)
}

export function mlsDepartureTests(newWorld: NewWorld): void {
  test('who leaves is gone with all devices, whose leaves wait for a commit', async () => {
    const world = await newWorld()
    const { phone, laptop, bob } = await people(world)
    const { mailbox } = await create(world, bob, 'team', [phone, laptop])
    await leave(world, phone, 'team')
    await world.pause()
    const group = await world.group('team')
    expect([...group.members.keys()]).toEqual(['bob'])
    expect(readersOf(group)).toEqual(['bob/phone'])
    expect(group.mls?.departed.toSorted((a, b) => (a.deviceId < b.deviceId ? -1 : 1))).toEqual([
      { userId: 'alice', deviceId: 'laptop', whole: true },
      { userId: 'alice', deviceId: 'phone', whole: true },
    ])
    for (const device of [phone, laptop]) expect(await windowOf(world, device, 'team')).toEqual({ from: 1, to: 2 })
    expect(await news(world, mailbox)).toEqual([
      { type: 'departed', mailbox, seq: 2, receivedAt: world.clock.now(), groupId: 'team', userId: 'alice' },
    ])
    await commit(world, bob, 'team', { remove: [phone, laptop] })
    await world.pause()
    expect((await world.group('team')).mls).toMatchObject({ departed: [], epoch: 2 })
    expect(await world.store.listGroups('alice', '', 10)).toEqual([])
  })

  test('what who leaves has signed goes into the log as it is', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    const { mailbox } = await create(world, bob, 'team', [phone])
    await leave(world, phone, 'team', 'Z29vZGJ5ZQ==')
    await world.pause()
    expect(await news(world, mailbox)).toMatchObject([{ type: 'departed', userId: 'alice', goodbye: 'Z29vZGJ5ZQ==' }])
  })

  test('a version that has moved is not left', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    await create(world, bob, 'team', [phone])
    const { version } = await world.group('team')
    await commit(world, bob, 'team', {})
    const gone = { groupId: 'team', version, by: phone, add: [], remove: ['alice'], roles: new Map(), delete: false }
    expect(await world.store.changeGroup(gone)).toBe('moved')
  })

  test('a device that is revoked departs from every group that it reads', async () => {
    const world = await newWorld()
    const { phone, laptop, bob } = await people(world)
    const one = await create(world, bob, 'one', [phone, laptop])
    const two = await create(world, bob, 'two', [phone])
    const three = await create(world, bob, 'three', [laptop])
    expect(await world.store.revokeDevice('alice', 'phone')).toBe(true)
    expect(await refusal(() => commit(world, phone, 'one', {}))).toEqual({ code: 'device_revoked' })
    await world.pause()
    expect(readersOf(await world.group('one'))).toEqual(['alice/laptop', 'bob/phone'])
    expect(readersOf(await world.group('two'))).toEqual(['bob/phone'])
    for (const groupId of ['one', 'two']) {
      const { members, mls } = await world.group(groupId)
      expect([...members.keys()].toSorted()).toEqual(['alice', 'bob'])
      expect(mls?.departed).toEqual([{ userId: 'alice', deviceId: 'phone', whole: false }])
    }
    expect((await world.group('three')).mls?.departed).toEqual([])
    for (const { mailbox } of [one, two]) {
      expect(await news(world, mailbox)).toMatchObject([{ type: 'departed', seq: 2, userId: 'alice', deviceId: 'phone' }])
    }
    expect(await news(world, three.mailbox)).toEqual([])
    expect(await world.store.revokeDevice('alice', 'phone')).toBe(false)
    expect((await world.group('one')).version).toBe(2)
  })

  test('a revoked device holds nothing back, nor a Welcome', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    const { mailbox } = await create(world, bob, 'team', [phone])
    await world.store.revokeDevice('alice', 'phone')
    await commit(world, bob, 'team', { remove: [phone] })
    await world.pause()
    await world.acknowledge(bob, mailbox, 3)
    await world.eventually(async () => expect(entriesOf(await world.read(mailbox))).toEqual([]))
  })

  test('who leaves after losing a device is gone as a whole', async () => {
    const world = await newWorld()
    const { phone, laptop, bob } = await people(world)
    const { mailbox } = await create(world, bob, 'team', [phone, laptop])
    await world.store.revokeDevice('alice', 'phone')
    await leave(world, laptop, 'team')
    await world.pause()
    expect((await world.group('team')).mls?.departed.map(({ deviceId, whole }) => `${deviceId} ${whole}`).toSorted()).toEqual([
      'laptop true',
      'phone true',
    ])
    expect((await news(world, mailbox)).map(({ seq, deviceId }) => ({ seq, deviceId }))).toEqual([
      { seq: 2, deviceId: 'phone' },
      { seq: 3, deviceId: undefined },
    ])
  })

  test('what is left to be removed stays so, as a commit says', async () => {
    const world = await newWorld()
    const { phone, laptop, bob } = await people(world)
    await create(world, bob, 'team', [phone])
    await world.store.revokeDevice('alice', 'phone')
    const departed = [{ userId: 'alice', deviceId: 'phone', whole: false }]
    await commit(world, laptop, 'team', { add: [laptop], opensOwn: true, departed })
    await world.pause()
    expect((await world.group('team')).mls).toMatchObject({ departed, epoch: 2 })
    await commit(world, laptop, 'team', { remove: [phone] })
    await world.pause()
    expect((await world.group('team')).mls).toMatchObject({ departed: [], epoch: 3 })
  })

  test('who erases the account departs, and passes the ownership on', async () => {
    const world = await newWorld()
    const { phone, laptop, bob, carol } = await people(world)
    const { mailbox } = await create(world, phone, 'team', [laptop, bob, carol])
    await commit(world, phone, 'team', { roles: { carol: 'admin' } })
    await create(world, bob, 'other', [laptop])
    await create(world, phone, 'alone')
    expect((await world.store.eraseAccount('alice')).groups.toSorted()).toEqual(['alone', 'other', 'team'])
    await world.pause()
    const group = await world.group('team')
    expect(Object.fromEntries(group.members)).toEqual({ bob: 'member', carol: 'owner' })
    expect(readersOf(group)).toEqual(['bob/phone', 'carol/phone'])
    expect(group.mls?.departed.map(({ deviceId, whole }) => `${deviceId} ${whole}`).toSorted()).toEqual([
      'laptop true',
      'phone true',
    ])
    expect((await news(world, mailbox)).map(({ type, userId, by, roles }) => ({ type, userId, by, roles }))).toEqual([
      { type: 'departed', userId: 'alice', by: undefined, roles: undefined },
      { type: 'membership', userId: undefined, by: 'alice', roles: { carol: 'owner' } },
    ])
    expect((await world.group('other')).mls?.departed).toEqual([{ userId: 'alice', deviceId: 'laptop', whole: true }])
    expect(await world.store.group('alone')).toBeUndefined()
    await commit(world, carol, 'team', { remove: [phone, laptop] })
    expect((await world.group('team')).mls?.departed).toEqual([])
  })

  test('who erases the account departs from many groups at once', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    const groups = Array.from({ length: 40 }, (_, at) => `g${at}`)
    for (const groupId of groups) await create(world, bob, groupId, [phone])
    const { commits } = world.store.stats()
    await world.store.eraseAccount('alice')
    // Not one after another, each with a transaction of its own; cursors may be persisted meanwhile.
    expect(world.store.stats().commits - commits).toBeLessThan(groups.length / 2)
    for (const groupId of groups) {
      expect((await world.group(groupId)).mls?.departed).toEqual([{ userId: 'alice', deviceId: 'phone', whole: true }])
    }
  })

  test('commits of different groups do not wait for each other, and a revoked device is in none', async () => {
    const world = await newWorld()
    const { phone, laptop, bob } = await people(world)
    const groups = Array.from({ length: 20 }, (_, at) => `g${at}`)
    for (const groupId of groups) await create(world, bob, groupId, [phone])
    const { commits } = world.store.stats()
    await Promise.all(groups.map((groupId) => commit(world, bob, groupId, {})))
    expect(world.store.stats().commits - commits).toBeLessThan(groups.length)
    const now = await Promise.all(groups.map((groupId) => world.group(groupId)))
    const adds = (by: Device, more: Change = {}) =>
      now.map((group) => world.store.commitGroup(commitOf(by, group.groupId, { add: [laptop], ...more }, group)))
    const adding = adds(bob)
    const revoking = world.store.revokeDevice('alice', 'laptop')
    const late = adds(phone, { epoch: 3 }).map((answer) => answer.catch(({ code }) => code))
    await Promise.all(adding)
    expect(await revoking).toBe(true)
    expect(new Set(await Promise.all(late))).toEqual(new Set(['not_found']))
    await world.pause()
    for (const groupId of groups) {
      const group = await world.group(groupId)
      expect(readersOf(group)).toEqual(['alice/phone', 'bob/phone'])
      expect(group.mls?.departed).toEqual([{ userId: 'alice', deviceId: 'laptop', whole: false }])
    }
  })

  test('a group in which nobody is left is no more', async () => {
    const world = await newWorld()
    const { phone } = await people(world)
    const { mailbox } = await create(world, phone, 'team')
    await leave(world, phone, 'team')
    await world.pause()
    expect(await world.store.group('team')).toBeUndefined()
    expect(await windowOf(world, phone, 'team')).toEqual({ from: 0, to: 2 })
    expect(await news(world, mailbox)).toMatchObject([{ type: 'departed', userId: 'alice' }])
  })

  test('nobody is added to a group while the account is erased', async () => {
    const world = await newWorld()
    const { phone, bob, carol } = await people(world)
    await create(world, bob, 'team', [phone])
    const erasing = world.store.eraseAccount('alice')
    const adding = create(world, carol, 'other', [phone]).catch((error: { code: string }) => error.code)
    await erasing
    expect(await adding).toBe('not_found')
    await world.pause()
    expect(await world.store.group('other')).toBeUndefined()
  })
}
