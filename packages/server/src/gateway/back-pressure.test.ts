import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { rawSocket } from './raw-socket.suite.ts'
import { connect, inShort, type Peer } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'
import { clientFrame } from './websocket-bytes.suite.ts'

const patient = 30_000
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
  ])(
    'of 2,000 messages sent without waiting, first to a recipient that nobody knew: %s',
    async (name, reliable) => {
      const sender = await relay.peer(`amy-${name}`, { reliable })
      const to = `ben-${name}`
      for (const id of ids(2_000)) sender.ws.send(text(id, to))
      const answers: string[] = []
      while (answers.length < 2_000) answers.push((await sender.pick('accepted')).id)
      const receiver = await relay.peer(to, { reliable: true })
      const seen: string[] = []
      while (seen.length < 2_000) {
        const frame = await receiver.pick('msg')
        seen.push(frame.id)
        expect(frame.seq).toBe(seen.length)
        if (frame.seq % 50 === 0) receiver.ack(frame.mailbox, frame.seq)
      }
      expect(seen).toEqual(ids(2_000))
    },
    patient,
  )

  test(
    'of messages to many recipients, new and known, from one socket among many',
    async () => {
      const to = ['cat', 'dan', 'eve', 'fay']
      const receivers = await Promise.all(['cat', 'eve'].map((user) => relay.peer(user)))
      const { groupId } = await relay.call('POST /groups', { as: 'gil', body: { members: ['cat'] } })
      const senders = await Promise.all(['gil', 'hal', 'ivy'].map((user) => relay.peer(user)))
      for (const id of ids(300)) {
        for (const sender of senders) sender.ws.send(text(id, to[Number(id) % 4]!))
        senders[0]!.ws.send(text(`g${id}`, groupId, { scope: 'group' }))
      }
      for (const sender of senders) {
        for (let i = 0; i < 300; i++) await sender.pick('accepted', ({ id }) => !id.startsWith('g'))
      }
      for (let i = 0; i < 300; i++) await senders[0]!.pick('accepted')
      for (const [index, receiver] of receivers.entries()) {
        for (let i = 0; i < 225; i++) await receiver.pick('msg', ({ scope }) => scope === 'direct')
        const messages = receiver.received.filter((frame) => frame.type === 'msg')
        for (const from of ['gil', 'hal', 'ivy']) {
          const seen = messages.filter((frame) => frame.from === from && frame.scope === 'direct').map(({ id }) => Number(id))
          expect(seen).toEqual(seen.toSorted((a, b) => a - b))
          expect(seen).toHaveLength(75)
          expect(new Set(seen.map((id) => id % 4))).toEqual(new Set([index * 2]))
        }
      }
    },
    patient,
  )
})

describe('a device that sends too fast', () => {
  test(
    'is read more slowly, and its messages keep their order',
    async () => {
      const relay = await relayOf({ clock: systemClock, limits: { SENDS_BURST: 5, SENDS_PER_SECOND: 100 } })
      const receiver = await relay.peer('ben')
      const sender = await relay.peer('amy')
      for (const id of ids(60)) sender.ws.send(text(id, 'ben'))
      expect(inShort(await receiver.several(60))).toEqual(ids(60).map((id) => `msg:${id}`))
      const answers: string[] = []
      while (answers.length < 60) answers.push((await sender.pick('accepted')).id)
      expect(answers).toEqual(ids(60))
      expect(sender.left).toEqual([])
    },
    patient,
  )

  test(
    'is refused after five seconds of that, and told when to come again; a resend is answered all the same',
    async () => {
      const relay = await relayOf({ limits: { SENDS_BURST: 2, SENDS_PER_SECOND: 1 } })
      const sender = await relay.peer('amy')
      const first = await sender.message('ben', '1')
      await sender.message('ben', '2')
      // The clock stands still until it has been read that the next one has to wait.
      sender.ws.send(text('3', 'ben'))
      await expect.poll(() => relay.count('sotto_frames_received_total')).toBe(3)
      relay.clock.advance(1_000)
      await sender.pick('accepted')
      for (let n = 4; n <= 8; n++) {
        sender.ws.send(text(`${n}`, 'ben'))
        await expect.poll(() => relay.count('sotto_frames_received_total')).toBe(n)
        relay.clock.advance(1_000)
        const answer = await sender.next()
        if (answer.type !== 'error') continue
        expect(n).toBe(8)
        expect(answer).toMatchObject({ id: '8', code: 'rate_limited', limit: 'SENDS_PER_SECOND', retryAfterMs: 1_000 })
      }
      expect(inShort(sender.received)).toContain('error:rate_limited')
    },
    patient,
  )
})

