import { beforeAll, describe, expect, it, vi } from 'vitest'
import { historyOf, type Person, person, textsIn } from './people.suite.ts'
import { type Relay, startRelay } from './transport/relay.suite.ts'

const eventually = { timeout: 15_000, interval: 20 }

async function pair(): Promise<{ relay: Relay; alice: Person; bob: Person }> {
  const relay = await startRelay()
  const [alice, bob] = await Promise.all([person(relay, 'alice'), person(relay, 'bob')])
  return { relay, alice, bob }
}

describe('a conversation of two', () => {
  it('is the same on both sides, also when both begin it at once', async () => {
    const { alice, bob } = await pair()
    const [one, other] = await Promise.all([alice.sotto.conversation('bob'), bob.sotto.conversation('alice')])
    expect(one.id).toBe(other.id)
    await Promise.all([one.send('from alice'), other.send('from bob')])
    await expect.poll(() => alice.texts(), eventually).toEqual(['from bob'])
    await expect.poll(() => bob.texts(), eventually).toEqual(['from alice'])
    expect(await textsIn(alice, one.id)).toEqual(await textsIn(bob, one.id))
  })

  it('tells how a message goes on', async () => {
    const { alice, bob } = await pair()
    const chat = await alice.sotto.conversation('bob')
    const message = await chat.send('hello')
    expect(message.status).toBe('queued')
    await expect.poll(() => message.status, eventually).toBe('delivered')
    await expect.poll(() => bob.sotto.conversations()[0]?.unread, eventually).toBe(1)
    await bob.sotto.conversations()[0]!.markRead()
    expect(bob.sotto.conversations()[0]!.unread).toBe(0)
    await expect.poll(() => message.status, eventually).toBe('read')
    expect(message.readBy).toEqual(['bob'])
  })

  it('carries replies, custom content, reactions, edits and deletions', async () => {
    const { alice, bob } = await pair()
    const chat = await alice.sotto.conversation('bob')
    const first = await chat.send('first')
    const poll = { type: 'application/vnd.example.poll+json', data: { question: 'when?', options: [1, 2] } }
    await chat.send({ text: 'second', replyTo: first.id, custom: poll })
    await expect.poll(() => bob.messages.length, eventually).toBe(2)
    const [seen, reply] = bob.messages
    expect(reply).toMatchObject({ text: 'second', replyTo: first.id, custom: poll, from: 'alice', own: false })
    const back = bob.sotto.conversations()[0]!
    await back.react(seen!.id, '👍')
    await expect.poll(() => first.reactions, eventually).toEqual({ bob: '👍' })
    await back.unreact(seen!.id)
    await expect.poll(() => first.reactions, eventually).toEqual({})
    await chat.edit(first.id, 'first, edited')
    expect(first.text).toBe('first, edited')
    await expect.poll(() => seen!.text, eventually).toBe('first, edited')
    expect(seen!.editedAt).toBeInstanceOf(Date)
    await expect(back.edit(seen!.id, 'mine now')).rejects.toMatchObject({ code: 'not_permitted' })
    await chat.delete(first.id)
    await expect.poll(() => seen!.deleted, eventually).toBe(true)
    expect(seen!.text).toBeUndefined()
  })

  it('waits in the outbox while offline, and goes out in order', async () => {
    const { relay, alice, bob } = await pair()
    const chat = await alice.sotto.conversation('bob')
    await relay.stop()
    await expect.poll(() => alice.sotto.state, eventually).not.toBe('online')
    const sent = await Promise.all(Array.from({ length: 20 }, (_, index) => chat.send(`message ${index}`)))
    expect(sent.every(({ status }) => status === 'queued')).toBe(true)
    const again = await alice.again()
    await relay.restart()
    await expect.poll(() => bob.texts(), eventually).toEqual(sent.map((_, index) => `message ${index}`))
    await expect
      .poll(async () => (await historyOf(again, chat.id)).map(({ status }) => status), eventually)
      .toEqual(sent.map(() => 'delivered'))
    expect(alice.incidents).toEqual([])
    expect(bob.incidents).toEqual([])
  })

  it('refuses what cannot be sent', async () => {
    const { alice } = await pair()
    const chat = await alice.sotto.conversation('bob')
    await expect(chat.send('')).rejects.toMatchObject({ code: 'invalid_content' })
    await expect(chat.send({})).rejects.toMatchObject({ code: 'invalid_content' })
    await expect(chat.send({ text: 'x', replyTo: 'nothing' })).rejects.toMatchObject({ code: 'invalid_content' })
    await expect(chat.react('A'.repeat(43), '👍')).rejects.toMatchObject({ code: 'invalid_content' })
    await expect(alice.sotto.conversation('nobody')).rejects.toMatchObject({ code: 'no_such_user' })
    await expect(alice.sotto.conversation('alice')).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(chat.add(['carol'])).rejects.toMatchObject({ code: 'not_permitted' })
  })

  it('lets messages expire on both sides', async () => {
    const { alice, bob } = await pair()
    const chat = await alice.sotto.conversation('bob')
    const message = await chat.send({ text: 'for a moment', expiresInMs: 3_600_000 })
    await expect.poll(() => bob.messages.length, eventually).toBe(1)
    expect(message.expiresAt!.getTime() - message.sentAt.getTime()).toBe(3_600_000)
    expect(bob.messages[0]!.expiresAt).toEqual(message.expiresAt)
  })

  it('shows who is typing', async () => {
    const { alice, bob } = await pair()
    const chat = await alice.sotto.conversation('bob')
    await chat.send('hello')
    await expect.poll(() => bob.texts(), eventually).toEqual(['hello'])
    const typing = vi.fn()
    bob.sotto.on('typing', typing)
    await expect
      .poll(() => {
        chat.typing()
        return typing.mock.calls.length
      }, eventually)
      .toBeGreaterThan(0)
    expect(typing.mock.calls[0]![0]).toMatchObject({ conversationId: chat.id, userId: 'alice', active: true })
  })
})

