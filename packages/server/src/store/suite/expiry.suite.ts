import { expect, test } from 'vitest'
import { dayMs, isGap, type NewWorld, numbers, retentionMs, type World } from './world.suite.ts'

/** What is left and what is gone, in order; neighbouring gaps of one reason as one. */
async function outline(world: World, mailbox: string): Promise<string[]> {
  const items = await world.read(mailbox)
  const words: string[] = []
  for (const item of items) {
    const word = isGap(item) ? item.gone : 'entry'
    const to = isGap(item) ? item.to : item.seq
    const last = words.at(-1)
    if (last?.startsWith(`${word} `)) words[words.length - 1] = `${last.split('-')[0]}-${to}`
    else words.push(`${word} ${item.seq}-${to}`)
  }
  return words
}

export function expiryTests(open: NewWorld): void {
  test('a sweep deletes what the retention has passed for, and counts it', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.sendAll(alice, 'bob', ['m1', 'm2', 'm3'])
    await world.send(alice, 'carol', 'c1')
    world.clock.advance(10 * dayMs)
    await world.sendAll(alice, 'bob', ['m4', 'm5'])
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    await world.pause()
    world.clock.advance(20 * dayMs - 1)
    expect((await world.store.sweep()).entries).toBe(0)
    expect(await outline(world, mailbox)).toEqual(['entry 1-5'])
    world.clock.advance(2)
    expect((await world.store.sweep()).entries).toBe(4)
    await world.pause()
    expect(await outline(world, mailbox)).toEqual(['expired 1-3', 'entry 4-5'])
    expect((await world.store.sweep()).entries).toBe(0)
  })

  test('expiry does not wait for devices that hold back', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob', 'phone', { holds: true })
    const { mailbox } = await world.mailbox(bob, 'user')
    await world.sendAll(alice, 'bob', ['m1', 'm2'])
    await world.pause()
    world.clock.advance(retentionMs + 1)
    await world.store.sweep()
    await world.send(alice, 'bob', 'm3')
    await world.pause()
    expect(await outline(world, mailbox)).toEqual(['expired 1-2', 'entry 3-3'])
    await world.acknowledge(bob, mailbox, 3)
    expect((await world.mailbox(bob, 'user')).cursor).toBe(3)
  })

  test('a message may expire earlier, between others, swept or not', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.send(alice, 'bob', 'm1')
    await world.send(alice, 'bob', { id: 'm2', expiresInMs: 60_000 })
    await world.send(alice, 'bob', { id: 'm3', expiresInMs: 60_000 })
    await world.send(alice, 'bob', { id: 'm4', expiresInMs: 120_000 })
    await world.send(alice, 'bob', 'm5')
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    world.clock.advance(59_999)
    await world.pause()
    expect(await outline(world, mailbox)).toEqual(['entry 1-5'])
    world.clock.advance(1)
    expect(await outline(world, mailbox)).toEqual(['entry 1-1', 'expired 2-3', 'entry 4-5'])
    expect((await world.store.sweep()).entries).toBe(2)
    await world.pause()
    expect(await outline(world, mailbox)).toEqual(['entry 1-1', 'expired 2-3', 'entry 4-5'])
    world.clock.advance(60_000)
    await world.store.sweep()
    await world.pause()
    expect(await outline(world, mailbox)).toEqual(['entry 1-1', 'expired 2-4', 'entry 5-5'])
  })

  test('what expires at the end is a gap, not a lower head', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    await world.send(alice, 'bob', { id: 'm1', expiresInMs: 1_000 })
    await world.send(alice, 'bob', { id: 'm2', expiresInMs: 1_000 })
    world.clock.advance(1_000)
    await world.pause()
    const { mailbox, head } = await world.mailbox(bob, 'user')
    expect(head).toBe(2)
    expect(await outline(world, mailbox)).toEqual(['expired 1-2'])
    expect((await world.send(alice, 'bob', 'm3')).seq).toBe(3)
  })

  test('no message outlives the retention', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.send(alice, 'bob', { id: 'm1', expiresInMs: 2 * retentionMs })
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    await world.pause()
    world.clock.advance(retentionMs + 1)
    await world.store.sweep()
    await world.pause()
    expect(await outline(world, mailbox)).toEqual(['expired 1-1'])
  })

  test('many entries expire at once', async () => {
    const world = await open({ PAIR_ENTRIES: 10_000 })
    const alice = await world.device('alice')
    const sending = numbers(1, 5_000).map((n) => world.send(alice, 'bob', { id: `m${n}`, expiresInMs: n % 2 === 0 ? 1_000 : 0 }))
    const { mailbox } = (await Promise.all(sending))[0]!
    world.clock.advance(1_000)
    expect((await world.store.sweep()).entries).toBe(2_500)
    await world.pause()
    world.clock.advance(retentionMs)
    expect((await world.store.sweep()).entries).toBe(2_500)
    await world.pause()
    expect(await outline(world, mailbox)).toEqual(['expired 1-5000'])
  })

  test('the records of ids live as long as the retention', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const first = await world.send(alice, 'bob', { id: 'm1', expiresInMs: 1_000 })
    await world.store.sweep()
    await world.pause()
    world.clock.advance(retentionMs - 1)
    await world.store.sweep()
    await world.pause()
    expect(await world.send(alice, 'bob', { id: 'm1', expiresInMs: 1_000 })).toEqual({ ...first, duplicate: true })
    world.clock.advance(2)
    await world.store.sweep()
    await world.pause()
    expect(await world.send(alice, 'bob', { id: 'm1', ciphertext: 'something else' })).toMatchObject({ duplicate: false, seq: 2 })
  })
}