describe('a receiver that does not read', () => {
  const large = 'x'.repeat(100_000)

  /** So many bytes that no buffer of the system takes them all. */
  async function flood(sender: Peer, to: string, count: number): Promise<void> {
    for (let i = 0; i < count; i++) await sender.message(to, `${i}`, { ciphertext: large })
  }

  test(
    'with a basic session costs what the system buffers and a window; then it gets the rest, in order',
    async () => {
      const relay = await relayOf({ limits: { SENDS_BURST: 10_000, WINDOW_BYTES: 500_000 } })
      const sender = await relay.peer('amy')
      const stuck = await relay.peer('ben')
      const other = await relay.peer('ben', { device: 'other' })
      stuck.ws.pause()
      await flood(sender, 'ben', 250)
      await other.pick('msg', ({ id }) => id === '249')
      const delivered = await relay.count('sotto_entries_delivered_total')
      expect(delivered).toBeGreaterThan(250)
      expect(delivered).toBeLessThan(2 * 250 - 20)
      await flood(sender, 'ben', 250)
      expect((await relay.count('sotto_entries_delivered_total')) - delivered).toBeLessThanOrEqual(250)
      stuck.ws.resume()
      const seen: string[] = []
      while (seen.length < 250) seen.push((await stuck.pick('msg')).id)
      expect(seen).toEqual(ids(250))
    },
    patient,
  )

  test(
    'with a reliable session costs its window',
    async () => {
      const relay = await relayOf({ limits: { SENDS_BURST: 10_000 } })
      const sender = await relay.peer('amy')
      const stuck = await relay.synced('ben')
      stuck.ws.pause()
      await flood(sender, 'ben', 60)
      // Half of 1 MiB in entries of 100 KB.
      expect(await relay.count('sotto_entries_delivered_total')).toBe(5)
    },
    patient,
  )

  test(
    'gets no signals that would have to wait, and no answers without bound',
    async () => {
      const relay = await relayOf({ limits: { SIGNALS_PER_SECOND: 1_000_000, SIGNAL_BYTES: 150_000, WINDOW_BYTES: 500_000 } })
      const sender = await relay.peer('amy')
      const stuck = await relay.peer('ben')
      stuck.ws.pause()
      const before = await relay.count('sotto_frames_sent_total')
      for (let i = 0; i < 400; i++) sender.send({ type: 'signal', to: 'ben', scope: 'direct', ciphertext: large })
      await sender.flushed()
      expect((await relay.count('sotto_frames_sent_total')) - before).toBeLessThan(380)
      stuck.ws.resume()
      await stuck.pick('signal')
    },
    patient,
  )
})

describe('a sender that does not read its answers', () => {
  test('is not read either, until it does', async () => {
    const relay = await relayOf({ limits: { WINDOW_BYTES: 100_000, USER_SOCKETS: 1 } })
    const other = await relay.peer('ben')
    const socket = await rawSocket(relay.port)
    await socket.handshake({ headers: { authorization: `Bearer ${await relay.token('amy')}` } })
    await socket.json()
    socket.tcp.pause()
    const pings = clientFrame('{"type":"ping"}')
    // Answers of 43 bytes to frames of 21: more than any buffer of the system.
    const chunk = Buffer.concat(Array.from({ length: 10_000 }, () => pings))
    for (let i = 0; i < 60; i++) socket.write(chunk)
    let read = 0
    await expect
      .poll(
        async () => {
          const before = read
          read = await relay.count('sotto_frames_received_total')
          return read > 0 && read === before
        },
        { interval: 300, timeout: 20_000 },
      )
      .toBe(true)
    expect(read).toBeLessThan(600_000)
    expect(await other.flushed()).toEqual([])
    socket.tcp.resume()
    await expect
      .poll(() => relay.count('sotto_frames_received_total'), { interval: 200, timeout: 20_000 })
      .toBeGreaterThanOrEqual(600_001)
  }, 60_000)

  test(
    'of pongs to native pings loses its connection, and nobody else does',
    async () => {
      const relay = await relayOf()
      const other = await relay.peer('ben')
      const socket = await rawSocket(relay.port)
      await socket.handshake()
      socket.tcp.pause()
      const chunk = Buffer.concat(Array.from({ length: 2_000 }, () => clientFrame('x'.repeat(125), { opcode: 9 })))
      for (let i = 0; i < 100; i++) socket.write(chunk)
      expect(await other.flushed()).toEqual([])
      socket.tcp.resume()
      await socket.ended
      expect(
        await (await connect(relay.port, { authorization: `Bearer ${await relay.token('cat')}` })).take('welcome'),
      ).toMatchObject({
        userId: 'cat',
      })
    },
    patient,
  )
})
