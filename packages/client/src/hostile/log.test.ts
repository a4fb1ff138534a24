import { describe, expect, it } from 'vitest'
import type { EntryFrame } from '../transport/transport.ts'
import {
  actor,
  allTalk,
  arrives,
  eventually,
  groupOf,
  incidentOf,
  membersOf,
  nothingSeen,
  nothingTwice,
  pairOf,
} from './actors.suite.ts'
import { type Device, type HostileServer, startHostileServer } from './hostile-server.suite.ts'
import { messagesOf } from './intruder.suite.ts'

/** T15: what a server can do to the order of things, and how it shows. */

type Msg = Extract<EntryFrame, { readonly type: 'msg' }>

const isFor = (device: Device, to: Device) => device.userId === to.userId && device.deviceId === to.deviceId

/** The next message to this device is what the rule makes of it; those after it come as they are. */
function once(server: HostileServer, to: Device, rule: (frame: Msg) => readonly EntryFrame[] | 'hole'): void {
  const end = server.entries((frame, device) => {
    if (frame.type !== 'msg' || !isFor(device, to)) return undefined
    end()
    return rule(frame)
  })
}

const goneFor = ({ mailbox, seq }: Msg): EntryFrame => ({ type: 'gone', mailbox, from: seq, to: seq, reason: 'expired' })

describe('without rules', () => {
  it('it is honest, and nothing is told but messages', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    await allTalk(id, actors)
    for (const { told } of actors) expect(told.filter((name) => !name.startsWith('message'))).toEqual([])
    nothingSeen(server, ['first', 'is here'])
    expect(server.saw('"alice"')).toBe(true)
  })
})

describe('a message that comes again', () => {
  it('under its own number is not even looked at', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const [first] = messagesOf(server, id)
    for (let times = 0; times < 3; times++) server.tell(bob, first!)
    await allTalk(id, [alice, bob])
    expect(bob.texts().filter((text) => text === 'first')).toHaveLength(1)
  })

  it('under a new number is told as replayed, and not shown', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const [first] = messagesOf(server, id)
    server.add(bob, first!, { ...first!, id: 'another', receivedAt: first!.receivedAt + 1 })
    await incidentOf(bob, 'replayed')
    await allTalk(id, [alice, bob])
    expect(bob.unreadable).toEqual([])
  })

  it('in another group cannot be read there', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const team = await alice.sotto.createGroup({ name: 'team', members: ['bob'] })
    await team.send('to the team')
    await arrives('to the team', team.id, [bob])
    const [first] = messagesOf(server, id)
    server.add(bob, { ...first!, to: team.id, mailbox: server.mailboxOf(team.id) })
    await expect.poll(() => bob.unreadable.map(({ reason }) => reason), eventually).toEqual(['wrong_group'])
    await allTalk(team.id, [alice, bob])
    await allTalk(id, [alice, bob])
  })

  it('named as of a group that it is not in the mailbox of is nothing', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const team = await alice.sotto.createGroup({ name: 'team', members: ['bob'] })
    await team.send('to the team')
    await arrives('to the team', team.id, [bob])
    server.add(bob, { ...messagesOf(server, id)[0]!, mailbox: server.mailboxOf(team.id) })
    await allTalk(team.id, [alice, bob])
    await allTalk(id, [alice, bob])
  })

  it('one’s own, in the name of another, is told as replayed', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const [first] = messagesOf(server, id)
    server.add(alice, { ...first!, from: 'bob', fromDevice: bob.deviceId })
    await incidentOf(alice, 'replayed')
    expect(alice.messages).toEqual([])
    await allTalk(id, [alice, bob])
  })

  it('after a restart of the reader is still known', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const back = await bob.again()
    await expect.poll(() => back.sotto.state, eventually).toBe('online')
    server.add(back, messagesOf(server, id)[0]!)
    await incidentOf(back, 'replayed')
    await allTalk(id, [alice, back])
    expect(back.texts()).not.toContain('first')
  })
})

describe('the order of the log', () => {
  it('reordered messages are found out by the next one of somebody who saw the true order', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const held: Msg[] = []
    const end = server.entries((frame, to) => {
      if (frame.type !== 'msg' || !isFor(to, bob)) return undefined
      held.push(frame)
      return held.length === 2 ? [held[1]!, held[0]!] : []
    })
    await alice.chat(id).send('one')
    await expect.poll(() => held.length, eventually).toBe(1)
    await alice.chat(id).send('two')
    await arrives('two', id, [bob])
    end()
    await alice.chat(id).send('three')
    await incidentOf(bob, 'history_differs')
    await arrives('three', id, [bob])
    expect(bob.texts()).toEqual(['first', 'two', 'one', 'three'])
    await allTalk(id, [alice, bob])
  })

  it('a dropped message, its number closed up, is found out by the next one of who wrote it', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    once(server, bob, () => [])
    const lost = await alice.chat(id).send('lost')
    await expect.poll(() => lost.status, eventually).toBe('sent')
    await alice.chat(id).send('next')
    await arrives('next', id, [bob])
    const { detail, conversationId } = await incidentOf(bob, 'history_differs')
    expect({ detail, conversationId }).toEqual({ detail: expect.stringContaining('alice'), conversationId: id })
    expect(bob.texts()).toEqual(['first', 'next'])
    await allTalk(id, [alice, bob])
  })

  it('and who wrote it finds out by the next message of who was not shown it', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    once(server, bob, () => [])
    await alice.chat(id).send('lost to bob')
    await arrives('lost to bob', id, [carol])
    await alice.chat(id).send('next')
    await arrives('next', id, [bob, carol])
    await bob.chat(id).send('from bob')
    await arrives('from bob', id, [alice, carol])
    await incidentOf(alice, 'history_differs')
    await incidentOf(carol, 'history_differs')
    await allTalk(id, actors)
  })

  it('a message that is skipped, its number left open, is missing', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    once(server, bob, () => 'hole')
    const lost = await alice.chat(id).send('lost')
    await expect.poll(() => lost.status, eventually).toBe('sent')
    await alice.chat(id).send('next')
    expect(await incidentOf(bob, 'entries_missing')).toMatchObject({ conversationId: id })
    await arrives('next', id, [bob])
    await allTalk(id, [alice, bob])
  })

  it('what is said to be gone is told as missing', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    once(server, bob, (frame) => [goneFor(frame)])
    await alice.chat(id).send('lost')
    expect(await incidentOf(bob, 'entries_missing')).toMatchObject({ conversationId: id })
    await allTalk(id, [alice, bob])
  })

  it('when everything is said to be gone, everything is told as missing, and the next honest day brings all back', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    server.entries((frame) => {
      const [from, to] = frame.type === 'gone' ? [frame.from, frame.to] : [frame.seq, frame.seq]
      return [{ type: 'gone', mailbox: frame.mailbox, from, to, reason: 'limit' }]
    })
    await alice.chat(id).send('nobody gets it')
    await incidentOf(bob, 'entries_missing')
    server.becomeHonest()
    await allTalk(id, [alice, bob])
    expect(bob.texts()).not.toContain('nobody gets it')
  })
})

