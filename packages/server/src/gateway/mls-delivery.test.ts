import type { ServerFrame } from '@sotto/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, privateMessage, randomGroupId, welcome } from '../groups/mls-bytes.suite.ts'
import type { Peer } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'

let relay: Relay
beforeAll(async () => {
  relay = await startRelay({ limits: { SENDS_BURST: 100_000, REQUESTS_BURST: 100_000, ADDS_PAIR_PER_DAY: 10_000 } })
})
afterAll(() => relay.close())

interface Person {
  readonly userId: string
  readonly deviceId: string
}

let cells = 0
const person = (name: string, deviceId = 'phone', userId = `${name}-${++cells}`): Person => ({ userId, deviceId })
const as = ({ userId, deviceId }: Person) => ({ as: userId, device: deviceId })

/** A reliable session, its backlog read. */
const online = ({ userId, deviceId }: Person, on: Relay = relay) => on.synced(userId, deviceId)

async function register(...people: readonly Person[]): Promise<void> {
  for (const each of people) await (await online(each)).close()
}

async function create(
  owner: Person,
  add: readonly Person[],
  on: Relay = relay,
  welcomeBytes = 40,
): Promise<{ groupId: string; mailbox: string }> {
  const groupId = randomGroupId()
  const { epoch: _, ...created } = bundle(groupId, 0)
  const welcomed = add.length === 0 ? {} : { welcome: welcome(welcomeBytes), welcomeTo: add }
  const answer = await on.call('POST /groups', { ...as(owner), body: { protocol: 'mls', groupId, ...created, add, ...welcomed } })
  return answer as { groupId: string; mailbox: string }
}

async function commit(by: Person, groupId: string, body: Record<string, unknown>, on: Relay = relay): Promise<void> {
  await on.call('POST /groups/:groupId/commits', { ...as(by), params: { groupId }, body })
}

const say = (by: Person, groupId: string, id: string, epoch: number, on: Relay = relay) =>
  on.call('POST /messages', {
    ...as(by),
    body: { id, to: groupId, scope: 'group', ciphertext: privateMessage({ groupId, epoch }), contentType: 'message/mls' },
  })

/** Entries in a word each, as they came: of the group, Welcomes and the like. */
function told(peer: Peer, mailbox: string): string[] {
  return peer.received.flatMap((frame): string[] => {
    if (frame.type === 'welcome_mls') return frame.groupMailbox === mailbox ? [`welcome ${frame.groupSeq}`] : []
    return 'mailbox' in frame && frame.mailbox === mailbox && frame.type !== 'accepted' ? [inWord(frame)] : []
  })
}

function inWord(frame: ServerFrame): string {
  switch (frame.type) {
    case 'msg':
      return frame.id
    case 'own':
      return `own ${frame.seq}`
    case 'commit':
      return `commit ${frame.epoch}`
    case 'gone':
      return `gone ${frame.from}-${frame.to} ${frame.reason}`
    default:
      return frame.type
  }
}

const until = (peer: Peer, id: string) => peer.pick('msg', (frame) => frame.id === id)

