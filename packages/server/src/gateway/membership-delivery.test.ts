import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inShort, type Peer } from './test-peer.suite.ts'
import { type Relay, startRelay } from './test-relay.suite.ts'

let relay: Relay
beforeAll(async () => {
  relay = await startRelay({ limits: { SENDS_BURST: 10_000, REQUESTS_BURST: 10_000 } })
})
afterAll(() => relay.close())

const create = async (as: string, ...members: string[]) => (await relay.call('POST /groups', { as, body: { members } })).groupId
const add = (as: string, groupId: string, userId: string) =>
  relay.call('POST /groups/:groupId/members', { as, params: { groupId }, body: { members: [userId] } })
const remove = (as: string, groupId: string, userId: string) =>
  relay.call('DELETE /groups/:groupId/members/:userId', { as, params: { groupId, userId } })

/** The frames of one mailbox, of those received so far. */
function inMailbox(peer: Peer, mailbox: string): string[] {
  return inShort(peer.received.filter((frame) => 'mailbox' in frame && frame.type !== 'accepted' && frame.mailbox === mailbox))
}

/** Numbers of the entries of one mailbox that were received so far. */
function seqsIn(peer: Peer, mailbox: string): number[] {
  return peer.received.flatMap((frame) =>
    (frame.type === 'msg' || frame.type === 'membership') && frame.mailbox === mailbox ? [frame.seq] : [],
  )
}

describe.each([
  ['reliable', true],
  ['basic', false],
])('a member with a %s session', (protocol, reliable) => {
  const [amy, ben] = [`amy-${protocol}`, `ben-${protocol}`]

  async function online(userId: string): Promise<Peer> {
    const peer = await relay.peer(userId, { reliable })
    if (reliable) await peer.until('synced')
    return peer
  }

  test('who is added while online gets what comes from the joining on', async () => {
    const owner = await online(amy)
    const member = await online(ben)
    const groupId = await create(amy)
    const { mailbox } = await owner.group(groupId, 'before')
    await add(amy, groupId, ben)
    await owner.group(groupId, 'after-1')
    await owner.group(groupId, 'after-2')
    await member.pick('msg', ({ id }) => id === 'after-2')
    expect(inMailbox(member, mailbox)).toEqual(['msg:after-1', 'msg:after-2'])
    expect(inShort(member.received).filter((frame) => frame.startsWith('membership'))).toEqual([`membership:+${ben}`])
    await Promise.all([owner.close(), member.close()])
  })

  test('who is removed gets the removal and nothing after it; added again, what comes from then on', async () => {
    const owner = await online(amy)
    const member = await online(ben)
    const groupId = await create(amy, ben)
    const { mailbox } = await owner.group(groupId, 'in')
    await member.pick('msg', ({ id }) => id === 'in')
    for (const round of [1, 2, 3]) {
      await remove(amy, groupId, ben)
      await owner.group(groupId, `out-${round}-a`)
      await owner.group(groupId, `out-${round}-b`)
      // What comes after in another mailbox shows that nothing is on its way in this one.
      await owner.message(ben, `probe-${protocol}-${round}`)
      await member.pick('msg', ({ id }) => id === `probe-${protocol}-${round}`)
      await member.flushed()
      expect(inMailbox(member, mailbox).at(-1)).toBe(`membership:-${ben}`)
      await add(amy, groupId, ben)
      await owner.group(groupId, `in-${round}`)
      await member.pick('msg', ({ id }) => id === `in-${round}`)
    }
    const gone = (from: number, to: number) => (reliable ? [`gone:${from}-${to} notMember`] : [])
    expect(inMailbox(member, mailbox)).toEqual([
      'msg:in',
      `membership:-${ben}`,
      ...gone(4, 6),
      'msg:in-1',
      `membership:-${ben}`,
      ...gone(9, 11),
      'msg:in-2',
      `membership:-${ben}`,
      ...gone(14, 16),
      'msg:in-3',
    ])
    await Promise.all([owner.close(), member.close()])
  })

  test('never reads past its removal, whatever the order in which things arrive', async () => {
    const owner = await online(amy)
    for (let round = 0; round < 15; round++) {
      const user = `${ben}-${round}`
      const groupId = await create(amy)
      const member = await relay.peer(user, { reliable })
      await add(amy, groupId, user)
      const sent = Array.from({ length: 10 }, (_, i) => owner.group(groupId, `${round}-${i}`))
      const removed = remove(amy, groupId, user)
      const more = Array.from({ length: 10 }, (_, i) => owner.group(groupId, `${round}-${10 + i}`))
      // A second session begins in the middle of it.
      const other = await relay.peer(user, { reliable, device: 'other' })
      const accepted = await Promise.all([...sent, ...more])
      await removed
      const { mailbox } = accepted[0]!
      const removal = await member.pick('membership', (frame) => frame.mailbox === mailbox && frame.removed.includes(user))
      await owner.message(user, `probe-${round}`)
      for (const peer of [member, other]) {
        await peer.pick('msg', ({ id }) => id === `probe-${round}`)
        await peer.flushed()
        expect(seqsIn(peer, mailbox).filter((seq) => seq > removal.seq)).toEqual([])
      }
      const before = accepted.map(({ seq }) => seq).filter((seq) => seq < removal.seq)
      expect(seqsIn(member, mailbox)).toEqual([...before.toSorted((a, b) => a - b), removal.seq])
      await Promise.all([member.close(), other.close()])
    }
    await owner.close()
  }, 20_000)
})

