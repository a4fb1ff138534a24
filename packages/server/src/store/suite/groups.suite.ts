import { expect, test } from 'vitest'
import { type CreateGroup, type Device, entryKinds } from '../store.ts'
import { dayMs, entriesOf, frameOf, type NewWorld, refusal, retentionMs, type World } from './world.suite.ts'

function creation(owner: Device, groupId: string, members: readonly string[] = [], name: string | null = null): CreateGroup {
  return { groupId, name, owner, members }
}

/** The `membership` frames of a mailbox. */
async function changes(world: World, mailbox: string): Promise<Record<string, unknown>[]> {
  const entries = entriesOf(await world.read(mailbox)).filter(({ kind }) => kind === entryKinds.membership)
  for (const { sender } of entries) expect(sender).toBe(0)
  return entries.map(frameOf)
}

export function groupTests(open: NewWorld): void {
  test('a group is as it was created', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const created = await world.store.createGroup(creation(alice, 'team', ['bob', 'carol'], 'The team'))
    await world.pause()
    const group = await world.group('team')
    expect(group).toEqual(created)
    expect(group).toMatchObject({ groupId: 'team', name: 'The team', protocol: 'opaque', createdAt: world.clock.now() })
    expect(Object.fromEntries(group.members)).toEqual({ alice: 'owner', bob: 'member', carol: 'member' })
    expect(await world.store.group('other')).toBeUndefined()
  })

  test('its creation is the first entry of its mailbox and an entry of every member', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const group = await world.store.createGroup(creation(alice, 'team', ['bob']))
    await world.pause()
    for (const device of [alice, await world.device('bob')]) {
      const { mailbox } = await world.mailbox(device, 'user')
      expect(await changes(world, mailbox)).toEqual([
        expect.objectContaining({ type: 'membership', mailbox, seq: 1, groupId: 'team', by: 'alice', removed: [] }),
      ])
    }
    const [frame] = await changes(world, group.mailbox)
    expect(frame).toMatchObject({ mailbox: group.mailbox, seq: 1, receivedAt: world.clock.now() })
    expect(frame?.added).toEqual(expect.arrayContaining(['alice', 'bob']))
  })

  test('members are added and removed, each change one entry of the group and of those whom it concerns', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const [bob, carol] = [await world.device('bob'), await world.device('carol')]
    const first = await world.store.createGroup(creation(alice, 'team', ['bob']))
    const second = await world.change(alice, 'team', { add: ['carol'] })
    await world.pause()
    const third = await world.change(alice, 'team', { remove: ['bob'] })
    await world.pause()
    expect(second.version).toBeGreaterThan(first.version)
    expect(third.version).toBeGreaterThan(second.version)
    expect(await world.group('team')).toEqual(third)
    expect(Object.fromEntries(third.members)).toEqual({ alice: 'owner', carol: 'member' })

    const brief = async (mailbox: string) =>
      (await changes(world, mailbox)).map(({ seq, by, added, removed }) => ({ seq, by, added, removed }))
    const added = { by: 'alice', added: ['carol'], removed: [] }
    const removed = { by: 'alice', added: [], removed: ['bob'] }
    expect((await brief(first.mailbox)).slice(1)).toEqual([
      { seq: 2, ...added },
      { seq: 3, ...removed },
    ])
    expect((await brief((await world.mailbox(bob, 'user')).mailbox)).slice(1)).toEqual([{ seq: 2, ...removed }])
    expect(await brief((await world.mailbox(carol, 'user')).mailbox)).toEqual([{ seq: 1, ...added }])
    expect(await brief((await world.mailbox(alice, 'user')).mailbox)).toHaveLength(1)
  })

  test('a change of roles is an entry with the roles', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const { mailbox, version } = await world.store.createGroup(creation(alice, 'team', ['bob']))
    const changed = await world.change(alice, 'team', {
      roles: [
        ['bob', 'owner'],
        ['alice', 'admin'],
      ],
    })
    await world.pause()
    expect(changed.version).toBeGreaterThan(version)
    expect(Object.fromEntries((await world.group('team')).members)).toEqual({ alice: 'admin', bob: 'owner' })
    expect((await changes(world, mailbox)).at(-1)).toMatchObject({
      seq: 2,
      added: [],
      removed: [],
      roles: { bob: 'owner', alice: 'admin' },
    })
  })

  test('who decided on another membership is told that it has moved', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    const { version, mailbox } = await world.store.createGroup(creation(alice, 'team', ['bob']))
    const stale = { kind: 'group', groupId: 'team', version } as const
    await world.change(alice, 'team', { add: ['carol'] })
    await world.pause()
    expect(await world.append(bob, stale, 'm1')).toBe('moved')
    const change = { groupId: 'team', by: alice, add: ['dave'], remove: [], roles: new Map(), delete: false }
    expect(await world.store.changeGroup({ ...change, version })).toBe('moved')
    expect(await world.append(bob, { ...stale, groupId: 'unknown' }, 'm2')).toBe('moved')
    expect(await world.store.changeGroup({ ...change, version, groupId: 'unknown' })).toBe('moved')
    expect((await world.group('team')).members.has('dave')).toBe(false)
    expect(await world.read(mailbox)).toHaveLength(2)
    await world.sendGroup(bob, 'team', 'm1')
  })

  test('of two changes decided at once one is made', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const { version } = await world.store.createGroup(creation(alice, 'team'))
    const answers = await Promise.all(
      ['bob', 'carol', 'dave', 'erin'].map((userId) =>
        world.store.changeGroup({
          groupId: 'team',
          version,
          by: alice,
          add: [userId],
          remove: [],
          roles: new Map(),
          delete: false,
        }),
      ),
    )
    expect(answers.filter((answer) => answer !== 'moved')).toHaveLength(1)
    await world.pause()
    expect((await world.group('team')).members.size).toBe(2)
  })

  test('no message decided on a membership comes after its end', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    const { version, mailbox } = await world.store.createGroup(creation(alice, 'team', ['bob']))
    const to = { kind: 'group', groupId: 'team', version } as const
    const sends = Array.from({ length: 30 }, (_, n) => world.append(bob, to, `before ${n}`))
    const removal = world.change(alice, 'team', { remove: ['bob'] })
    for (let n = 0; n < 30; n++) sends.push(world.append(bob, to, `after ${n}`))
    await removal
    await Promise.all(sends)
    expect(await world.append(bob, to, 'late')).toBe('moved')
    await world.pause()
    const entries = entriesOf(await world.read(mailbox))
    const removed = entries.findIndex((entry) => entry.kind === entryKinds.membership && entry.seq > 1)
    expect(removed).toBe(entries.length - 1)
  })

  test('a member reads from its joining to its leaving, inclusive, and again from its rejoining', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    await world.store.createGroup(creation(alice, 'team'))
    await world.sendGroup(alice, 'team', 'm2')
    await world.change(alice, 'team', { add: ['bob'] })
    await world.sendGroup(alice, 'team', 'm4')
    await world.pause()
    const windows = async () => (await world.mailbox(bob, 'group', 'team')).windows
    expect(await windows()).toEqual([{ from: 3, to: Number.POSITIVE_INFINITY }])
    await world.change(alice, 'team', { remove: ['bob'] })
    await world.sendGroup(alice, 'team', 'm6')
    await world.pause()
    expect(await windows()).toEqual([{ from: 3, to: 5 }])
    await world.change(alice, 'team', { add: ['bob'] })
    await world.sendGroup(alice, 'team', 'm8')
    await world.pause()
    const rejoined = await world.mailbox(bob, 'group', 'team')
    expect(rejoined).toMatchObject({ kind: 'group', groupId: 'team', cursor: 3, head: 8 })
    expect(rejoined.windows).toEqual([
      { from: 3, to: 5 },
      { from: 7, to: Number.POSITIVE_INFINITY },
    ])
    expect((await world.mailbox(alice, 'group', 'team')).windows).toEqual([{ from: 1, to: Number.POSITIVE_INFINITY }])
  })

  test("each of a member's devices reads from the joining, later ones too", async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.store.createGroup(creation(alice, 'team', ['bob']))
    await world.device('bob', 'phone')
    await world.sendGroup(alice, 'team', 'm2')
    await world.pause()
    const laptop = await world.device('bob', 'laptop', { holds: true })
    const { cursor, mailbox } = await world.mailbox(laptop, 'group')
    expect(await world.words(mailbox, cursor)).toEqual(['m2'])
  })

  test('who has left holds back up to its leaving, and no more', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone', { holds: true })
    const bob = await world.device('bob', 'phone', { holds: true })
    const { mailbox } = await world.store.createGroup(creation(alice, 'team', ['bob']))
    await world.sendGroup(alice, 'team', 'm2')
    await world.change(alice, 'team', { remove: ['bob'] })
    await world.sendGroup(alice, 'team', 'm4')
    await world.acknowledge(alice, mailbox, 4)
    await world.pause()
    expect(await world.words(mailbox, 1)).toEqual(['m2', 'membership', 'm4'])
    await world.acknowledge(bob, mailbox, 3)
    await world.pause()
    await world.eventually(async () => expect(entriesOf(await world.read(mailbox))).toEqual([]))
  })

  test('a deleted group is no more, but its end can be read', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone', { holds: true })
    const bob = await world.device('bob', 'phone', { holds: true })
    const { mailbox } = await world.store.createGroup(creation(alice, 'team', ['bob']))
    const { version } = await world.group('team')
    await world.change(alice, 'team', { remove: ['alice', 'bob'], delete: true })
    await world.pause()
    expect(await world.store.group('team')).toBeUndefined()
    expect(await world.store.listGroups('bob', '', 10)).toEqual([])
    expect(await world.append(bob, { kind: 'group', groupId: 'team', version }, 'm1')).toBe('moved')
    const { windows, cursor } = await world.mailbox(bob, 'group')
    expect(windows).toEqual([{ from: 1, to: 2 }])
    expect(await world.words(mailbox, cursor)).toEqual(['membership'])
    const frame = (await changes(world, mailbox)).at(-1)
    expect(frame?.removed).toEqual(expect.arrayContaining(['alice', 'bob']))
  })

  test('lists the groups of a user in the order of their ids, page by page', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    for (const groupId of ['c', 'a', 'B', 'd'])
      await world.store.createGroup(creation(alice, groupId, ['bob'], `Group ${groupId}`))
    await world.store.createGroup(creation(bob, 'bobs'))
    await world.change(alice, 'c', { roles: [['bob', 'admin']] })
    await world.change(alice, 'd', { remove: ['bob'] })
    await world.pause()
    const summary = (groupId: string, admins: string[], role: string) => {
      return {
        groupId,
        name: `Group ${groupId}`,
        protocol: 'opaque',
        ownerId: 'alice',
        admins,
        createdAt: world.clock.now(),
        role,
      }
    }
    const own = { ...summary('bobs', [], 'owner'), name: null, ownerId: 'bob' }
    const all = [summary('B', [], 'member'), summary('a', [], 'member'), own, summary('c', ['bob'], 'admin')]
    expect(await world.store.listGroups('bob', '', 100)).toEqual(all)
    expect(await world.store.listGroups('bob', '', 2)).toEqual(all.slice(0, 2))
    expect(await world.store.listGroups('bob', 'a', 100)).toEqual(all.slice(2))
    expect(await world.store.listGroups('bob', 'c', 100)).toEqual([])
    expect(await world.store.listGroups('carol', '', 100)).toEqual([])
  })

  test('a user is in no more groups than USER_GROUPS', async () => {
    const world = await open({ USER_GROUPS: 2 })
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    const carol = await world.device('carol')
    await world.store.createGroup(creation(alice, 'one'))
    await world.store.createGroup(creation(bob, 'two', ['alice']))
    await world.store.createGroup(creation(bob, 'three'))
    await world.pause()
    const full = { code: 'limit_reached', limit: 'USER_GROUPS' }
    expect(await refusal(() => world.store.createGroup(creation(alice, 'four')))).toMatchObject(full)
    expect(await refusal(() => world.store.createGroup(creation(carol, 'five', ['alice'])))).toMatchObject(full)
    expect(await refusal(() => world.change(bob, 'three', { add: ['dave', 'alice'] }))).toMatchObject(full)
    await world.pause()
    for (const groupId of ['four', 'five']) expect(await world.store.group(groupId)).toBeUndefined()
    expect([...(await world.group('three')).members.keys()]).toEqual(['bob'])
    expect(await world.words((await world.group('three')).mailbox)).toEqual(['membership'])
    await world.change(bob, 'two', { remove: ['alice'] })
    await world.change(bob, 'three', { add: ['alice'] })
  })

  test('one user adds another to no more than ADDS_PAIR_PER_DAY groups a day', async () => {
    const world = await open({ ADDS_PAIR_PER_DAY: 2 })
    const alice = await world.device('alice')
    const carol = await world.device('carol')
    await world.store.createGroup(creation(alice, 'one', ['bob']))
    await world.store.createGroup(creation(alice, 'two'))
    await world.change(alice, 'two', { add: ['bob'] })
    await world.pause()
    const refused = await refusal(() => world.store.createGroup(creation(alice, 'three', ['dave', 'bob'])))
    expect(refused).toMatchObject({ code: 'rate_limited', limit: 'ADDS_PAIR_PER_DAY' })
    expect(refused.retryAfterMs).toBeGreaterThan(0)
    expect(refused.retryAfterMs).toBeLessThanOrEqual(dayMs / 2)
    expect(await world.store.group('three')).toBeUndefined()
    await world.store.createGroup(creation(alice, 'four', ['dave']))
    await world.store.createGroup(creation(carol, 'five', ['bob']))
    await world.pause()
    world.clock.advance(Number(refused.retryAfterMs))
    await world.store.createGroup(creation(alice, 'three', ['dave', 'bob']))
  })

  test('a group outlives its entries', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const created = await world.store.createGroup(creation(alice, 'team', ['bob']))
    world.clock.advance(retentionMs + 1)
    await world.store.sweep()
    await world.pause()
    expect(await world.group('team')).toEqual(created)
    const { seq } = await world.sendGroup(alice, 'team', 'm2')
    expect(seq).toBe(2)
    const { mailbox, windows } = await world.mailbox(await world.device('bob'), 'group')
    expect(windows).toEqual([{ from: 1, to: Number.POSITIVE_INFINITY }])
    expect(await world.words(mailbox)).toEqual(['expired 1-1', 'm2'])
  })
}
