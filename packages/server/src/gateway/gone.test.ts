import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inShort, type Peer } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'

const hourMs = 3_600_000

let relay: Relay
beforeAll(async () => {
  relay = await startRelay({ limits: { MAILBOX_ENTRIES: 10, SENDS_BURST: 1_000 } })
})
afterAll(() => relay.close())

async function sendAll(from: Peer, to: string, count: number, more = {}): Promise<string> {
  let mailbox = ''
  for (let n = 1; n <= count; n++) ({ mailbox } = await from.message(to, `${n}`, more))
  return mailbox
}

/** What a reliable session of the user is sent as its backlog, which is then acknowledged. */
async function backlogOf(userId: string, device = 'default'): Promise<string[]> {
  const peer = await relay.peer(userId, { reliable: true, device })
  const frames = await peer.until('synced')
  const last = frames.at(-1)
  if (last !== undefined && 'mailbox' in last)
    peer.ack(last.mailbox as string, last.type === 'gone' ? last.to : (last as { seq: number }).seq)
  expect(await peer.flushed()).toEqual([])
  await peer.close()
  return inShort(frames)
}

describe('a device that falls behind by more than the limit', () => {
  test('is told what it has missed, and reads on; others have everything', async () => {
    const amy = await relay.synced('amy')
    const phone = await relay.synced('ben', 'phone')
    await (await relay.synced('ben', 'laptop')).close()
    for (let n = 1; n <= 25; n++) {
      const { mailbox, seq } = await amy.message('ben', `${n}`)
      await phone.take('msg')
      phone.ack(mailbox, seq)
    }
    await phone.flushed()
    const seen = await backlogOf('ben', 'laptop')
    const [gone, ...rest] = seen
    const to = Number(/^gone:1-(\d+) limit$/.exec(gone ?? '')?.[1])
    // One more may be held while a commit is under way.
    expect(to).toBeGreaterThanOrEqual(14)
    expect(rest).toEqual(Array.from({ length: 25 - to }, (_, i) => `msg:${to + 1 + i}`))
    expect(await backlogOf('ben', 'laptop')).toEqual([])
  })

  test('while it is online and does not acknowledge, too', async () => {
    const small = await relayOf({ limits: { MAILBOX_ENTRIES: 10, WINDOW_ENTRIES: 4, SENDS_BURST: 1_000 } })
    const sender = await small.synced('cat')
    const dan = await small.synced('dan')
    const mailbox = await sendAll(sender, 'dan', 30)
    expect(inShort(await dan.several(2))).toEqual(['msg:1', 'msg:2'])
    dan.ack(mailbox, 2)
    const [gone] = await dan.several(1)
    expect(gone).toMatchObject({ type: 'gone', mailbox, from: 3, reason: 'limit' })
    const to = (gone as { to: number }).to
    expect(inShort(await dan.several(1))).toEqual([`msg:${to + 1}`])
    expect(await dan.flushed()).toEqual([])
    dan.ack(mailbox, to)
    expect(inShort(await dan.several(1))).toEqual([`msg:${to + 2}`])
  })
})

describe('what has expired', () => {
  test('is announced in its place, before it is swept and after', async () => {
    const eve = await relay.synced('eve')
    await (await relay.synced('fay')).close()
    await eve.message('fay', 'a')
    await eve.message('fay', 'b', { expiresInMs: hourMs })
    await eve.message('fay', 'c', { expiresInMs: hourMs })
    await eve.message('fay', 'd')
    relay.clock.advance(hourMs)
    const peer = await relay.peer('fay', { reliable: true })
    expect(inShort(await peer.until('synced'))).toEqual(['msg:a', 'gone:2-3 expired', 'msg:d'])
    await peer.close()
    expect(await backlogOf('fay')).toEqual(['msg:a', 'gone:2-3 expired', 'msg:d'])
    expect(await backlogOf('fay')).toEqual([])
  })

  test('comes to no later reader, whoever has seen it live', async () => {
    const gil = await relay.synced('gil')
    const phone = await relay.synced('hal', 'phone')
    await (await relay.synced('hal', 'laptop')).close()
    await gil.message('hal', 'short', { expiresInMs: 1 })
    expect(inShort(await phone.several(1))).toEqual(['msg:short'])
    relay.clock.advance(1)
    expect(await backlogOf('hal', 'laptop')).toEqual(['gone:1-1 expired'])
  })
})
