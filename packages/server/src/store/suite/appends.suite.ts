import { expect, test } from 'vitest'
import { entryKinds } from '../store.ts'
import { draftOf, entriesOf, everything, frameOf, type NewWorld, numbers, refusal } from './world.suite.ts'

export function appendTests(open: NewWorld): void {
  test('an entry is stored as it was sent, with what the store assigns', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone')
    const bob = await world.device('bob')
    const draft = draftOf(alice, 'bob', { id: 'm1', ciphertext: 'Zm9vYmFy', timestamp: 77 })
    const accepted = await world.store.append(draft)
    const { mailbox } = await world.mailbox(bob, 'user')
    expect(accepted).toEqual({ mailbox, seq: 1, receivedAt: world.clock.now(), duplicate: false })
    await world.pause()
    const items = await world.store.read(mailbox, 0, everything)
    expect(items).toHaveLength(1)
    const [entry] = entriesOf(items)
    const receivedAt = world.clock.now()
    expect(entry).toMatchObject({ mailbox, seq: 1, kind: entryKinds.msg, sender: alice.no, receivedAt })
    expect(entry?.json.toString()).toBe(`{"type":"msg","mailbox":"${mailbox}","seq":1,"receivedAt":${receivedAt},${draft.body}`)
  })

  test('every byte of a ciphertext comes back', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const texts = ['é', '漢字', '🙂'.repeat(100), ' \\ " \u2028 ', 'x'.repeat(100_000), `${'y'.repeat(65_535)}ß`]
    for (const [n, ciphertext] of texts.entries()) await world.send(alice, 'bob', { id: `m${n}`, ciphertext })
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    await world.pause()
    const entries = entriesOf(await world.read(mailbox))
    expect(entries.map((entry) => frameOf(entry).ciphertext)).toEqual(texts)
  })

  test('200 appends at once to one mailbox get the seqs 1 to 200', async () => {
    const world = await open()
    const senders = await Promise.all(numbers(1, 10).map((n) => world.device(`user${n}`)))
    const answers = await Promise.all(numbers(1, 200).map((n) => world.send(senders[n % 10]!, 'bob', `m${n}`)))
    expect(answers.map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual(numbers(1, 200))
    const { mailbox, head } = await world.mailbox(await world.device('bob'), 'user')
    expect(head).toBe(200)
    await world.pause()
    const bySeq = new Map(answers.map(({ seq }, index) => [seq, `m${index + 1}`]))
    expect(await world.words(mailbox)).toEqual(numbers(1, 200).map((seq) => bySeq.get(seq)))
  })

  test('200 appends at once to 20 mailboxes leave no hole in any', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const answers = await Promise.all(numbers(0, 199).map((n) => world.send(alice, `user${n % 20}`, `m${n}`)))
    await world.pause()
    for (const n of numbers(0, 19)) {
      const own = answers.filter((_, index) => index % 20 === n)
      expect(new Set(own.map(({ mailbox }) => mailbox)).size).toBe(1)
      expect(own.map(({ seq }) => seq)).toEqual(numbers(1, 10))
      expect(await world.words(own[0]!.mailbox)).toEqual(numbers(0, 9).map((index) => `m${index * 20 + n}`))
    }
    expect(new Set(answers.map(({ mailbox }) => mailbox)).size).toBe(20)
  })

  test('numbers go on where they stopped', async () => {
    const world = await open()
    const alice = await world.device('alice')
    for (const round of numbers(0, 3)) {
      expect(await world.sendAll(alice, 'bob', [`a${round}`, `b${round}`])).toEqual([2 * round + 1, 2 * round + 2])
      await world.pause()
    }
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    expect(await world.words(mailbox)).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2', 'a3', 'b3'])
  })

  test('a message to one device is in its mailbox alone', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const phone = await world.device('bob', 'phone')
    const laptop = await world.device('bob', 'laptop')
    await world.send(alice, { kind: 'device', userId: 'bob', deviceId: 'phone' }, 'm1')
    await world.pause()
    expect(await world.words((await world.mailbox(phone, 'device')).mailbox)).toEqual(['m1'])
    expect(await world.words((await world.mailbox(laptop, 'device')).mailbox)).toEqual([])
    expect(await world.words((await world.mailbox(phone, 'user')).mailbox)).toEqual([])
  })

  test('a device that the recipient does not have is not found', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.device('bob', 'phone')
    await world.pause()
    for (const [userId, deviceId] of [
      ['bob', 'laptop'],
      ['carol', 'phone'],
    ] as const) {
      expect(await refusal(() => world.append(alice, { kind: 'device', userId, deviceId }, 'm1'))).toEqual({ code: 'not_found' })
    }
  })

  test('what was appended is announced once, in order, when it can be read', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const readable: Promise<boolean>[] = []
    world.whenAppended = (entries) => {
      for (const { mailbox, seq } of entries) {
        readable.push(
          Promise.resolve(world.store.read(mailbox, seq - 1, everything)).then(
            (items) => items[0]?.seq === seq && !('gone' in items[0]),
          ),
        )
      }
    }
    const answers = await Promise.all(numbers(1, 100).map((n) => world.send(alice, `user${n % 3}`, `m${n}`)))
    await world.send(alice, 'user1', 'm1')
    expect(world.announced).toHaveLength(100)
    expect(await Promise.all(readable)).toEqual(numbers(1, 100).map(() => true))
    for (const mailbox of new Set(answers.map((answer) => answer.mailbox))) {
      const seqs = world.announced.filter((entry) => entry.mailbox === mailbox).map(({ seq }) => seq)
      expect(seqs).toEqual(numbers(1, seqs.length))
    }
    await world.pause()
    expect(world.announced).toHaveLength(100)
    for (const mailbox of new Set(answers.map((answer) => answer.mailbox))) {
      const announced = world.announced.filter((entry) => entry.mailbox === mailbox)
      expect(announced.map((entry) => entry.json.toString())).toEqual(
        entriesOf(await world.read(mailbox)).map((entry) => entry.json.toString()),
      )
    }
  })

  test('receivedAt never falls though the clock does', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const times: number[] = []
    for (const [n, ms] of [0, 5_000, -3_600_000, 1, -86_400_000, 2 * 86_400_000].entries()) {
      world.clock.advance(ms)
      times.push((await world.send(alice, 'bob', `m${n}`)).receivedAt)
      await world.pause()
    }
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times.at(-1)).toBe(world.clock.now())
    const { mailbox } = await world.mailbox(await world.device('bob'), 'user')
    const entries = entriesOf(await world.read(mailbox))
    expect(entries.map(({ receivedAt }) => receivedAt)).toEqual(times)
    expect(entries.map((entry) => frameOf(entry).receivedAt)).toEqual(times)
  })

  test('nothing that cannot be read yet was received before the horizon, whatever the clock does', async () => {
    const world = await open()
    const alice = await world.device('alice')
    for (const [round, ms] of [10, -5_000, 0, 3, -1].entries()) {
      world.clock.advance(ms)
      const sending = numbers(1, 20).map((n) => world.send(alice, `user${round}.${n}`, `m${round}.${n}`))
      const seen = new Set(world.announced)
      const horizon = world.store.horizon()
      await Promise.all(sending)
      world.clock.advance(-1_000)
      await world.send(alice, `late${round}`, `late${round}`)
      const later = world.announced.filter((entry) => !seen.has(entry))
      expect(later).toHaveLength(21)
      expect(Math.min(...later.map(({ receivedAt }) => receivedAt))).toBeGreaterThanOrEqual(horizon)
    }
  })

  test('the horizon follows the clock when nothing is under way', async () => {
    const world = await open()
    await world.pause()
    expect(world.store.horizon()).toBe(world.clock.now())
    world.clock.advance(60_000)
    expect(world.store.horizon()).toBe(world.clock.now())
  })

  test('what one device sends to a mailbox is numbered in the order of the calls', async () => {
    const world = await open({ PAIR_ENTRIES: 60 })
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    const ids = (name: string) => numbers(1, 20).map((n) => `${name} ${n}`)
    // A mailbox that is not in memory, then one that is, then resends before new ones, then a full one that was freed.
    expect(await world.sendAll(alice, 'bob', ids('first'))).toEqual(numbers(1, 20))
    expect(await world.sendAll(alice, 'bob', ids('second'))).toEqual(numbers(21, 40))
    await world.pause()
    expect(await world.sendAll(alice, 'bob', [...ids('first'), ...ids('third')])).toEqual([...numbers(1, 20), ...numbers(41, 60)])
    const { mailbox } = await world.mailbox(bob, 'user')
    world.store.delivered(mailbox, 30)
    expect(await world.sendAll(alice, 'bob', ids('fourth'))).toEqual(numbers(61, 80))
    await world.pause()
    expect(await world.words(mailbox)).toEqual([...ids('first'), ...ids('second'), ...ids('third'), ...ids('fourth')])
  })

  test('closing answers what is under way, and what it accepted is there afterwards', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const { mailbox } = await world.send(alice, 'bob', 'warm')
    await world.pause()
    const sending = numbers(1, 50).map((n) => world.send(alice, n % 2 === 0 ? 'bob' : `user${n}`, `m${n}`))
    const settling = Promise.allSettled(sending)
    await world.reopen()
    for (const [index, outcome] of (await settling).entries()) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'overloaded' })
      else expect(await world.words(outcome.value.mailbox)).toContain(`m${index + 1}`)
    }
    expect((await world.words(mailbox))[0]).toBe('warm')
    // What came too late may be logged.
    world.troubles.length = 0
  })

  test('the store counts what it accepted and answers a ping', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.pause()
    await world.sendAll(alice, 'bob', ['m1', 'm2', 'm3'])
    await world.send(alice, 'bob', 'm1')
    await world.store.ping()
    const stats = world.store.stats()
    expect(stats).toMatchObject({ appended: 3, queued: 0, failedCommits: 0 })
    expect(stats.commits).toBeGreaterThan(0)
  })
}
