import { expect, test } from 'vitest'
import { entriesOf, everything, type NewWorld, numbers } from './world.suite.ts'

export function readTests(open: NewWorld): void {
  test('a page ends at its number of entries, and the next goes on after it', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.sendAll(
      alice,
      'bob',
      numbers(1, 10).map((n) => `m${n}`),
    )
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    await world.pause()
    await world.sendAll(
      alice,
      'bob',
      numbers(11, 25).map((n) => `m${n}`),
    )
    const page = await world.store.read(mailbox, 0, { entries: 7, bytes: 1 << 30 })
    expect(page.length).toBeGreaterThan(0)
    expect(entriesOf(page).length).toBeLessThanOrEqual(7)
    for (const entries of [1, 2, 7, 24, 25, 26]) {
      const items = await world.read(mailbox, 0, { entries, bytes: 1 << 30 })
      expect(entriesOf(items).map(({ seq }) => seq)).toEqual(numbers(1, 25))
    }
  })

  test('a page ends at its number of bytes, but has at least one entry', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const ids = (from: number, to: number) => numbers(from, to).map((n) => `m${n}`)
    await world.sendAll(alice, 'bob', ids(1, 6), 'x'.repeat(1_000))
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    await world.pause()
    await world.sendAll(alice, 'bob', ids(7, 12), 'x'.repeat(1_000))
    for (const bytes of [1, 500, 1_200, 2_500, 5_000]) {
      let after = 0
      while (after < 12) {
        const page = entriesOf(await world.store.read(mailbox, after, { entries: 1_000, bytes }))
        const size = page.reduce((sum, { json }) => sum + json.length, 0)
        expect(page.length === 1 || size <= bytes, `${page.length} entries of ${size} bytes`).toBe(true)
        expect(page[0]?.seq).toBe(after + 1)
        after = page.at(-1)!.seq
      }
      expect(after).toBe(12)
    }
  })

  test('reading begins after a seq', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.sendAll(alice, 'bob', ['m1', 'm2', 'm3'])
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    await world.pause()
    expect(await world.words(mailbox, 1)).toEqual(['m2', 'm3'])
    expect(await world.words(mailbox, 3)).toEqual([])
    expect(await world.words(mailbox, 99)).toEqual([])
  })

  test('a mailbox that does not exist is empty', async () => {
    const world = await open()
    for (const name of ['', 'm', 'm0', 'mzzzz', 'x1', 'M1', 'm-1', 'm1.5', 'nonsense']) {
      expect(await world.store.read(name, 0, everything), name).toEqual([])
      expect(await world.store.seek(name, world.clock.now()), name).toBe(0)
    }
  })

  test('seek finds the last entry before a time', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const start = world.clock.now()
    for (const n of numbers(1, 6)) {
      await world.sendAll(alice, 'bob', [`a${n}`, `b${n}`])
      world.clock.advance(1_000)
      if (n === 4) await world.pause()
    }
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    const found = async (ms: number) => world.store.seek(mailbox, start + ms)
    expect(await found(-1)).toBe(0)
    expect(await found(0)).toBe(0)
    expect(await found(1)).toBe(2)
    expect(await found(1_000)).toBe(2)
    expect(await found(2_500)).toBe(6)
    expect(await found(3_001)).toBe(8)
    expect(await found(4_000)).toBe(8)
    expect(await found(4_001)).toBe(10)
    expect(await found(10 ** 9)).toBe(12)
  })

  test('seek leaves out nothing that is still held', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob', 'phone', { holds: true })
    const start = world.clock.now()
    for (const n of numbers(1, 10)) {
      await world.send(alice, 'bob', `m${n}`)
      world.clock.advance(1_000)
    }
    const { mailbox } = await world.mailbox(bob, 'user')
    await world.acknowledge(bob, mailbox, 4)
    await world.pause()
    for (const ms of [-5, 0, 3_500, 4_000, 6_000, 6_500, 20_000]) {
      const after = await world.store.seek(mailbox, start + ms)
      const seqs = entriesOf(await world.read(mailbox, after)).map(({ seq }) => seq)
      const wanted = numbers(5, 10).filter((seq) => (seq - 1) * 1_000 >= ms)
      expect(seqs).toEqual(expect.arrayContaining(wanted))
      expect(seqs.filter((seq) => seq > 4)).toEqual(wanted)
    }
  })
}