describe('a handler of messages', () => {
  it('is called again until it resolves, and after a restart', async () => {
    const { alice, bob } = await pair()
    const chat = await alice.sotto.conversation('bob')
    await bob.sotto.close()
    await chat.send('one')
    await chat.send('two')
    const second = await bob.again()
    await expect.poll(() => second.texts(), eventually).toEqual(['one', 'two'])
    const failing: string[] = []
    await chat.send('three')
    await expect.poll(() => second.texts().length, eventually).toBe(3)
    const third = await second.again()
    third.sotto.on('message', ({ text }) => {
      failing.push(text!)
      if (failing.length === 1) throw new Error('not yet')
    })
    await chat.send('four')
    await expect.poll(() => failing, eventually).toEqual(['four', 'four'])
    expect(third.texts()).toEqual(['four', 'four'])
    expect(third.incidents.map(({ kind }) => kind)).toEqual(['handler_failed'])
  })
})

describe('a group', () => {
  let relay: Relay
  beforeAll(() => {
    relay = undefined as unknown as Relay
  })

  async function team(): Promise<{ alice: Person; bob: Person; carol: Person; dave: Person; id: string }> {
    relay = await startRelay()
    const [alice, bob, carol, dave] = await Promise.all(['alice', 'bob', 'carol', 'dave'].map((userId) => person(relay, userId)))
    const group = await alice!.sotto.createGroup({ name: 'Team', members: ['bob', 'carol'] })
    for (const one of [bob!, carol!]) await expect.poll(() => one.sotto.find(group.id)?.name, eventually).toBe('Team')
    return { alice: alice!, bob: bob!, carol: carol!, dave: dave!, id: group.id }
  }

  const membersOf = (one: Person, id: string) =>
    one.sotto
      .find(id)
      ?.members.map(({ userId }) => userId)
      .sort()

  it('grows and shrinks; who is removed reads nothing more', async () => {
    const { alice, bob, carol, dave, id } = await team()
    await alice.sotto.find(id)!.send('to three')
    await alice.sotto.find(id)!.add(['dave'])
    await alice.sotto.find(id)!.remove('carol')
    await alice.sotto.find(id)!.send('to three others')
    await expect.poll(() => dave.texts(), eventually).toEqual(['to three others'])
    await expect.poll(() => bob.texts(), eventually).toEqual(['to three', 'to three others'])
    await expect.poll(() => carol.sotto.find(id)?.state, eventually).toBe('left')
    expect(carol.texts()).toEqual(['to three'])
    expect(dave.sotto.find(id)!.name).toBe('Team')
    for (const one of [alice, bob, dave]) expect(membersOf(one, id)).toEqual(['alice', 'bob', 'dave'])
    await expect(carol.sotto.find(id)!.send('still here?')).rejects.toMatchObject({ code: 'not_a_member' })
  })

  it('keeps its roles', async () => {
    const { alice, bob, carol, id } = await team()
    await expect(bob.sotto.find(id)!.remove('carol')).rejects.toMatchObject({ code: 'not_permitted' })
    await expect(bob.sotto.find(id)!.add(['dave'])).rejects.toMatchObject({ code: 'not_permitted' })
    await expect(bob.sotto.find(id)!.rename('Mine')).rejects.toMatchObject({ code: 'not_permitted' })
    await alice.sotto.find(id)!.setRole('bob', 'admin')
    await expect.poll(() => bob.sotto.find(id)!.members.find(({ userId }) => userId === 'bob')?.role, eventually).toBe('admin')
    await bob.sotto.find(id)!.add(['dave'])
    await bob.sotto.find(id)!.rename('Crew')
    await expect.poll(() => carol.sotto.find(id)!.name, eventually).toBe('Crew')
    await expect(bob.sotto.find(id)!.remove('alice')).rejects.toMatchObject({ code: 'not_permitted' })
    await expect(alice.sotto.find(id)!.leave()).rejects.toMatchObject({ code: 'owner_must_transfer' })
    await alice.sotto.find(id)!.setRole('bob', 'owner')
    await alice.sotto.find(id)!.leave()
    await expect.poll(() => membersOf(carol, id), eventually).toEqual(['bob', 'carol', 'dave'])
    await expect.poll(() => membersOf(bob, id), eventually).toEqual(['bob', 'carol', 'dave'])
    await bob.sotto.find(id)!.send('without alice')
    await expect.poll(() => carol.texts(), eventually).toEqual(['without alice'])
    expect(alice.sotto.find(id)!.state).toBe('left')
  })

  it('takes changes by many at once, one after another', async () => {
    const { alice, bob, carol, id } = await team()
    const users = ['eve', 'frank', 'grace', 'heidi']
    await Promise.all(users.map((userId) => person(relay, userId)))
    await alice.sotto.find(id)!.setRole('bob', 'admin')
    await expect.poll(() => bob.sotto.find(id)!.members.find(({ userId }) => userId === 'bob')?.role, eventually).toBe('admin')
    await Promise.all([
      alice.sotto.find(id)!.add(['eve']),
      bob.sotto.find(id)!.add(['frank']),
      alice.sotto.find(id)!.add(['grace']),
      bob.sotto.find(id)!.add(['heidi']),
    ])
    const everybody = ['alice', 'bob', 'carol', ...users]
    for (const one of [alice, bob, carol]) await expect.poll(() => membersOf(one, id), eventually).toEqual(everybody)
    await carol.sotto.find(id)!.send('all here')
    await expect.poll(() => alice.texts(), eventually).toEqual(['all here'])
    for (const one of [alice, bob, carol]) expect(one.incidents).toEqual([])
  })
})

