import type { ServerFrame } from '@sotto/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inShort } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'

let relay: Relay
beforeAll(async () => {
  relay = await startRelay({ limits: { SENDS_BURST: 1_000, REQUESTS_BURST: 10_000 } })
})
afterAll(() => relay.close())

const poll = async (as: string, query: { limit?: number; waitMs?: number } = {}, device = 'default') =>
  relay.call('GET /messages', { as, device, query })

async function acknowledge(as: string, frames: readonly ServerFrame[], device = 'default'): Promise<void> {
  const last = new Map<string, number>()
  for (const frame of frames) {
    if ('mailbox' in frame) last.set(`${frame.mailbox}`, frame.type === 'gone' ? frame.to : Number('seq' in frame && frame.seq))
  }
  const acks = [...last].map(([mailbox, seq]) => ({ mailbox, seq }))
  await relay.call('POST /messages/ack', { as, device, body: { acks } })
}

/** A poll that waits: it has begun when the device's socket is closed for it. */
async function waitingPoll(on: Relay, as: string, device = 'default', signal?: AbortSignal) {
  const socket = await on.synced(as, device)
  const query = { waitMs: 30_000 }
  const answer = on.ask('GET /messages', { as, device, query, ...(signal === undefined ? {} : { signal }) })
  answer.catch(() => {})
  expect(await socket.closed).toEqual({ code: 4409, reason: 'replaced' })
  return async () => {
    const { status, body } = await answer
    if (status !== 200) return [`${status} ${(body as { code: string }).code}`]
    return inShort((body as { messages: ServerFrame[] }).messages)
  }
}

describe('the reliable stream without a socket', () => {
  test('is everything unacknowledged: device, user, groups; own entries in their place', async () => {
    const amy = await relay.synced('amy')
    await poll('ben', {}, 'phone')
    const { groupId } = await relay.call('POST /groups', { as: 'amy', body: { members: ['ben'] } })
    await amy.group(groupId, 'group')
    await amy.message('ben', 'user')
    await amy.message('ben', 'device', { device: 'phone' })
    const sent = { id: 'mine', to: groupId, scope: 'group', ciphertext: 'x' }
    await relay.call('POST /messages', { as: 'ben', device: 'phone', body: sent })
    const expected = ['msg:device', 'membership:+ben', 'msg:user', 'msg:group', 'own:mine']
    for (let i = 0; i < 2; i++) {
      const page = await poll('ben', {}, 'phone')
      expect(page.more).toBe(false)
      expect(inShort(page.messages)).toEqual(expected)
    }
    await acknowledge('ben', (await poll('ben', {}, 'phone')).messages, 'phone')
    expect(await poll('ben', {}, 'phone')).toEqual({ messages: [], more: false })
  })

  test('comes in pages', async () => {
    const cat = await relay.synced('cat')
    for (let n = 1; n <= 5; n++) await cat.message('dan', `${n}`)
    const seen: string[] = []
    const more: boolean[] = []
    for (let i = 0; i < 3; i++) {
      const page = await poll('dan', { limit: 2 })
      seen.push(...inShort(page.messages))
      more.push(page.more)
      await acknowledge('dan', page.messages)
    }
    expect(seen).toEqual(['msg:1', 'msg:2', 'msg:3', 'msg:4', 'msg:5'])
    expect(more).toEqual([true, true, false])
  })

  test('is bounded in bytes, with one entry at least', async () => {
    const small = await relayOf({ limits: { WINDOW_BYTES: 1_000 } })
    const eve = await small.synced('eve')
    for (const id of ['1', '2']) await eve.message('fay', id, { ciphertext: 'x'.repeat(5_000) })
    const page = await small.call('GET /messages', { as: 'fay' })
    expect(inShort(page.messages)).toEqual(['msg:1'])
    expect(page.more).toBe(true)
  })

  test('names what lies outside of a membership', async () => {
    const gil = await relay.synced('gil')
    await poll('hal')
    const { groupId } = await relay.call('POST /groups', { as: 'gil', body: { members: ['hal'] } })
    const change = (method: 'add' | 'remove') =>
      method === 'add'
        ? relay.call('POST /groups/:groupId/members', { as: 'gil', params: { groupId }, body: { members: ['hal'] } })
        : relay.call('DELETE /groups/:groupId/members/:userId', { as: 'gil', params: { groupId, userId: 'hal' } })
    const { mailbox } = await gil.group(groupId, '2')
    await change('remove')
    await gil.group(groupId, '4')
    await change('add')
    await gil.group(groupId, '6')
    const group = async () =>
      inShort((await poll('hal')).messages.filter((frame) => 'mailbox' in frame && frame.mailbox === mailbox))
    expect(await group()).toEqual(['msg:2', 'membership:-hal', 'gone:4-5 notMember', 'msg:6'])
    await change('remove')
    await gil.group(groupId, '8')
    expect(await group()).toEqual(['msg:2', 'membership:-hal', 'gone:4-5 notMember', 'msg:6', 'membership:-hal'])
  })

  test('never goes past a removal, whenever that comes', async () => {
    const ivy = await relay.synced('ivy')
    for (let round = 0; round < 20; round++) {
      const user = `jon-${round}`
      const { groupId } = await relay.call('POST /groups', { as: 'ivy', body: { members: [user] } })
      const { mailbox } = await ivy.group(groupId, `${round}`)
      const removed = relay.call('DELETE /groups/:groupId/members/:userId', { as: 'ivy', params: { groupId, userId: user } })
      const sent = Array.from({ length: 5 }, (_, i) => ivy.group(groupId, `${round}-${i}`))
      const pages = await Promise.all(Array.from({ length: 4 }, () => relay.ask('GET /messages', { as: user })))
      await Promise.all([removed, ...sent])
      for (const { status, body } of pages) {
        // Polls of one device replace each other.
        if (status !== 200) continue
        const { messages } = body as { messages: ServerFrame[] }
        const inGroup = inShort(messages.filter((frame) => 'mailbox' in frame && frame.mailbox === mailbox))
        const end = inGroup.indexOf(`membership:-${user}`)
        if (end >= 0) expect(inGroup.slice(end + 1)).toEqual([])
      }
    }
  })
})

