import { expect, test } from 'vitest'
import { draftOf, type Message, type NewWorld, numbers, refusal } from './world.suite.ts'

export function idempotencyTests(open: NewWorld): void {
  test('a resend gets the first answer and appends nothing', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const first = await world.send(alice, 'bob', 'm1')
    await world.send(alice, 'bob', 'm2')
    await world.pause()
    world.clock.advance(1_000)
    expect(await world.send(alice, 'bob', 'm1')).toEqual({ ...first, duplicate: true })
    expect(await world.words(first.mailbox)).toEqual(['m1', 'm2'])
  })

  test('of many sends of one id at once one is the first', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const answers = await Promise.all(numbers(1, 64).map(() => world.send(alice, 'bob', 'm1')))
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1)
    expect(new Set(answers.map(({ mailbox, seq, receivedAt }) => `${mailbox} ${seq} ${receivedAt}`)).size).toBe(1)
    await world.pause()
    expect(await world.words(answers[0]!.mailbox)).toEqual(['m1'])
  })

  test('of many sends of one id with different content one wins, the others are told of it', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const outcomes = await Promise.allSettled(
      numbers(1, 20).map((n) => world.send(alice, `user${n}`, { id: 'm1', ciphertext: `content ${n}` })),
    )
    const accepted = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    expect(accepted).toHaveLength(1)
    const { mailbox, seq } = accepted[0]!.value
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'id_conflict', extra: { mailbox, seq } })
    }
  })

  test('an id is unique for user and device, not beyond', async () => {
    const world = await open()
    const phone = await world.device('alice', 'phone')
    const laptop = await world.device('alice', 'laptop')
    const carol = await world.device('carol', 'phone')
    for (const device of [phone, laptop, carol]) {
      expect((await world.send(device, 'bob', 'm1')).duplicate).toBe(false)
      await world.pause()
    }
    for (const device of [phone, laptop, carol]) expect((await world.send(device, 'bob', 'm1')).duplicate).toBe(true)
  })

  test('a resend repeats exactly what the digest covers', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.device('bob', 'phone')
    await world.device('bob', 'laptop')
    const { groupId, version } = await world.store.createGroup({ groupId: 'bob', name: null, owner: alice, members: ['bob'] })
    const message: Message = { id: 'm1', ciphertext: 'one', timestamp: 1, contentType: 'text/plain', expiresInMs: 60_000 }
    const toPhone = { kind: 'device', userId: 'bob', deviceId: 'phone' } as const
    const { mailbox, seq } = await world.send(alice, toPhone, message)
    await world.pause()
    const conflict = { code: 'id_conflict', mailbox, seq }
    const others = [
      [toPhone, { ...message, ciphertext: 'two' }],
      [toPhone, { ...message, contentType: 'text/html' }],
      [toPhone, { ...message, expiresInMs: 60_001 }],
      [toPhone, { ...message, expiresInMs: 0 }],
      [{ ...toPhone, deviceId: 'laptop' }, message],
      ['bob', message],
      ['carol', message],
      [{ kind: 'group', groupId, version }, message],
    ] as const
    for (const [to, changed] of others) expect(await refusal(() => world.append(alice, to, changed))).toEqual(conflict)
    expect(await world.send(alice, toPhone, { ...message, timestamp: 999 })).toMatchObject({ mailbox, seq, duplicate: true })
  })

  test('a resend can be asked for without appending', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const first = await world.send(alice, 'bob', 'm1')
    await world.pause()
    expect(await world.store.repeated(draftOf(alice, 'bob', 'm1'))).toEqual({ ...first, duplicate: true })
    expect(await world.store.repeated(draftOf(alice, 'bob', 'm2'))).toBeUndefined()
    expect(await refusal(() => world.store.repeated(draftOf(alice, 'bob', { id: 'm1', ciphertext: 'other' })))).toMatchObject({
      code: 'id_conflict',
      seq: 1,
    })
    expect((await world.send(alice, 'bob', 'm2')).duplicate).toBe(false)
    expect(await world.words(first.mailbox)).toEqual(['m1', 'm2'])
  })

  test('a resend is known after the entry was acknowledged and deleted', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob', 'phone', { holds: true })
    const first = await world.send(alice, 'bob', 'm1')
    await world.acknowledge(bob, first.mailbox, 1)
    await world.pause()
    await world.eventually(async () => expect(await world.words(first.mailbox)).not.toContain('m1'))
    expect(await world.send(alice, 'bob', 'm1')).toEqual({ ...first, duplicate: true })
    expect(await refusal(() => world.append(alice, 'bob', { id: 'm1', ciphertext: 'other' }))).toMatchObject({
      code: 'id_conflict',
      mailbox: first.mailbox,
      seq: 1,
    })
  })

  test('a resend is looked up before the quota', async () => {
    const world = await open({ PAIR_ENTRIES: 2 })
    const alice = await world.device('alice')
    const first = await world.send(alice, 'bob', 'm1')
    await world.send(alice, 'bob', 'm2')
    await world.pause()
    expect(await refusal(() => world.append(alice, 'bob', 'm3'))).toMatchObject({ code: 'mailbox_full' })
    expect(await world.send(alice, 'bob', 'm1')).toEqual({ ...first, duplicate: true })
  })

  test('a resend is looked up before the membership', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    const group = await world.store.createGroup({ groupId: 'team', name: null, owner: alice, members: ['bob'] })
    const to = { kind: 'group', groupId: 'team', version: group.version } as const
    const first = await world.send(bob, to, 'm1')
    await world.change(alice, 'team', { remove: ['bob'] })
    await world.pause()
    expect(await world.append(bob, to, 'm1')).toEqual({ ...first, duplicate: true })
    expect(await world.append(bob, to, 'm2')).toBe('moved')
  })

  test("a resend is looked up before the recipient's device", async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.device('bob', 'phone')
    const to = { kind: 'device', userId: 'bob', deviceId: 'phone' } as const
    const first = await world.send(alice, to, 'm1')
    await world.store.revokeDevice('bob', 'phone')
    await world.pause()
    expect(await world.append(alice, to, 'm1')).toEqual({ ...first, duplicate: true })
    expect(await refusal(() => world.append(alice, to, 'm2'))).toMatchObject({ code: 'not_found' })
  })

  test('a refusal leaves no record of the id', async () => {
    const world = await open({ PAIR_ENTRIES: 1 })
    const alice = await world.device('alice')
    const unknown = { kind: 'device', userId: 'bob', deviceId: 'phone' } as const
    const { version } = await world.store.createGroup({ groupId: 'team', name: null, owner: alice, members: [] })
    await world.send(alice, 'bob', 'm1')
    expect(await refusal(() => world.append(alice, unknown, 'm2'))).toMatchObject({ code: 'not_found' })
    expect(await refusal(() => world.append(alice, 'bob', 'm2'))).toMatchObject({ code: 'mailbox_full' })
    expect(await world.append(alice, { kind: 'group', groupId: 'team', version: version + 1 }, 'm2')).toBe('moved')
    await world.pause()
    expect((await world.send(alice, 'carol', 'm2')).duplicate).toBe(false)
  })

  test('ten thousand ids are told apart', async () => {
    const world = await open({ PAIR_ENTRIES: 100_000, MAILBOX_ENTRIES: 100_000 })
    const alice = await world.device('alice')
    const ids = numbers(1, 10_000).map((n) => `m${n}`)
    expect(await world.sendAll(alice, 'bob', ids)).toEqual(numbers(1, 10_000))
    await world.pause()
    const fresh = await world.sendAll(
      alice,
      'bob',
      numbers(1, 500).map((n) => `fresh ${n}`),
    )
    expect(fresh).toEqual(numbers(10_001, 10_500))
    const again = numbers(0, 499).map((n) => n * 20)
    const answers = await Promise.all(again.map((index) => world.send(alice, 'bob', ids[index]!)))
    expect(answers.every(({ duplicate }) => duplicate)).toBe(true)
    expect(answers.map(({ seq }) => seq)).toEqual(again.map((index) => index + 1))
  })
}