describe('what stands beside a message', () => {
  it('another sender than the signature’s is told, and the signature holds', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    once(server, bob, (frame) => [{ ...frame, from: 'carol', fromDevice: carol.deviceId }])
    await alice.chat(id).send('from alice')
    await arrives('from alice', id, [bob, carol])
    expect(await incidentOf(bob, 'sender_mismatch')).toMatchObject({ userId: 'alice', conversationId: id })
    expect(bob.messages.at(-1)).toMatchObject({ from: 'alice', fromDevice: alice.deviceId, own: false })
    await allTalk(id, actors)
  })

  it('one’s own messages that one never sent look like an older storage: the device joins anew', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const { mailbox, receivedAt } = messagesOf(server, id)[0]!
    const epoch = alice.chat(id).toJSON().epoch!
    server.add(bob, { type: 'own', mailbox, seq: 1, id: 'never sent', receivedAt })
    await incidentOf(bob, 'storage_restored')
    await expect.poll(() => alice.chat(id).toJSON().epoch, eventually).toBe(epoch + 1)
    await allTalk(id, [alice, bob])
  })

  it('a membership in the place of a message changes no members, and differs from what others saw', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const forged = { receivedAt: 1, groupId: id, by: 'alice', added: ['mallory'], removed: ['alice'] }
    once(server, bob, ({ mailbox, seq }) => [{ ...forged, type: 'membership', mailbox, seq }])
    const lost = await alice.chat(id).send('lost')
    await expect.poll(() => lost.status, eventually).toBe('sent')
    await alice.chat(id).send('next')
    await incidentOf(bob, 'history_differs')
    expect(membersOf(bob, id)).toEqual(['alice', 'bob'])
    await allTalk(id, [alice, bob])
  })

  it('what is of no known kind, or of another protocol, in the place of a message is told as missing', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const places: ((frame: Msg) => unknown)[] = [
      ({ mailbox, seq }) => ({ type: 'novelty', mailbox, seq }),
      ({ mailbox, seq }) => ({ type: 'msg', mailbox, seq }),
      (frame) => ({ ...frame, contentType: 'text/plain' }),
      (frame) => ({ ...frame, scope: 'direct', to: 'bob' }),
      (frame) => ({ ...frame, to: 'another group' }),
    ]
    for (const [index, place] of places.entries()) {
      once(server, bob, (frame) => [place(frame) as EntryFrame])
      await alice.chat(id).send(`lost ${index}`)
      await expect.poll(() => bob.kinds().filter((kind) => kind === 'entries_missing').length, eventually).toBe(index + 1)
    }
    await allTalk(id, [alice, bob])
  })

  it('an unreadable message is shown as such, once, also after a restart', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    once(server, bob, (frame) => [{ ...frame, ciphertext: 'AAEAAgAA' }])
    await alice.chat(id).send('lost')
    await expect.poll(() => bob.unreadable.map(({ reason }) => reason), eventually).toEqual(['malformed'])
    const back = await bob.again()
    await allTalk(id, [alice, back])
    const shown: string[] = []
    for await (const message of back.chat(id).messages()) if (message.unreadable !== undefined) shown.push(message.unreadable)
    expect(shown).toEqual(['malformed'])
    nothingTwice(back)
    expect(back.unreadable).toEqual([])
  })
})

it('a second device of the same user is shown another log: both say so', async () => {
  const server = await startHostileServer()
  const { id, alice, bob } = await pairOf(server)
  const laptop = actor(server, 'bob', {
    device: { name: 'laptop' },
    link: { onCode: (code) => void bob.sotto.linkDevice(code) },
  })
  const second = await laptop
  await expect.poll(() => second.sotto.find(id)?.state, eventually).toBe('active')
  await allTalk(id, [alice, bob])
  once(server, second, () => [])
  await alice.chat(id).send('not on the laptop')
  await arrives('not on the laptop', id, [bob])
  await alice.chat(id).send('next')
  await arrives('next', id, [bob, second])
  await incidentOf(second, 'history_differs')
})