describe('devices of one user', () => {
  async function linked(): Promise<{ relay: Relay; phone: Person; laptop: Person; bob: Person }> {
    const { relay, alice: phone, bob } = await pair()
    await expect(person(relay, 'alice')).rejects.toMatchObject({ code: 'link_required' })
    const laptop = await person(relay, 'alice', {
      device: { name: 'Laptop' },
      link: { onCode: (code) => void phone.sotto.linkDevice(code) },
    })
    return { relay, phone, laptop, bob }
  }

  it('are linked by a code, and share what is said from then on', async () => {
    const { phone, laptop, bob } = await linked()
    expect((await phone.sotto.devices()).map(({ name, current }) => ({ name, current }))).toEqual([
      { name: undefined, current: true },
      { name: 'Laptop', current: false },
    ])
    const chat = await bob.sotto.conversation('alice')
    await chat.send('to both')
    await expect.poll(() => phone.texts(), eventually).toEqual(['to both'])
    await expect.poll(() => laptop.texts(), eventually).toEqual(['to both'])
    await laptop.sotto.find(chat.id)!.send('from the laptop')
    await expect.poll(() => bob.texts(), eventually).toEqual(['from the laptop'])
    await expect.poll(() => textsIn(phone, chat.id), eventually).toEqual(['to both', 'from the laptop'])
    expect((await historyOf(phone, chat.id)).map(({ own }) => own)).toEqual([false, true])
  })

  it('come into conversations that began without them', async () => {
    const { relay, alice: phone, bob } = await pair()
    const chat = await phone.sotto.conversation('bob')
    await chat.send('before')
    const group = await phone.sotto.createGroup({ name: 'Team', members: ['bob'] })
    const laptop = await person(relay, 'alice', { link: { onCode: (code) => void phone.sotto.linkDevice(code) } })
    await expect.poll(() => laptop.sotto.find(chat.id)?.state, eventually).toBe('active')
    await expect.poll(() => laptop.sotto.find(group.id)?.name, eventually).toBe('Team')
    // What bob encrypts before he has seen the laptop is not for it.
    await expect.poll(() => bob.sotto.find(chat.id)!.toJSON().epoch, eventually).toBe(laptop.sotto.find(chat.id)!.toJSON().epoch)
    await bob.sotto.find(chat.id)!.send('after')
    await expect.poll(() => laptop.texts(), eventually).toEqual(['after'])
    await expect.poll(() => phone.texts(), eventually).toEqual(['after'])
    for (const one of [phone, laptop, bob]) expect(one.incidents).toEqual([])
  })

  it('are revoked: out of every group, under a new identity that contacts have to accept', async () => {
    const { phone, laptop, bob } = await linked()
    const chat = await bob.sotto.conversation('alice')
    await chat.send('to both')
    await expect.poll(() => laptop.texts(), eventually).toEqual(['to both'])
    const changed = vi.fn()
    bob.sotto.on('identityChanged', changed)
    await phone.sotto.revokeDevice(laptop.sotto.deviceId)
    await expect.poll(() => changed.mock.calls.length, eventually).toBe(1)
    expect(changed.mock.calls[0]![0]).toMatchObject({ userId: 'alice', endorsed: true })
    await expect.poll(() => chat.blockedBy, eventually).toEqual(['alice'])
    const held = await chat.send('held back')
    expect(held.status).toBe('queued')
    await changed.mock.calls[0]![0].accept()
    await expect.poll(() => phone.texts(), eventually).toEqual(['to both', 'held back'])
    expect(laptop.texts()).toEqual(['to both'])
    // What fails for it is not told besides.
    await expect
      .poll(() => laptop.incidents.map(({ kind, detail }) => [kind, detail]), eventually)
      .toEqual([['session_ended', 'device_revoked']])
    expect((await phone.sotto.devices()).map(({ deviceId }) => deviceId)).toEqual([phone.sotto.deviceId])
  })

  it('are told that they were revoked, also who is opened later and listens later still', async () => {
    const { relay, phone, laptop } = await linked()
    await laptop.sotto.close()
    await phone.sotto.revokeDevice(laptop.sotto.deviceId)
    const late = await person(relay, 'alice', { storage: laptop.storage })
    await expect.poll(() => late.sotto.state, eventually).toBe('offline')
    const told = vi.fn()
    late.sotto.on('error', told)
    late.sotto.on('error', vi.fn())()
    await expect
      .poll(() => told.mock.calls.map(([{ kind, detail }]) => [kind, detail]), eventually)
      .toEqual([['session_ended', 'device_revoked']])
    expect(late.incidents).toHaveLength(1)
  })

  it('begin anew when all are lost', async () => {
    const { relay, alice, bob } = await pair()
    const chat = await alice.sotto.conversation('bob')
    await chat.send('from the lost one')
    await expect.poll(() => bob.texts(), eventually).toEqual(['from the lost one'])
    await alice.sotto.close()
    const changed = vi.fn()
    bob.sotto.on('identityChanged', changed)
    const anew = await person(relay, 'alice', { reset: true })
    await expect.poll(() => anew.sotto.find(chat.id)?.state, eventually).toBe('active')
    await expect.poll(() => changed.mock.calls.length, eventually).toBe(1)
    expect(changed.mock.calls[0]![0]).toMatchObject({ userId: 'alice', endorsed: false })
    const back = bob.sotto.find(chat.id)!
    const held = await back.send('who are you?')
    await (await bob.sotto.safetyNumber('alice')).verify((await anew.sotto.safetyNumber('bob')).digits)
    await expect.poll(() => anew.texts(), eventually).toEqual(['who are you?'])
    await expect.poll(() => held.status, eventually).toBe('delivered')
    expect(back.members.find(({ userId }) => userId === 'alice')?.verified).toBe(true)
  })
})

describe('safety numbers', () => {
  it('are the same on both sides, and verify', async () => {
    const { alice, bob } = await pair()
    const chat = await alice.sotto.conversation('bob')
    const mine = await alice.sotto.safetyNumber('bob')
    const theirs = await bob.sotto.safetyNumber('alice')
    expect(mine.digits).toBe(theirs.digits)
    expect(mine.qrPayload).toBe(theirs.qrPayload)
    expect(mine.digits).toMatch(/^(\d{5} ){11}\d{5}$/)
    expect(mine.verified).toBe(false)
    const wrong = mine.digits.replace(/\d/, (digit) => String((Number(digit) + 1) % 10))
    await expect(mine.verify(wrong)).rejects.toMatchObject({ code: 'not_verified' })
    await mine.verify(theirs.qrPayload)
    expect((await alice.sotto.safetyNumber('bob')).verified).toBe(true)
    await expect.poll(() => chat.members.find(({ userId }) => userId === 'bob')?.verified, eventually).toBe(true)
  })
})