describe('a session', () => {
  test('reads a group from its Welcome on, live', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    const tablet = person('bea', 'tablet', bea.userId)
    const [owner, member, beside] = [await online(ada), await online(bea), await online(tablet)]
    const { groupId, mailbox } = await create(ada, [])
    await say(ada, groupId, 'before', 1)
    await commit(ada, groupId, { ...bundle(groupId, 1), add: [bea], welcome: welcome(), welcomeTo: [bea] })
    await say(ada, groupId, 'after-1', 2)
    await commit(ada, groupId, bundle(groupId, 2))
    await say(ada, groupId, 'after-2', 3)
    await until(member, 'after-2')
    expect(told(member, mailbox)).toEqual(['welcome 3', 'after-1', 'commit 2', 'after-2'])
    await owner.flushed()
    expect(told(owner, mailbox)).toEqual(['own 1', 'own 2', 'own 3', 'own 4', 'own 5', 'own 6'])
    await beside.flushed()
    expect(told(beside, mailbox)).toEqual([])
    const frame = await member.pick('welcome_mls')
    expect(frame).toMatchObject({ groupId, generation: 0, epoch: 2, groupMailbox: mailbox, groupSeq: 3, welcome: welcome() })
    expect(frame).toMatchObject({ from: ada.userId, fromDevice: 'phone' })
    for (const peer of [owner, member, beside]) await peer.close()
  })

  test('reads on after an external commit of its own, and from there alone', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    const tablet = person('bea', 'tablet', bea.userId)
    await register(bea)
    const { groupId, mailbox } = await create(ada, [bea])
    const joining = await online(tablet)
    await say(ada, groupId, 'before', 1)
    await commit(tablet, groupId, { ...bundle(groupId, 1, { external: true }), external: true, add: [tablet] })
    await say(ada, groupId, 'after', 2)
    await until(joining, 'after')
    expect(told(joining, mailbox)).toEqual(['own 3', 'after'])
    await joining.close()
  })

  test('reads its removal and nothing after it, then from the next Welcome on', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    const member = await online(bea)
    const { groupId, mailbox } = await create(ada, [bea])
    let epoch = 1
    for (const round of [1, 2]) {
      await say(ada, groupId, `in-${round}`, epoch)
      await until(member, `in-${round}`)
      await commit(ada, groupId, { ...bundle(groupId, epoch), remove: [bea] })
      await say(ada, groupId, `out-${round}`, ++epoch)
      await commit(ada, groupId, { ...bundle(groupId, epoch), add: [bea], welcome: welcome(), welcomeTo: [bea] })
      epoch++
    }
    await say(ada, groupId, 'last', epoch)
    await until(member, 'last')
    expect(told(member, mailbox).filter((word) => !word.startsWith('welcome'))).toEqual([
      'in-1',
      'commit 1',
      'gone 4-5 notMember',
      'in-2',
      'commit 3',
      'gone 8-9 notMember',
      'last',
    ])
    await member.close()
  })

  test('goes on where its device is replaced', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    const member = await online(bea)
    const { groupId, mailbox } = await create(ada, [bea])
    await commit(ada, groupId, { ...bundle(groupId, 1), remove: [bea], add: [bea], welcome: welcome(), welcomeTo: [bea] })
    await say(ada, groupId, 'after', 2)
    await until(member, 'after')
    expect(told(member, mailbox).toSorted()).toEqual(['after', 'commit 1', 'welcome 1', 'welcome 2'])
    await member.close()
  })

  test('is told who has departed; who has departed is told so and nothing more', async () => {
    const [ada, bea, cleo] = [person('ada'), person('bea'), person('cleo')]
    const tablet = person('bea', 'tablet', bea.userId)
    const [owner, left, beside, other] = [await online(ada), await online(bea), await online(tablet), await online(cleo)]
    const { groupId, mailbox } = await create(ada, [bea, tablet, cleo])
    await other.find((frame) => frame.type === 'welcome_mls')
    await relay.call('DELETE /groups/:groupId/members/:userId', { ...as(bea), params: { groupId, userId: bea.userId } })
    await commit(ada, groupId, { ...bundle(groupId, 1), remove: [bea, tablet] })
    await say(ada, groupId, 'after', 2)
    await until(other, 'after')
    expect(told(other, mailbox)).toEqual(['welcome 1', 'departed', 'commit 1', 'after'])
    for (const peer of [left, beside]) {
      await peer.flushed()
      expect(told(peer, mailbox)).toEqual(['welcome 1', 'departed'])
    }
    await relay.call('DELETE /devices/:deviceId', { as: cleo.userId, params: { deviceId: 'phone' } })
    expect(await other.closed).toMatchObject({ code: 4403 })
    const departed = await owner.pick('departed', ({ userId }) => userId === cleo.userId)
    expect(departed).toMatchObject({ groupId, mailbox, deviceId: 'phone' })
    for (const peer of [owner, left, beside]) await peer.close()
  })

  test('reads a reset, and the new generation if it is named in it', async () => {
    const [ada, bea, cleo] = [person('ada'), person('bea'), person('cleo')]
    const tablet = person('ada', 'tablet', ada.userId)
    const [first, named, unnamed, resetting] = [await online(ada), await online(bea), await online(cleo), await online(tablet)]
    const { groupId, mailbox } = await create(ada, [bea, cleo])
    const { epoch: _, ...body } = bundle(groupId, 0, { generation: 1 })
    const reset = { generation: 1, ...body, add: [bea], welcome: welcome(), welcomeTo: [bea] }
    await relay.call('POST /groups/:groupId/reset', { ...as(tablet), params: { groupId }, body: reset })
    const message = { to: groupId, scope: 'group', contentType: 'message/mls' }
    const ciphertext = privateMessage({ groupId: `${groupId}.1`, epoch: 1 })
    await relay.call('POST /messages', { ...as(bea), body: { id: 'new', ...message, ciphertext } })
    await until(resetting, 'new')
    await named.find((frame) => frame.type === 'own')
    await first.flushed()
    await unnamed.flushed()
    expect(told(first, mailbox)).toEqual(['own 1', 'commit 0'])
    expect(told(unnamed, mailbox)).toEqual(['welcome 1', 'commit 0'])
    expect(told(resetting, mailbox)).toEqual(['own 2', 'new'])
    expect(told(named, mailbox).toSorted()).toEqual(['commit 0', 'own 3', 'welcome 1', 'welcome 2'])
    for (const peer of [first, named, unnamed, resetting]) await peer.close()
  })

  test('reads that the group is deleted', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    const member = await online(bea)
    const { groupId, mailbox } = await create(ada, [bea])
    await relay.call('DELETE /groups/:groupId', { ...as(ada), params: { groupId } })
    const end = await member.pick('membership', (frame) => frame.mailbox === mailbox)
    expect(end.removed.toSorted()).toEqual([ada.userId, bea.userId])
    await member.close()
  })

  test('of the basic protocol reads the same, live', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    const member = await relay.peer(bea.userId, { device: bea.deviceId })
    const { groupId, mailbox } = await create(ada, [bea])
    await say(ada, groupId, 'one', 1)
    await until(member, 'one')
    await commit(ada, groupId, { ...bundle(groupId, 1), remove: [bea] })
    await say(ada, groupId, 'two', 2)
    await member.pick('commit')
    await member.flushed()
    expect(told(member, mailbox)).toEqual(['welcome 1', 'one', 'commit 1'])
    await member.close()
  })
})

