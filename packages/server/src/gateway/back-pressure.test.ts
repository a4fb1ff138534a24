import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../clock.ts'
import { inShort } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'

vi.setConfig({ testTimeout: 30_000 })

const text = (id: string, to: string, more = {}) =>
  JSON.stringify({ type: 'msg', id, to, scope: 'direct', ciphertext: id, ...more })
const ids = (count: number) => Array.from({ length: count }, (_, i) => `${i}`)

describe('order', () => {
  let relay: Relay
  beforeAll(async () => {
    relay = await startRelay({ limits: { SENDS_BURST: 100_000 } })
  })
  afterAll(() => relay.close())

  test.each([
    ['basic', false],
    ['reliable', true],
  ])('of 2,000 messages sent without waiting, first to a recipient that nobody knew: %s', async (name, reliable) => {
    const sender = await relay.peer(`amy-${name}`, { reliable })
    const to = `ben-${name}`
    for (const id of ids(2_000)) sender.ws.send(text(id, to))
    for (let i = 0; i < 2_000; i++) await sender.pick('accepted')
    const receiver = await relay.peer(to, { reliable: true })
    const seen: string[] = []
    while (seen.length < 2_000) {
      const frame = await receiver.pick('msg')
      seen.push(frame.id)
      expect(frame.seq).toBe(seen.length)
      if (frame.seq % 50 === 0) receiver.ack(frame.mailbox, frame.seq)
    }
    expect(seen).toEqual(ids(2_000))
  })

  test('of messages to many recipients, new and known, from one socket among many', async () => {
    const to = ['cat', 'dan', 'eve', 'fay']
    const receivers = await Promise.all(['cat', 'eve'].map((user) => relay.peer(user)))
    const { groupId } = await relay.call('POST /groups', { as: 'gil', body: { members: ['cat'] } })
    const senders = await Promise.all(['gil', 'hal', 'ivy'].map((user) => relay.peer(user)))
    for (const id of ids(300)) {
      for (const sender of senders) sender.ws.send(text(id, to[Number(id) % 4]!))
      senders[0]!.ws.send(text(`g${id}`, groupId, { scope: 'group' }))
    }
    for (const [index, sender] of senders.entries()) {
      for (let i = 0; i < (index === 0 ? 600 : 300); i++) await sender.pick('accepted')
    }
    for (const [index, receiver] of receivers.entries()) {
      for (let i = 0; i < 225; i++) await receiver.pick('msg', ({ scope }) => scope === 'direct')
      const messages = receiver.received.filter((frame) => frame.type === 'msg')
      for (const from of ['gil', 'hal', 'ivy']) {
        const seen = messages.filter((frame) => frame.from === from && frame.scope === 'direct').map(({ id }) => Number(id))
        expect(seen).toEqual(Array.from({ length: 75 }, (_, i) => 4 * i + 2 * index))
      }
    }
  })
})

describe('a device that sends too fast', () => {
  test('is read more slowly, and its messages keep their order', async () => {
    const relay = await relayOf({ clock: systemClock, limits: { SENDS_BURST: 5, SENDS_PER_SECOND: 100 } })
    const receiver = await relay.peer('ben')
    const sender = await relay.peer('amy')
    for (const id of ids(60)) sender.ws.send(text(id, 'ben'))
    expect(inShort(await receiver.several(60))).toEqual(ids(60).map((id) => `msg:${id}`))
    expect(inShort(await sender.several(60))).toEqual(ids(60).map((id) => `accepted:${id}`))
    expect(sender.left).toEqual([])
  })

  test('is refused after five seconds of that, and told when to come again; a resend is answered all the same', async () => {
    const relay = await relayOf({ limits: { SENDS_BURST: 1, SENDS_PER_SECOND: 100 } })
    const sender = await relay.peer('amy')
    const first = await sender.message('ben', 'first')
    sender.ws.send(text('waits', 'ben'))
    await expect.poll(() => relay.count('sotto_frames_received_total')).toBe(2)
    expect(sender.left).toEqual([])
    relay.clock.advance(6_000)
    expect(await sender.take('accepted')).toMatchObject({ id: 'waits' })
    const refused = { code: 'rate_limited', limit: 'SENDS_PER_SECOND', retryAfterMs: 10 }
    expect(await sender.refusal(text('refused', 'ben'))).toMatchObject({ id: 'refused', ...refused })
    expect(await sender.message('ben', 'first')).toEqual({ ...first, duplicate: true })
    expect(await sender.refusal(text('first', 'ben', { ciphertext: 'other' }))).toMatchObject({ code: 'id_conflict' })
    relay.clock.advance(10)
    expect(await sender.message('ben', 'refused')).not.toHaveProperty('duplicate')
    // Having been in time once, it may be late again.
    sender.ws.send(text('waits again', 'ben'))
    await expect.poll(() => relay.count('sotto_frames_received_total')).toBe(7)
    expect(sender.left).toEqual([])
    relay.clock.advance(10)
    expect(await sender.take('accepted')).toMatchObject({ id: 'waits again' })
  })

  test('shares its rate among its sockets and HTTP; other devices have their own', async () => {
    const relay = await relayOf({ limits: { SENDS_BURST: 2, SENDS_PER_SECOND: 1 } })
    const first = await relay.peer('amy')
    const second = await relay.peer('amy')
    await first.message('ben', '1')
    await second.message('ben', '2')
    const body = { id: '3', to: 'ben', scope: 'direct', ciphertext: 'x' }
    expect(await relay.ask('POST /messages', { as: 'amy', body })).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    await (await relay.peer('amy', { device: 'other' })).message('ben', '4')
  })

  test('closes as soon as it has to, although it is not read at the time', async () => {
    const relay = await relayOf({ limits: { SENDS_BURST: 1, SENDS_PER_SECOND: 1 } })
    const first = await relay.synced('amy')
    await first.message('ben', '1')
    for (const id of ids(100)) first.ws.send(text(`more-${id}`, 'ben'))
    await expect.poll(() => relay.count('sotto_frames_received_total')).toBeGreaterThan(2)
    const second = await relay.synced('amy')
    // Before the server would give it up.
    await expect.poll(() => first.ws.readyState, { timeout: 4_000 }).toBe(first.ws.CLOSED)
    expect((await first.closed).code).toBe(4409)
    expect(await second.flushed()).toEqual([])
  })
})
