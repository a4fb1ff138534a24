import { expect, test } from 'vitest'
import { entryBytes } from '../entry-bytes.ts'
import { type Device, entryKinds, type Window } from '../store.ts'
import { commit, commitOf, create, named, readersOf } from './mls-world.suite.ts'
import { entriesOf, frameOf, type NewWorld, refusal, retentionMs, type World, wordsOf } from './world.suite.ts'

const open = Number.POSITIVE_INFINITY

/** Two people, alice with two devices, and carol; all hold entries back. */
async function people(world: World): Promise<{ phone: Device; laptop: Device; bob: Device; carol: Device }> {
  const holds = { holds: true }
  return {
    phone: await world.device('alice', 'phone', holds),
    laptop: await world.device('alice', 'laptop', holds),
    bob: await world.device('bob', 'phone', holds),
    carol: await world.device('carol', 'phone', holds),
  }
}

/** What a device may read of a group; undefined: nothing. */
async function windows(world: World, device: Device, groupId: string): Promise<readonly Window[] | undefined> {
  return (await world.store.subscriptions(device)).find((subscription) => subscription.groupId === groupId)?.windows
}

export function mlsGroupTests(newWorld: NewWorld): void {
  test('a group comes to exist with its first commit', async () => {
    const world = await newWorld()
    const { phone, laptop, bob } = await people(world)
    const { mailbox, seq, duplicate, receivedAt } = await create(world, phone, 'team', [laptop, bob], { roles: {} })
    await world.pause()
    expect({ seq, duplicate, receivedAt }).toEqual({ seq: 1, duplicate: false, receivedAt: world.clock.now() })
    const group = await world.group('team')
    expect(group).toMatchObject({ groupId: 'team', name: null, protocol: 'mls', mailbox, createdAt: world.clock.now() })
    expect(Object.fromEntries(group.members)).toEqual({ alice: 'owner', bob: 'member' })
    expect(group.mls).toMatchObject({ isDirect: false, generation: 0, epoch: 1, seq: 1, departed: [] })
    expect(readersOf(group)).toEqual(['alice/laptop', 'alice/phone', 'bob/phone'])
    expect(await world.store.groupInfo('team')).toEqual({ groupInfo: 'info-0-1', generation: 0, epoch: 1, mailbox, seq: 1 })
    expect(await world.store.groupInfo('other')).toBeUndefined()
    const [entry] = entriesOf(await world.read(mailbox))
    expect(entry).toMatchObject({ kind: entryKinds.commit, sender: phone.no, seq: 1 })
    expect(frameOf(entry!)).toMatchObject({
      type: 'commit',
      mailbox,
      seq: 1,
      groupId: 'team',
      generation: 0,
      epoch: 0,
      from: 'alice',
      fromDevice: 'phone',
      added: [named(laptop), named(bob)],
      commit: 'Y29tbWl0',
    })
    expect(await world.store.listGroups('bob', '', 10)).toMatchObject([
      { groupId: 'team', protocol: 'mls', ownerId: 'alice', role: 'member' },
    ])
  })

  test('windows are those of devices', async () => {
    const world = await newWorld()
    const { phone, laptop, bob, carol } = await people(world)
    const tablet = await world.device('bob', 'tablet')
    await create(world, phone, 'team', [bob])
    await world.sendGroup(phone, 'team', 'm2')
    await commit(world, phone, 'team', { add: [laptop, carol], addUsers: { carol: 'member' } })
    await world.sendGroup(phone, 'team', 'm4')
    await commit(world, bob, 'team', { remove: [laptop] })
    await commit(world, phone, 'team', { remove: [carol], removeUsers: ['carol'] })
    await commit(world, carol, 'team', { add: [carol], opensOwn: true, addUsers: { carol: 'member' } })
    await world.pause()
    expect(await windows(world, phone, 'team')).toEqual([{ from: 0, to: open }])
    expect(await windows(world, bob, 'team')).toEqual([{ from: 1, to: open }])
    expect(await windows(world, laptop, 'team')).toEqual([{ from: 3, to: 5 }])
    expect(await windows(world, carol, 'team')).toEqual([
      { from: 3, to: 6 },
      { from: 6, to: open },
    ])
    expect(await windows(world, tablet, 'team')).toBeUndefined()
    expect((await world.store.readable('bob')).some(({ groupId }) => groupId === 'team')).toBe(false)
    // Whoever begins to hold entries back later does so from where its window begins.
    await world.device('bob', 'tablet', { holds: true })
    expect(await windows(world, tablet, 'team')).toBeUndefined()
    const late = await world.device('carol', 'late')
    await commit(world, phone, 'team', { add: [late] })
    await world.pause()
    await world.device('carol', 'late', { holds: true })
    expect((await world.mailbox(late, 'group', 'team')).cursor).toBe(8)
  })

  test('a device that is replaced goes on reading', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    await create(world, phone, 'team', [bob])
    await commit(world, phone, 'team', { add: [bob], welcome: 'bmV3', welcomeTo: [bob] })
    await world.pause()
    const { windows: held, after } = await world.mailbox(bob, 'group', 'team')
    expect(held).toEqual([{ from: 1, to: open }])
    expect(after).toBe(2)
    expect(readersOf(await world.group('team'))).toEqual(['alice/phone', 'bob/phone'])
  })

  test('a Welcome is an entry of every device that it is for, before what they read of the group', async () => {
    const world = await newWorld()
    const { phone, laptop, bob, carol } = await people(world)
    const { mailbox } = await create(world, phone, 'team', [laptop, bob, carol], { welcomeTo: [laptop, bob] })
    await world.pause()
    for (const device of [laptop, bob]) {
      const own = await world.mailbox(device, 'device')
      const [entry, ...others] = entriesOf(await world.read(own.mailbox))
      expect(others).toEqual([])
      expect(entry).toMatchObject({ kind: entryKinds.welcome, sender: 0 })
      expect(frameOf(entry!)).toEqual({
        type: 'welcome_mls',
        mailbox: own.mailbox,
        seq: 1,
        receivedAt: world.clock.now(),
        groupId: 'team',
        generation: 0,
        epoch: 1,
        groupMailbox: mailbox,
        groupSeq: 1,
        from: 'alice',
        fromDevice: 'phone',
        welcome: 'd2VsY29tZQ==',
      })
      expect((await world.mailbox(device, 'group', 'team')).after).toBe(1)
    }
    expect((await world.mailbox(carol, 'group', 'team')).after).toBe(0)
    expect(await world.words((await world.mailbox(carol, 'device')).mailbox)).toEqual([])
    for (const entry of world.announced.filter(({ kind }) => kind === entryKinds.welcome)) {
      expect(frameOf(entry).welcome).toBe('d2VsY29tZQ==')
    }
  })

  test('a Welcome as large as they come is read whole by each, also behind others', async () => {
    const world = await newWorld()
    const { phone, laptop, bob } = await people(world)
    const welcome = 'A'.repeat(3 * 1024 * 1024)
    await create(world, phone, 'one', [bob])
    await create(world, phone, 'two', [laptop, bob], { welcome })
    await create(world, phone, 'three', [bob])
    await world.pause()
    const { mailbox } = await world.mailbox(bob, 'device')
    const pages = await world.read(mailbox, 0, { entries: 10, bytes: 1_000 })
    expect(entriesOf(pages).map((entry) => String(frameOf(entry).welcome).length)).toEqual([12, welcome.length, 12])
    expect(JSON.stringify(await world.store.exportAccount('bob'))).toContain(welcome)
  })

  test('a commit as large as they come is read whole', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    const large = 'B'.repeat(8 * 1024 * 1024)
    const { mailbox } = await create(world, phone, 'team', [bob], { commit: large, groupInfo: large })
    await world.sendGroup(phone, 'team', 'm2')
    await world.pause()
    const [entry, next] = entriesOf(await world.read(mailbox, 0, { entries: 10, bytes: 1_000 }))
    expect(frameOf(entry!).commit).toBe(large)
    expect(frameOf(next!).id).toBe('m2')
    expect((await world.store.groupInfo('team'))?.groupInfo).toBe(large)
  })

  test('a commit that comes again gets the first answer, whatever has happened since', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    const first = await create(world, phone, 'team', [bob], { id: 'the-first' })
    const second = await commit(world, bob, 'team', { id: 'the-second', epoch: 1 })
    await commit(world, phone, 'team', { remove: [bob], removeUsers: ['bob'] })
    await world.pause()
    const before = await world.group('team')
    expect(await create(world, phone, 'team', [bob], { id: 'the-first' })).toEqual({ ...first, duplicate: true })
    expect(await commit(world, bob, 'team', { id: 'the-second', epoch: 1 })).toEqual({ ...second, duplicate: true })
    const conflict = { code: 'id_conflict', mailbox: second.mailbox, seq: 2 }
    for (const other of [{ commit: 'b3RoZXI=' }, { groupInfo: 'other' }, { epoch: 2 }, { remove: [phone] }]) {
      expect(await refusal(() => commit(world, bob, 'team', { id: 'the-second', epoch: 1, ...other }))).toEqual(conflict)
    }
    await world.send(bob, 'alice', 'a-message')
    expect(await refusal(() => commit(world, bob, 'team', { id: 'a-message', epoch: 3 }))).toMatchObject({ code: 'id_conflict' })
    expect(await refusal(() => world.send(bob, 'alice', 'the-second'))).toMatchObject({ code: 'id_conflict' })
    expect(await world.group('team')).toEqual(before)
    expect(await world.words(first.mailbox)).toEqual(['the-first', 'the-second', expect.stringContaining('commit')])
  })

  test('the same commit sent many times at once is taken once', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    const request = commitOf(
      phone,
      'team',
      { kind: 'create', id: 'once', add: [bob], addUsers: { alice: 'owner', bob: 'member' } },
      undefined,
    )
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.store.commitGroup(request)))
    await world.pause()
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
    expect(new Set(answers.map(({ seq }) => seq))).toEqual(new Set([1]))
    expect(await world.words((await world.group('team')).mailbox)).toEqual(['once'])
  })

  test('what is refused leaves nothing behind', async () => {
    const world = await newWorld({ USER_GROUPS: 2 })
    const { phone, bob, carol } = await people(world)
    await create(world, carol, 'one')
    await create(world, carol, 'two')
    const { mailbox } = await create(world, phone, 'team', [bob])
    const before = await world.group('team')
    const unknown: Device = { userId: 'dave', deviceId: 'none', no: 1_000 }
    const full = await refusal(() => commit(world, phone, 'team', { id: 'x', add: [carol], addUsers: { carol: 'member' } }))
    expect(full).toEqual({ code: 'limit_reached', limit: 'USER_GROUPS', userId: 'carol' })
    const missing = await refusal(() =>
      commit(world, phone, 'team', { id: 'x', add: [unknown], welcome: 'AAAA', welcomeTo: [bob] }),
    )
    expect(missing).toEqual({ code: 'not_found', userId: 'dave', deviceId: 'none' })
    expect(await refusal(() => commit(world, phone, 'team', { id: 'x', epoch: 0 }))).toMatchObject({ code: 'stale_epoch' })
    expect(await refusal(() => create(world, phone, 'team'))).toMatchObject({ code: 'group_exists' })
    await world.pause()
    expect(await world.group('team')).toEqual(before)
    expect(await world.words(mailbox)).toHaveLength(1)
    expect(entriesOf(await world.read((await world.mailbox(bob, 'device')).mailbox))).toHaveLength(1)
    // A refusal keeps no record of the id.
    expect(await commit(world, phone, 'team', { id: 'x' })).toMatchObject({ seq: 2, duplicate: false })
  })

  test('Welcomes by one user that wait for a device are bounded', async () => {
    const world = await newWorld({ PAIR_BYTES: 1_000 })
    const { phone, bob, carol } = await people(world)
    const welcome = 'A'.repeat(600)
    await create(world, phone, 'one', [bob], { welcome })
    const refused = await refusal(() => create(world, phone, 'two', [bob], { welcome }))
    expect(refused).toEqual({ code: 'limit_reached', limit: 'PAIR_BYTES', userId: 'bob', deviceId: 'phone' })
    await create(world, carol, 'three', [bob], { welcome })
    const { mailbox, head } = await world.mailbox(bob, 'device')
    await world.acknowledge(bob, mailbox, head)
    await world.store.sweep()
    await world.pause()
    await create(world, phone, 'two', [bob], { welcome })
  })

  test('so is their number, however small they are', async () => {
    const world = await newWorld({ PAIR_ENTRIES: 3 })
    const { phone, bob, carol } = await people(world)
    const again = { add: [bob], remove: [bob], welcome: 'AAAA', welcomeTo: [bob] }
    await create(world, phone, 'team', [bob, carol], { welcomeTo: [bob] })
    for (let round = 0; round < 2; round++) await commit(world, phone, 'team', again)
    const refused = { code: 'limit_reached', limit: 'PAIR_ENTRIES', userId: 'bob', deviceId: 'phone' }
    expect(await refusal(() => commit(world, phone, 'team', again))).toEqual(refused)
    await commit(world, carol, 'team', again)
    const { mailbox, head } = await world.mailbox(bob, 'device')
    expect(head).toBe(4)
    await world.acknowledge(bob, mailbox, 2)
    await world.store.sweep()
    await world.pause()
    await commit(world, phone, 'team', again)
  })

  test('commits are bounded where nobody holds entries back', async () => {
    const world = await newWorld({ MAILBOX_ENTRIES: 5 })
    const [phone, bob] = [await world.device('alice', 'phone'), await world.device('bob', 'phone')]
    const { mailbox } = await create(world, phone, 'team', [bob])
    for (let round = 0; round < 4; round++) await commit(world, phone, 'team', {})
    await world.pause()
    const before = await world.group('team')
    for (const kind of ['commit', 'reset'] as const) {
      const refused = await refusal(() => commit(world, phone, 'team', { kind, id: 'too-many' }))
      expect(refused).toMatchObject({ code: 'mailbox_full', limit: 'MAILBOX_ENTRIES' })
    }
    expect(await world.group('team')).toEqual(before)
    world.store.delivered(mailbox, 3)
    await commit(world, phone, 'team', { id: 'too-many' })
    await world.store.openDevice({ ...named(bob), holds: true })
    for (let round = 0; round < 6; round++) await commit(world, phone, 'team', {})
  })

  test('a Welcome for many is in memory once, and put together for nobody who is online', async () => {
    const world = await newWorld()
    const { phone, laptop, bob, carol } = await people(world)
    const welcome = 'A'.repeat(200_000)
    await create(world, phone, 'team', [laptop, bob, carol], { welcome })
    const entries = world.announced.filter(({ kind }) => kind === entryKinds.welcome)
    expect(entries).toHaveLength(3)
    const large = entries.map(({ pieces = [] }) => pieces.find(({ length }) => length === welcome.length))
    expect(large[0]?.toString()).toBe(welcome)
    expect(new Set(large).size).toBe(1)
    for (const entry of entries) {
      expect(Buffer.concat([...(entry.pieces ?? [])]).equals(entry.json)).toBe(true)
      expect(entryBytes(entry)).toBe(entry.json.length)
    }
  })

  test('entries are held back by devices, each until the end of its window', async () => {
    const world = await newWorld()
    const { phone, bob, carol } = await people(world)
    const { mailbox } = await create(world, phone, 'team', [bob, carol])
    await world.sendGroup(phone, 'team', 'm2')
    await commit(world, phone, 'team', { remove: [carol], removeUsers: ['carol'] })
    await world.sendGroup(phone, 'team', 'm4')
    await world.pause()
    await world.acknowledge(phone, mailbox, 4)
    await world.acknowledge(bob, mailbox, 4)
    await world.acknowledge(carol, mailbox, 2)
    await world.pause()
    await world.eventually(async () => {
      expect(wordsOf(await world.read(mailbox))).toEqual(['expired 1-2', expect.stringContaining('commit'), 'm4'])
    })
    await world.acknowledge(carol, mailbox, 3)
    await world.eventually(async () => expect(entriesOf(await world.read(mailbox))).toEqual([]))
    expect(await refusal(async () => world.acknowledge(await world.device('bob', 'other', { holds: true }), mailbox, 4))).toEqual(
      {
        code: 'forbidden',
      },
    )
  })

  test('a reset begins a new generation for the devices that it names', async () => {
    const world = await newWorld()
    const { phone, laptop, bob, carol } = await people(world)
    const { mailbox } = await create(world, phone, 'team', [bob, carol])
    await world.store.revokeDevice('carol', 'phone')
    const { seq } = await commit(world, laptop, 'team', {
      kind: 'reset',
      add: [bob],
      opensOwn: true,
      welcome: 'bmV3',
      welcomeTo: [bob],
    })
    await world.pause()
    expect(seq).toBe(3)
    const group = await world.group('team')
    expect(group.mls).toMatchObject({ generation: 1, epoch: 1, seq: 3, departed: [] })
    expect(Object.fromEntries(group.members)).toEqual({ alice: 'owner', bob: 'member', carol: 'member' })
    expect(readersOf(group)).toEqual(['alice/laptop', 'bob/phone'])
    expect(await windows(world, phone, 'team')).toEqual([{ from: 0, to: 3 }])
    expect(await windows(world, bob, 'team')).toEqual([{ from: 1, to: open }])
    expect(await windows(world, laptop, 'team')).toEqual([{ from: 2, to: open }])
    expect(await world.store.groupInfo('team')).toEqual({ groupInfo: 'info-1-1', generation: 1, epoch: 1, mailbox, seq: 3 })
    expect(await commit(world, bob, 'team', {})).toMatchObject({ mailbox, seq: 4 })
    expect((await world.group('team')).mls).toMatchObject({ generation: 1, epoch: 2, seq: 4 })
  })

  test('of many who commit at once one is taken for each epoch', async () => {
    const world = await newWorld()
    const devices = await Promise.all(Array.from({ length: 50 }, (_, at) => world.device(`user-${at}`, 'phone')))
    const { mailbox } = await create(world, devices[0]!, 'team', devices.slice(1), { welcomeTo: [], groupInfo: 'first' })
    const epochs = 100
    const taken: { epoch: number; seq: number; from: string }[] = []
    const told: number[] = []

    async function committer(device: Device): Promise<void> {
      for (let epoch = 1; epoch < epochs; ) {
        try {
          const { seq } = await commit(world, device, 'team', { id: `${epoch}`, epoch })
          taken.push({ epoch, seq, from: device.userId })
        } catch (error) {
          const { code, extra } = error as { code: string; extra: { epoch: number } }
          if (code !== 'stale_epoch') throw error
          told.push(extra.epoch)
          expect(extra.epoch).toBeGreaterThan(epoch)
        }
        epoch = (await world.group('team')).mls!.epoch
      }
    }
    await Promise.all(devices.map(committer))
    await world.pause()
    expect(taken.map(({ epoch }) => epoch).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: epochs - 1 }, (_, at) => at + 1),
    )
    expect(told.length).toBeGreaterThan(epochs)
    const frames = entriesOf(await world.read(mailbox)).map(frameOf)
    expect(frames.map(({ epoch }) => epoch)).toEqual(Array.from({ length: epochs }, (_, at) => at))
    for (const { epoch, seq, from } of taken) expect(frames[seq - 1]).toMatchObject({ epoch, seq, from })
    expect((await world.group('team')).mls).toMatchObject({ epoch: epochs, seq: epochs })
  })

  test('of what a device sends at once under one id, to several groups, one is taken', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    const groups = ['one', 'two', 'three', 'four']
    for (const groupId of groups) await create(world, phone, groupId, [bob])
    const outcomes = await Promise.allSettled(groups.map((groupId) => commit(world, bob, groupId, { id: 'the-same' })))
    const codes = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'taken' : outcome.reason.code)).toSorted()
    expect(codes).toEqual(['id_conflict', 'id_conflict', 'id_conflict', 'taken'])
    expect(await world.store.hasTaken(bob, 'the-same')).toBe(true)
    expect(await world.store.hasTaken(phone, 'the-same')).toBe(false)
    await world.pause()
    expect(await world.store.hasTaken(bob, 'the-same')).toBe(true)
  })

  test('of many groups at once that would hold a user, as many are taken as may', async () => {
    const world = await newWorld({ USER_GROUPS: 3 })
    const { phone, bob } = await people(world)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, at) => create(world, at % 2 === 0 ? phone : bob, `g${at}`, at % 2 === 0 ? [bob] : [])),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(4)
    expect(await world.store.listGroups('bob', '', 10)).toHaveLength(3)
  })

  test('of many who create the same group one does', async () => {
    const world = await newWorld()
    const devices = await Promise.all(Array.from({ length: 20 }, (_, at) => world.device(`user-${at}`)))
    const outcomes = await Promise.allSettled(devices.map((device) => create(world, device, 'team')))
    await world.pause()
    const won = outcomes.filter(({ status }) => status === 'fulfilled')
    expect(won).toHaveLength(1)
    const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
    expect(new Set(lost)).toEqual(new Set(['group_exists']))
    expect((await world.group('team')).members.size).toBe(1)
    expect(await world.words((await world.group('team')).mailbox)).toHaveLength(1)
  })

  test('the id of a group that is no more is free once nothing of it can be read', async () => {
    const world = await newWorld()
    const { phone, bob } = await people(world)
    const { mailbox } = await create(world, phone, 'team', [bob])
    const { version } = await world.group('team')
    const gone = { groupId: 'team', version, by: phone, add: [], remove: ['alice', 'bob'], roles: new Map(), delete: true }
    await world.store.changeGroup(gone)
    await world.pause()
    expect(await world.store.group('team')).toBeUndefined()
    expect(await windows(world, bob, 'team')).toEqual([{ from: 1, to: 2 }])
    expect(wordsOf(await world.read(mailbox)).at(-1)).toBe('membership')
    expect(await refusal(() => create(world, bob, 'team', [phone]))).toEqual({ code: 'not_member' })
    world.clock.advance(retentionMs + 1)
    await world.store.sweep()
    await world.pause()
    const again = await create(world, bob, 'team', [phone])
    expect(again).toMatchObject({ seq: 1, duplicate: false })
    expect(again.mailbox).not.toBe(mailbox)
    await world.reopen()
    expect(await world.words(again.mailbox)).toHaveLength(1)
    expect((await world.group('team')).members.get('bob')).toBe('owner')
  })
}
