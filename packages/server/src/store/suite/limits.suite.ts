import { expect, test } from 'vitest'
import { entriesOf, isGap, type NewWorld, numbers, refusal, type World } from './world.suite.ts'

const KiB = 1_024

/** What a device that fell behind reads: one gap, then entries up to the head. Returns where the entries begin. */
async function laggingFrom(world: World, mailbox: string, after: number, head: number): Promise<number> {
  const items = await world.read(mailbox, after)
  const gaps = items.filter(isGap)
  const seqs = entriesOf(items).map(({ seq }) => seq)
  expect(gaps.map(({ gone }) => gone)).toEqual(gaps.map(() => 'limit'))
  const first = seqs[0] ?? head + 1
  expect(seqs).toEqual(numbers(first, head))
  expect(gaps.at(-1)?.to ?? after).toBe(first - 1)
  return first
}

export function limitTests(open: NewWorld): void {
  test('a device that falls behind by too many entries is told so, and blocks nobody', async () => {
    const world = await open({ MAILBOX_ENTRIES: 10 })
    const alice = await world.device('alice')
    const phone = await world.device('bob', 'phone', { holds: true })
    const laptop = await world.device('bob', 'laptop', { holds: true })
    const { mailbox } = await world.mailbox(phone, 'user')
    for (const n of numbers(1, 35)) {
      await world.send(alice, 'bob', `m${n}`)
      await world.acknowledge(phone, mailbox, n)
    }
    await world.pause()
    await world.eventually(async () => {
      const first = await laggingFrom(world, mailbox, 0, 35)
      expect(first).toBeGreaterThan(1)
      expect(first).toBeLessThanOrEqual(26)
    })
    expect((await world.mailbox(phone, 'user')).cursor).toBe(35)
    await world.acknowledge(laptop, mailbox, 35)
    await world.send(alice, 'bob', 'm36')
    await world.pause()
    expect(await world.words(mailbox, 35)).toEqual(['m36'])
  })

  test('a device within the limit loses nothing, however far another is behind', async () => {
    const world = await open({ MAILBOX_ENTRIES: 10 })
    const alice = await world.device('alice', 'phone', { holds: true })
    const bob = await world.device('bob', 'phone', { holds: true })
    await world.device('carol', 'phone', { holds: true })
    const { mailbox } = await world.store.createGroup({ groupId: 'team', name: null, owner: alice, members: ['bob', 'carol'] })
    for (const n of numbers(2, 40)) {
      await world.sendGroup(alice, 'team', `m${n}`)
      await world.acknowledge(alice, mailbox, n)
      if (n <= 34) await world.acknowledge(bob, mailbox, n)
    }
    await world.pause()
    const { cursor } = await world.mailbox(bob, 'group')
    expect(cursor).toBe(34)
    expect(await world.words(mailbox, cursor)).toEqual(numbers(35, 40).map((n) => `m${n}`))
    expect(await laggingFrom(world, mailbox, 1, 40)).toBeGreaterThan(2)
  })

  test('a device that falls behind by too many bytes is told so', async () => {
    const world = await open({ MAILBOX_BYTES: 64 * KiB })
    const alice = await world.device('alice')
    const phone = await world.device('bob', 'phone', { holds: true })
    await world.device('bob', 'laptop', { holds: true })
    const { mailbox } = await world.mailbox(phone, 'user')
    for (const n of numbers(1, 40)) {
      await world.send(alice, 'bob', { id: `m${n}`, ciphertext: 'x'.repeat(8 * KiB) })
      await world.acknowledge(phone, mailbox, n)
    }
    await world.pause()
    let head = 40
    await world.eventually(async () => {
      // What arrives while a mailbox is cut may come on top, until the next message.
      head = (await world.send(alice, 'bob', `nudge ${head}`)).seq
      const first = await laggingFrom(world, mailbox, 0, head)
      const entries = entriesOf(await world.read(mailbox, first - 1))
      const bytes = entries.reduce((sum, { json }) => sum + json.length, 0)
      expect(bytes).toBeLessThanOrEqual(64 * KiB)
      expect(entries.length).toBeGreaterThan(1)
    })
    await world.send(alice, 'bob', 'last')
    await world.pause()
    expect(await world.words(mailbox, head)).toEqual(['last'])
  })

  test('what was acknowledged counts no more, and not twice either', async () => {
    const world = await open({ MAILBOX_BYTES: 64 * KiB })
    const alice = await world.device('alice')
    const phone = await world.device('bob', 'phone', { holds: true })
    const laptop = await world.device('bob', 'laptop', { holds: true })
    const { mailbox } = await world.mailbox(phone, 'user')
    const kilobyte = 'x'.repeat(KiB)
    let head = 0
    for (const round of numbers(1, 20)) {
      head = Math.max(
        ...(await world.sendAll(
          alice,
          'bob',
          numbers(1, 40).map((n) => `${round}.${n}`),
          kilobyte,
        )),
      )
      // Acknowledged before, while and after it is moved about.
      if (round % 3 === 0) await world.acknowledge(laptop, mailbox, head)
      const sweeping = world.store.sweep()
      await world.acknowledge(phone, mailbox, head - (round % 2))
      if (round % 3 === 1) await world.acknowledge(laptop, mailbox, head)
      await sweeping
      await world.acknowledge(laptop, mailbox, head)
      await world.acknowledge(phone, mailbox, head)
    }
    await world.pause()
    await world.sendAll(
      alice,
      'bob',
      numbers(1, 40).map((n) => `held ${n}`),
      kilobyte,
    )
    await world.acknowledge(phone, mailbox, head + 40)
    await world.pause()
    const items = await world.read(mailbox, head)
    expect(items.map(({ seq }) => seq)).toEqual(numbers(head + 1, head + 40))
    expect(items.some(isGap)).toBe(false)
    head += 40
    await world.eventually(async () => {
      head = (await world.send(alice, 'bob', { id: `more ${head}`, ciphertext: kilobyte })).seq
      await world.acknowledge(phone, mailbox, head)
      const { cursor } = await world.mailbox(laptop, 'user')
      const entries = entriesOf(await world.read(mailbox, cursor))
      const bytes = entries.reduce((sum, { json }) => sum + json.length, 0)
      expect(entries.length).toBeLessThan(head - cursor)
      expect(bytes).toBeLessThanOrEqual(64 * KiB)
      expect(bytes).toBeGreaterThan(48 * KiB)
    })
  })

  test('one sender may have so many messages undelivered, another is not held up', async () => {
    const world = await open({ PAIR_ENTRIES: 3 })
    const phone = await world.device('alice', 'phone')
    const laptop = await world.device('alice', 'laptop')
    const carol = await world.device('carol')
    await world.sendAll(phone, 'bob', ['m1', 'm2'])
    await world.send(laptop, 'bob', 'm3')
    await world.pause()
    for (const device of [phone, laptop]) {
      expect(await refusal(() => world.append(device, 'bob', 'm4'))).toMatchObject({ code: 'mailbox_full' })
    }
    await world.send(phone, 'dave', 'm5')
    const { mailbox, seq } = await world.send(carol, 'bob', 'm6')
    expect(seq).toBe(4)
    expect(await world.words(mailbox)).toEqual(['m1', 'm2', 'm3', 'm6'])
  })

  test('of many sends at once no more than the limit are taken', async () => {
    const world = await open({ PAIR_ENTRIES: 5 })
    const alice = await world.device('alice')
    const outcomes = await Promise.allSettled(numbers(1, 20).map((n) => world.send(alice, 'bob', `m${n}`)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'mailbox_full' })
    }
  })

  test('undelivered bytes are limited too', async () => {
    const world = await open({ PAIR_BYTES: 10 * KiB })
    const alice = await world.device('alice')
    await world.send(alice, 'bob', { id: 'm1', ciphertext: 'x'.repeat(6 * KiB) })
    await world.pause()
    const large = { id: 'm2', ciphertext: 'x'.repeat(6 * KiB) }
    expect(await refusal(() => world.append(alice, 'bob', large))).toMatchObject({ code: 'mailbox_full' })
    await world.send(alice, 'bob', 'm3')
  })

  test('an ack frees the sender', async () => {
    const world = await open({ PAIR_ENTRIES: 3 })
    const alice = await world.device('alice')
    const bob = await world.device('bob', 'phone', { holds: true })
    const { mailbox } = await world.mailbox(bob, 'user')
    await world.sendAll(alice, 'bob', ['m1', 'm2', 'm3'])
    await world.acknowledge(bob, mailbox, 2)
    await world.pause()
    await world.sendAll(alice, 'bob', ['m4', 'm5'])
    expect(await refusal(() => world.append(alice, 'bob', 'm6'))).toMatchObject({ code: 'mailbox_full' })
    await world.acknowledge(bob, mailbox, 5)
    await world.pause()
    expect(await world.sendAll(alice, 'bob', ['m6', 'm7', 'm8'])).toEqual([6, 7, 8])
  })

  test('delivery to a device that does not acknowledge frees the sender', async () => {
    const world = await open({ PAIR_ENTRIES: 3 })
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    const { mailbox } = await world.mailbox(bob, 'user')
    await world.sendAll(alice, 'bob', ['m1', 'm2', 'm3'])
    world.store.delivered(mailbox, 2)
    await world.pause()
    await world.sendAll(alice, 'bob', ['m4', 'm5'])
    expect(await refusal(() => world.append(alice, 'bob', 'm6'))).toMatchObject({ code: 'mailbox_full' })
    world.store.delivered(mailbox, 1)
    expect(await refusal(() => world.append(alice, 'bob', 'm6'))).toMatchObject({ code: 'mailbox_full' })
    expect(await world.words(mailbox)).toEqual(['m1', 'm2', 'm3', 'm4', 'm5'])
  })

  test('messages to one device count in its mailbox', async () => {
    const world = await open({ PAIR_ENTRIES: 2 })
    const alice = await world.device('alice')
    const bob = await world.device('bob', 'phone', { holds: true })
    const to = { kind: 'device', userId: 'bob', deviceId: 'phone' } as const
    await world.sendAll(alice, to, ['m1', 'm2'])
    await world.pause()
    expect(await refusal(() => world.append(alice, to, 'm3'))).toMatchObject({ code: 'mailbox_full' })
    await world.acknowledge(bob, (await world.mailbox(bob, 'device')).mailbox, 2)
    await world.pause()
    expect(await world.sendAll(alice, to, ['m3', 'm4'])).toEqual([3, 4])
  })

  test('groups have no pair limit', async () => {
    const world = await open({ PAIR_ENTRIES: 2 })
    const alice = await world.device('alice')
    await world.store.createGroup({ groupId: 'team', name: null, owner: alice, members: ['bob'] })
    const ids = numbers(2, 12).map((n) => `m${n}`)
    await world.pause()
    const { version } = await world.group('team')
    expect(await world.sendAll(alice, { kind: 'group', groupId: 'team', version }, ids)).toEqual(numbers(2, 12))
  })
}