describe('a backlog', () => {
  test('begins with the Welcomes, whatever has happened since', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    await register(bea)
    const { groupId, mailbox } = await create(ada, [bea])
    await say(ada, groupId, 'one', 1)
    await commit(ada, groupId, bundle(groupId, 1))
    await say(ada, groupId, 'two', 2)
    await commit(ada, groupId, { ...bundle(groupId, 2), remove: [bea] })
    await say(ada, groupId, 'three', 3)
    const member = await online(bea)
    expect(told(member, mailbox)).toEqual(['welcome 1', 'one', 'commit 1', 'two', 'commit 2'])
    await member.close()
  })

  test('waits with a group for its Welcome, though the window has room for nothing but groups', async () => {
    const small = await relayOf({ limits: { WINDOW_ENTRIES: 4, SENDS_BURST: 1_000 } })
    const [ada, bea] = [person('ada'), person('bea')]
    await (await online(bea, small)).close()
    for (let at = 0; at < 6; at++) {
      await small.call('POST /messages', {
        ...as(ada),
        body: { id: `to-device-${at}`, to: bea.userId, scope: 'direct', device: bea.deviceId, ciphertext: 'AAAA' },
      })
    }
    const { groupId, mailbox } = await create(ada, [bea], small)
    await say(ada, groupId, 'one', 1, small)
    const member = await small.peer(bea.userId, { reliable: true, device: bea.deviceId })
    const seen: string[] = []
    for (let acked = 0; !seen.includes('one'); ) {
      // The device's own mailbox is blocked by what is not acknowledged: one entry after another is.
      await member.flushed()
      const entries = member.received.filter((frame) => frame.type === 'msg' || frame.type === 'welcome_mls')
      seen.splice(0, seen.length, ...entries.map((frame) => (frame.type === 'msg' ? frame.id : frame.type)))
      const next = entries[acked]
      if (next === undefined) continue
      member.ack(next.mailbox, next.seq)
      acked++
    }
    expect(seen.indexOf('welcome_mls')).toBeGreaterThan(seen.indexOf('to-device-5'))
    expect(seen.indexOf('one')).toBeGreaterThan(seen.indexOf('welcome_mls'))
    expect(told(member, mailbox)).toEqual(['welcome 1', 'one'])
    await member.close()
  })

  test('in pages of the long poll is the same', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    await register(bea)
    const { groupId, mailbox } = await create(ada, [bea])
    await say(ada, groupId, 'one', 1)
    await commit(ada, groupId, { ...bundle(groupId, 1), remove: [bea] })
    await say(ada, groupId, 'two', 2)
    const words: string[] = []
    for (let more = true; more; ) {
      const page = await relay.call('GET /messages', { ...as(bea), query: { limit: 1 } })
      for (const frame of page.messages) {
        words.push(frame.type === 'welcome_mls' ? 'welcome' : inWord(frame))
        const acks = [{ mailbox: frame.mailbox, seq: frame.type === 'gone' ? frame.to : frame.seq }]
        await relay.call('POST /messages/ack', { ...as(bea), body: { acks } })
      }
      more = page.messages.length > 0
    }
    expect(words).toEqual(['welcome', 'one', 'commit 1'])
    expect(mailbox).toMatch(/^m/)
  })

  test('a long poll wakes for a window that opens without a Welcome', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    const tablet = person('bea', 'tablet', bea.userId)
    await register(bea, tablet)
    const { groupId } = await create(ada, [bea])
    const polled = relay.call('GET /messages', { ...as(tablet), query: { waitMs: 20_000 } })
    // Until it waits.
    await new Promise((resolve) => setTimeout(resolve, 100))
    await commit(tablet, groupId, { ...bundle(groupId, 1, { external: true }), external: true, add: [tablet] })
    expect((await polled).messages).toMatchObject([{ type: 'own', seq: 2 }])
  })

  test('asked for since a time shows what the device may read', async () => {
    const [ada, bea] = [person('ada'), person('bea')]
    const tablet = person('bea', 'tablet', bea.userId)
    await register(bea, tablet)
    const { groupId } = await create(ada, [bea])
    await say(ada, groupId, 'one', 1)
    await commit(ada, groupId, { ...bundle(groupId, 1), remove: [bea] })
    await say(ada, groupId, 'two', 2)
    const since = async (who: Person) =>
      (await relay.call('GET /messages/since/:timestamp', { ...as(who), params: { timestamp: 0 } })).messages
        .map(inWord)
        .toSorted()
    expect(await since(bea)).toEqual(['commit 1', 'one', 'welcome_mls'])
    expect(await since(tablet)).toEqual([])
    // What a device has sent itself it is not shown.
    expect(await since(ada)).toEqual([])
  })
})