describe('a reliable backlog over several memberships', () => {
  test('names what lies between them, and ends with the present', async () => {
    const owner = await relay.synced('cat')
    await (await relay.synced('dan')).close()
    const groupId = await create('cat', 'dan')
    const { mailbox } = await owner.group(groupId, '2')
    await remove('cat', groupId, 'dan')
    await owner.group(groupId, '4')
    await add('cat', groupId, 'dan')
    await owner.group(groupId, '6')
    const expected = ['msg:2', 'membership:-dan', 'gone:4-5 notMember', 'msg:6']
    const dan = await relay.peer('dan', { reliable: true })
    await dan.until('synced')
    expect(inMailbox(dan, mailbox)).toEqual(expected)
    await owner.group(groupId, '7')
    await dan.pick('msg', ({ id }) => id === '7')
    expect(inMailbox(dan, mailbox)).toEqual([...expected, 'msg:7'])
    dan.ack(mailbox, 5)
    await dan.flushed()
    await dan.close()
    const again = await relay.peer('dan', { reliable: true })
    await again.until('synced')
    expect(inMailbox(again, mailbox)).toEqual(['msg:6', 'msg:7'])
  })

  test('reads on to the present also where the joinings have been acknowledged before', async () => {
    const owner = await relay.synced('ola')
    const before = await relay.synced('pam')
    const groupId = await create('ola', 'pam')
    const { mailbox } = await owner.group(groupId, '2')
    await remove('ola', groupId, 'pam')
    await owner.group(groupId, '4')
    await add('ola', groupId, 'pam')
    await owner.group(groupId, '6')
    const user = await owner.message('pam', 'probe')
    await before.pick('msg', ({ id }) => id === 'probe')
    before.ack(user.mailbox, user.seq)
    await before.flushed()
    await before.close()
    const pam = await relay.peer('pam', { reliable: true })
    const backlog = await pam.until('synced')
    expect(inShort(backlog)).toEqual(['msg:2', 'membership:-pam', 'gone:4-5 notMember', 'msg:6'])
    await owner.group(groupId, '7')
    await pam.pick('msg', ({ id }) => id === '7')
    expect(inMailbox(pam, mailbox).at(-1)).toBe('msg:7')
  })

  test('of a group that the user has left ends with the removal, and can be acknowledged', async () => {
    const owner = await relay.synced('eve')
    await (await relay.synced('fay')).close()
    const groupId = await create('eve', 'fay')
    const { mailbox } = await owner.group(groupId, '2')
    await remove('eve', groupId, 'fay')
    await owner.group(groupId, '4')
    const fay = await relay.peer('fay', { reliable: true })
    await fay.until('synced')
    expect(inMailbox(fay, mailbox)).toEqual(['msg:2', 'membership:-fay'])
    fay.ack(mailbox, 3)
    expect(await fay.flushed()).toEqual([])
    await fay.close()
    const again = await relay.peer('fay', { reliable: true })
    await again.until('synced')
    expect(inMailbox(again, mailbox)).toEqual([])
  })

  test('of a device that had not existed while the user was a member can be acknowledged too', async () => {
    const owner = await relay.synced('gil')
    const groupId = await create('gil', 'hal')
    const { mailbox } = await owner.group(groupId, '2')
    await remove('gil', groupId, 'hal')
    await owner.group(groupId, '4')
    const hal = await relay.peer('hal', { reliable: true })
    await hal.until('synced')
    expect(inMailbox(hal, mailbox)).toEqual(['msg:2', 'membership:-hal'])
    hal.ack(mailbox, 3)
    expect(await hal.flushed()).toEqual([])
    await hal.close()
    const again = await relay.peer('hal', { reliable: true })
    await again.until('synced')
    expect(inMailbox(again, mailbox)).toEqual([])
  })
})

describe('other ways to go', () => {
  test('leaving ends the reading', async () => {
    const owner = await relay.synced('ivy')
    const member = await relay.synced('jon')
    const groupId = await create('ivy', 'jon')
    const { mailbox } = await owner.group(groupId, 'in')
    await remove('jon', groupId, 'jon')
    await owner.group(groupId, 'out')
    await owner.message('jon', 'probe')
    await member.pick('msg', ({ id }) => id === 'probe')
    await member.flushed()
    expect(inMailbox(member, mailbox)).toEqual(['msg:in', 'membership:-jon'])
    expect(await member.refusal({ type: 'msg', id: 'x', to: groupId, scope: 'group', ciphertext: 'x' })).toMatchObject({
      code: 'not_member',
    })
  })

  test('a group that is deleted takes nothing more, from anybody', async () => {
    const owner = await relay.synced('kim')
    const member = await relay.synced('leo')
    const groupId = await create('kim', 'leo')
    await relay.call('DELETE /groups/:groupId', { as: 'kim', params: { groupId } })
    for (const peer of [owner, member]) {
      await peer.pick('membership', ({ removed }) => removed.includes('kim') && removed.includes('leo'))
      expect(await peer.refusal({ type: 'msg', id: 'x', to: groupId, scope: 'group', ciphertext: 'x' })).toMatchObject({
        code: 'not_member',
      })
    }
  })

  test('roles are told in the group’s mailbox', async () => {
    const member = await relay.synced('ned')
    const groupId = await create('mia', 'ned')
    await relay.call('POST /groups/:groupId/roles', { as: 'mia', params: { groupId }, body: { userId: 'ned', role: 'admin' } })
    const frame = await member.pick('membership', ({ roles }) => roles?.ned === 'admin')
    expect(frame).toMatchObject({ groupId, by: 'mia', added: [], removed: [], roles: { ned: 'admin' } })
  })
})
