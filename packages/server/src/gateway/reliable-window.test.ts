import type { ServerFrame } from '@sotto/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inShort, type Peer } from './test-peer.suite.ts'
import { type Relay, startRelay } from './test-relay.suite.ts'

const ids = (count: number, prefix = '') => Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`)
const messages = (count: number, prefix = '') => ids(count, prefix).map((id) => `msg:${id}`)

async function sendAll(from: Peer, to: string, which: readonly string[], more = {}): Promise<{ mailbox: string; seq: number }> {
  let last = { mailbox: '', seq: 0 }
  for (const id of which) last = await from.message(to, id, more)
  return last
}

function acknowledge(peer: Peer, frame: ServerFrame): void {
  if (frame.type === 'gone') peer.ack(frame.mailbox, frame.to)
  else if (frame.type === 'msg' || frame.type === 'membership') peer.ack(frame.mailbox, frame.seq)
}

describe('a window of entries', () => {
  let relay: Relay
  beforeAll(async () => {
    relay = await startRelay({ limits: { WINDOW_ENTRIES: 16, SENDS_BURST: 10_000 } })
  })
  afterAll(() => relay.close())

  test('gives one mailbox a half; each acknowledgement makes room for as many', async () => {
    const amy = await relay.synced('amy')
    const ben = await relay.synced('ben')
    const { mailbox } = await sendAll(amy, 'ben', ids(20))
    expect(inShort(await ben.several(8))).toEqual(messages(8))
    expect(await ben.flushed()).toEqual([])
    ben.ack(mailbox, 3)
    expect(inShort(await ben.several(3))).toEqual(['msg:9', 'msg:10', 'msg:11'])
    expect(await ben.flushed()).toEqual([])
    ben.ack(mailbox, 11)
    expect(inShort(await ben.several(8))).toEqual(messages(20).slice(11, 19))
    ben.ack(mailbox, 19)
    expect(inShort(await ben.several(1))).toEqual(['msg:20'])
  })

  test('gives the backlog no more either, and says synced when all of it has been sent', async () => {
    const cat = await relay.synced('cat')
    await (await relay.synced('dan')).close()
    const { mailbox } = await sendAll(cat, 'dan', ids(20))
    const dan = await relay.peer('dan', { reliable: true })
    expect(inShort(await dan.several(8))).toEqual(messages(8))
    expect(await dan.flushed()).toEqual([])
    dan.ack(mailbox, 8)
    expect(inShort(await dan.several(8))).toEqual(messages(20).slice(8, 16))
    expect(await dan.flushed()).toEqual([])
    await cat.message('dan', 'live')
    dan.ack(mailbox, 16)
    const rest = inShort(await dan.several(6))
    expect(rest.filter((frame) => frame !== 'synced')).toEqual(['msg:17', 'msg:18', 'msg:19', 'msg:20', 'msg:live'])
    expect(rest.indexOf('synced')).toBeGreaterThan(rest.indexOf('msg:20'))
  })

  test('leaves other mailboxes the rest, and the device mailbox its share', async () => {
    const eve = await relay.synced('eve')
    await (await relay.synced('fay', 'phone')).close()
    const { groupId } = await relay.call('POST /groups', { as: 'eve', body: { members: ['fay'] } })
    const user = await sendAll(eve, 'fay', ids(20, 'u'))
    await sendAll(eve, groupId, ids(20, 'g'), { scope: 'group' })
    const fay = await relay.peer('fay', { reliable: true, device: 'phone' })
    // Half of 16 for the user, of which one is the membership; then what an eighth for the device leaves.
    expect(inShort(await fay.several(14))).toEqual(['membership:+fay', ...messages(7, 'u'), ...messages(6, 'g')])
    expect(await fay.flushed()).toEqual([])
    await sendAll(eve, 'fay', ids(5, 'd'), { device: 'phone' })
    expect(inShort(await fay.several(2))).toEqual(messages(2, 'd'))
    expect(await fay.flushed()).toEqual([])
    fay.ack(user.mailbox, 8)
    // The device mailbox comes first, then the user gets what is left of seven eighths.
    expect(inShort(await fay.several(6))).toEqual(['msg:d3', 'msg:d4', 'msg:d5', 'msg:u8', 'msg:u9', 'msg:u10'])
    expect(await fay.flushed()).toEqual([])
  })

  test('counts one’s own entries and those that will not come', async () => {
    const gil = await relay.synced('gil')
    const { mailbox } = await sendAll(gil, 'gil', ids(10))
    expect(inShort(await gil.several(8))).toEqual(ids(8).map((id) => `own:${id}`))
    expect(await gil.flushed()).toEqual([])
    gil.ack(mailbox, 8)
    expect(inShort(await gil.several(2))).toEqual(['own:9', 'own:10'])
  })
})

describe('a window of one', () => {
  test('is enough', async () => {
    const relay = await startRelay({ limits: { WINDOW_ENTRIES: 1, WINDOW_BYTES: 1 } })
    try {
      const amy = await relay.synced('amy')
      await (await relay.synced('ben')).close()
      const { mailbox } = await sendAll(amy, 'ben', ids(3))
      const ben = await relay.peer('ben', { reliable: true })
      for (const n of [1, 2, 3]) {
        expect(inShort(await ben.several(1))).toEqual([`msg:${n}`])
        if (n < 3) expect(await ben.flushed()).toEqual([])
        ben.ack(mailbox, n)
      }
      expect(inShort(await ben.several(1))).toEqual(['synced'])
      await sendAll(amy, 'ben', ['live', 'next'])
      expect(inShort(await ben.several(1))).toEqual(['msg:live'])
      expect(await ben.flushed()).toEqual([])
      ben.ack(mailbox, 4)
      expect(inShort(await ben.several(1))).toEqual(['msg:next'])
    } finally {
      await relay.close()
    }
  })
})

describe('a window of bytes', () => {
  let relay: Relay
  beforeAll(async () => {
    relay = await startRelay({ limits: { WINDOW_BYTES: 10_000 } })
  })
  afterAll(() => relay.close())
  const large = { ciphertext: 'x'.repeat(2_000) }

  test('gives one mailbox a half', async () => {
    const amy = await relay.synced('amy')
    const ben = await relay.synced('ben')
    const { mailbox } = await sendAll(amy, 'ben', ids(5), large)
    expect(inShort(await ben.several(2))).toEqual(messages(2))
    expect(await ben.flushed()).toEqual([])
    ben.ack(mailbox, 1)
    expect(inShort(await ben.several(1))).toEqual(['msg:3'])
    expect(await ben.flushed()).toEqual([])
  })

  test('holds an entry that is larger than itself, alone', async () => {
    const cat = await relay.synced('cat')
    const dan = await relay.synced('dan')
    const { mailbox } = await sendAll(cat, 'dan', ['huge-1', 'huge-2'], { ciphertext: 'x'.repeat(50_000) })
    await cat.message('dan', 'small')
    expect(inShort(await dan.several(1))).toEqual(['msg:huge-1'])
    expect(await dan.flushed()).toEqual([])
    dan.ack(mailbox, 1)
    expect(inShort(await dan.several(1))).toEqual(['msg:huge-2'])
    expect(await dan.flushed()).toEqual([])
    dan.ack(mailbox, 2)
    expect(inShort(await dan.several(1))).toEqual(['msg:small'])
  })

  test('is left to what is too large for it beside others, however busy they are', async () => {
    const gus = await relay.synced('gus')
    const hal = await relay.synced('hal', 'phone')
    const newGroup = async () => `${(await relay.call('POST /groups', { as: 'gus', body: { members: ['hal'] } })).groupId}`
    const [one, two] = [await newGroup(), await newGroup()]
    for (const frame of await hal.several(2)) acknowledge(hal, frame)
    const inGroup = { scope: 'group' } as const
    const busy = await sendAll(gus, one, ['g1'], inGroup)
    const user = await sendAll(gus, 'hal', ['u1'])
    expect(inShort(await hal.several(2))).toEqual(['msg:g1', 'msg:u1'])
    await sendAll(gus, two, ['huge'], { ...inGroup, ciphertext: 'x'.repeat(50_000) })
    // All others wait with it, whatever comes; but for the device mailbox, whose Welcomes go before all.
    await sendAll(gus, one, ['g2'], inGroup)
    await sendAll(gus, 'hal', ['u2'])
    expect(await hal.flushed()).toEqual([])
    const own = await sendAll(gus, 'hal', ['d1'], { device: 'phone' })
    expect(inShort(await hal.several(1))).toEqual(['msg:d1'])
    hal.ack(busy.mailbox, busy.seq)
    hal.ack(own.mailbox, own.seq)
    expect(await hal.flushed()).toEqual([])
    hal.ack(user.mailbox, user.seq)
    const [huge] = await hal.several(1)
    expect(inShort([huge!])).toEqual(['msg:huge'])
    expect(await hal.flushed()).toEqual([])
    acknowledge(hal, huge!)
    expect(inShort(await hal.several(2)).toSorted()).toEqual(['msg:g2', 'msg:u2'])
  })

  test('is given to equals in turns', async () => {
    const ida = await relay.synced('ida')
    await (await relay.synced('jan')).close()
    const groups = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const groupId = `${(await relay.call('POST /groups', { as: 'ida', body: { members: ['jan'] } })).groupId}`
        await sendAll(ida, groupId, ids(4, name), { scope: 'group', ciphertext: 'x'.repeat(6_000) })
        return groupId
      }),
    )
    expect(groups).toHaveLength(3)
    const jan = await relay.peer('jan', { reliable: true })
    const letters: string[] = []
    while (letters.length < 12) {
      const [frame] = await jan.several(1)
      if (frame?.type === 'msg') letters.push(frame.id.slice(0, 1))
      if (frame !== undefined) acknowledge(jan, frame)
    }
    // Each of them once before one comes again.
    for (let at = 0; at < 12; at += 3) expect(letters.slice(at, at + 3).toSorted()).toEqual(['a', 'b', 'c'])
  })

  test('holds back what is too large until there is room, and nothing overtakes it', async () => {
    const eve = await relay.synced('eve')
    const fay = await relay.synced('fay')
    const { mailbox } = await sendAll(eve, 'fay', ['first'])
    await sendAll(eve, 'fay', ['huge'], { ciphertext: 'x'.repeat(50_000) })
    await sendAll(eve, 'fay', ['last'])
    expect(inShort(await fay.several(1))).toEqual(['msg:first'])
    expect(await fay.flushed()).toEqual([])
    fay.ack(mailbox, 1)
    expect(inShort(await fay.several(1))).toEqual(['msg:huge'])
    expect(await fay.flushed()).toEqual([])
    fay.ack(mailbox, 2)
    expect(inShort(await fay.several(1))).toEqual(['msg:last'])
  })
})