test('a signal goes from device to device of the group, and nowhere else', async () => {
  const [ada, bea] = [person('ada'), person('bea')]
  const tablet = person('bea', 'tablet', bea.userId)
  const [owner, member, beside] = [await online(ada), await online(bea), await online(tablet)]
  const { groupId } = await create(ada, [bea])
  owner.send({ type: 'signal', to: groupId, scope: 'group', ciphertext: 'typing' })
  expect(await member.pick('signal')).toMatchObject({ from: ada.userId, to: groupId, ciphertext: 'typing' })
  expect((await beside.flushed()).filter(({ type }) => type === 'signal')).toEqual([])
  expect(await beside.refusal({ type: 'signal', to: groupId, scope: 'group', ciphertext: 'x' })).toMatchObject({
    code: 'not_member',
  })
  await commit(tablet, groupId, { ...bundle(groupId, 1, { external: true }), external: true, add: [tablet] })
  beside.send({ type: 'signal', to: groupId, scope: 'group', ciphertext: 'here' })
  for (const peer of [owner, member]) expect(await peer.pick('signal')).toMatchObject({ ciphertext: 'here' })
  for (const peer of [owner, member, beside]) await peer.close()
})

test('bundles of megabytes pass from request to socket, also after a restart', async () => {
  const first = await startRelay()
  const [ada, bea] = [person('ada'), person('bea')]
  await (await online(bea, first)).close()
  const large = 3_000_000
  const { groupId, mailbox } = await create(ada, [bea], first, large)
  await commit(ada, groupId, bundle(groupId, 1, { body: large }), first)
  await say(ada, groupId, 'behind', 2, first)
  const live = await first.peer(bea.userId, { reliable: true, device: bea.deviceId })
  const expected = { welcome: welcome(large).length, commit: bundle(groupId, 1, { body: large }).commit.length }

  async function readAll(member: Peer): Promise<void> {
    const joined = await member.pick('welcome_mls')
    expect(joined.welcome).toHaveLength(expected.welcome)
    member.ack(joined.mailbox, joined.seq)
    const changed = await member.pick('commit')
    expect(changed.commit).toHaveLength(expected.commit)
    member.ack(mailbox, changed.seq)
    await until(member, 'behind')
    await member.vanish()
  }
  await readAll(live)
  await first.close({ keep: true })
  const second = await startRelay({ dataDir: first.dataDir })
  const page = await second.call('GET /messages/since/:timestamp', { ...as(bea), params: { timestamp: 0 } })
  expect(page.messages.map(inWord)).toContain('behind')
  await second.close()
}, 30_000)

test('a session that begins while commits are made misses nothing', async () => {
  const ada = person('ada')
  const { groupId, mailbox } = await create(ada, [])
  let epoch = 1
  for (let round = 0; round < 15; round++) {
    const user = person('bea')
    await register(user)
    const adding = commit(ada, groupId, { ...bundle(groupId, epoch), add: [user], welcome: welcome(), welcomeTo: [user] })
    const beginning = relay.peer(user.userId, { reliable: true, device: user.deviceId })
    await adding
    epoch++
    await say(ada, groupId, `${round}-a`, epoch)
    await commit(ada, groupId, { ...bundle(groupId, epoch), remove: [user] })
    epoch++
    await say(ada, groupId, `${round}-b`, epoch)
    const member = await beginning
    await member.pick('commit')
    await member.flushed()
    expect(told(member, mailbox)).toEqual([`welcome ${round * 4 + 2}`, `${round}-a`, `commit ${epoch - 1}`])
    await member.close()
  }
}, 30_000)