describe('a long poll', () => {
  test('waits, and wakes for what comes', async () => {
    const kim = await relay.synced('kim')
    const answer = await waitingPoll(relay, 'leo')
    await kim.message('leo', 'news')
    expect(await answer()).toEqual(['msg:news'])
  })

  test('wakes for a group that the user is added to while it waits, and for its messages', async () => {
    const mia = await relay.synced('mia')
    const answer = await waitingPoll(relay, 'ned')
    const { groupId } = await relay.call('POST /groups', { as: 'mia', body: { members: ['ned'] } })
    expect(await answer()).toEqual(['membership:+ned'])
    await acknowledge('ned', (await poll('ned')).messages)
    const again = await waitingPoll(relay, 'ned')
    await mia.group(groupId, 'news')
    expect(await again()).toEqual(['msg:news'])
  })

  test('ends empty when nothing comes', async () => {
    expect(await poll('ola', { waitMs: 50 })).toEqual({ messages: [], more: false })
  })

  test('answers at once when there is something', async () => {
    await (await relay.synced('pam')).message('quy', 'there')
    expect(inShort((await poll('quy', { waitMs: 30_000 })).messages)).toEqual(['msg:there'])
  })

  test('is ended by a newer one', async () => {
    const first = await waitingPoll(relay, 'rob')
    expect(await poll('rob')).toEqual({ messages: [], more: false })
    expect(await first()).toEqual(['403 forbidden'])
  })

  test('is ended by a socket of the device', async () => {
    const answer = await waitingPoll(relay, 'sue')
    await relay.synced('sue')
    expect(await answer()).toEqual(['403 forbidden'])
  })

  test('is ended with its answer when the server stops', async () => {
    const stopping = await startRelay()
    const answer = await waitingPoll(stopping, 'tom')
    const [frames] = await Promise.all([answer(), stopping.close()])
    expect(frames).toEqual([])
  })

  test('of a client that has gone leaves nothing behind', async () => {
    const small = await relayOf({ limits: { USER_SOCKETS: 6 } })
    for (let i = 0; i < 5; i++) {
      const controller = new AbortController()
      const answer = await waitingPoll(small, 'una', `d${i}`, controller.signal)
      controller.abort()
      await expect(answer()).rejects.toThrow()
    }
    // With the polls they would be more than a user may have.
    await small.peer('una')
    const opened = () =>
      small.peer('una').then(
        () => true,
        () => false,
      )
    await expect.poll(opened, { timeout: 4_000 }).toBe(true)
  })
})
