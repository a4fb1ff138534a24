import { describe, expect, test } from 'vitest'
import { rawSocket } from './raw-socket.suite.ts'
import type { Peer } from './test-peer.suite.ts'
import { relayOf } from './test-relay.suite.ts'
import { clientFrame, opcodes } from './websocket-bytes.suite.ts'

const ids = (count: number) => Array.from({ length: count }, (_, i) => `${i}`)
const large = 'x'.repeat(100_000)

/** So many bytes that no buffer of the system takes them all. */
async function flood(sender: Peer, to: string, count: number): Promise<void> {
  for (const id of ids(count)) await sender.message(to, id, { ciphertext: large })
}

describe('a receiver that does not read', () => {
  test('with a basic session costs what the system buffers and a window; then it gets the rest, in order', async () => {
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
    for (const id of ids(250)) await sender.message('ben', `more-${id}`, { ciphertext: large })
    await other.pick('msg', ({ id }) => id === 'more-249')
    expect((await relay.count('sotto_entries_delivered_total')) - delivered).toBe(250)
    stuck.ws.resume()
    const seen: string[] = []
    while (seen.length < 500) seen.push((await stuck.pick('msg')).id)
    expect(seen).toEqual([...ids(250), ...ids(250).map((id) => `more-${id}`)])
  })

  test('with a reliable session costs its window', async () => {
    const relay = await relayOf({ limits: { SENDS_BURST: 10_000 } })
    const sender = await relay.peer('amy')
    const stuck = await relay.synced('ben')
    stuck.ws.pause()
    await flood(sender, 'ben', 60)
    // Half of 1 MiB in entries of 100 KB.
    expect(await relay.count('sotto_entries_delivered_total')).toBe(5)
  })

  test('gets no signals that would have to wait', async () => {
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
  })
})

describe('a sender that does not read its answers', () => {
  test('is not read either, until it does', async () => {
    const relay = await relayOf({ limits: { WINDOW_BYTES: 100_000 } })
    const other = await relay.peer('ben')
    const socket = await rawSocket(relay.port)
    await socket.handshake({ headers: { authorization: `Bearer ${await relay.token('amy')}` } })
    await socket.json()
    socket.tcp.pause()
    const received = () => relay.count('sotto_frames_received_total')
    // Answers of twice their length: more than any buffer of the system.
    const count = 500_000
    const chunk = Buffer.concat(ids(10_000).map(() => clientFrame('{"type":"ping"}')))
    for (let i = 0; i < count / 10_000; i++) socket.write(chunk)
    let read = 0
    const hasStopped = async () => {
      const before = read
      read = await received()
      return read > 0 && read === before
    }
    await expect.poll(hasStopped, { interval: 300, timeout: 60_000 }).toBe(true)
    expect(read).toBeLessThan(count)
    expect(await other.flushed()).toEqual([])
    socket.tcp.resume()
    await expect.poll(received, { interval: 200, timeout: 60_000 }).toBe(count + 1)
  })

  test('of native pings loses its connection, and nobody else does', async () => {
    const relay = await relayOf()
    const other = await relay.peer('ben')
    const socket = await rawSocket(relay.port)
    await socket.handshake()
    socket.tcp.pause()
    const chunk = Buffer.concat(ids(2_000).map(() => clientFrame('x'.repeat(125), { opcode: opcodes.ping })))
    for (let i = 0; i < 100; i++) socket.write(chunk)
    await expect.poll(() => socket.tcp.destroyed || socket.tcp.readableEnded, { timeout: 60_000 }).toBe(true)
    expect(await other.flushed()).toEqual([])
  })
})
