import { describe, expect, it } from 'vitest'
import { nobodyMinds } from '../mls/members.suite.ts'
import { base64, fromBase64 } from '../sync/base64.ts'
import type { EntryFrame } from '../transport/transport.ts'
import {
  type Actor,
  allTalk,
  arrives,
  eventually,
  groupOf,
  groupRecordsOf,
  membersOf,
  nothingSeen,
  settled,
} from './actors.suite.ts'
import { type HostileServer, startHostileServer } from './hostile-server.suite.ts'
import { intruder, messagesOf, readable } from './intruder.suite.ts'

/** Whoever was removed reads nothing of what comes after, even with the server on its side. */

/** The removed device goes on being shown everything that the others are shown. */
function feeds(server: HostileServer, removed: Actor, another: Actor): void {
  const seen = new Set<number>()
  server.entries((frame, to) => {
    const isOfGroup = frame.type === 'msg' || frame.type === 'commit' || frame.type === 'departed'
    if (isOfGroup && to.deviceId === another.deviceId && !seen.has(frame.seq)) {
      seen.add(frame.seq)
      queueMicrotask(() => server.add(removed, frame))
    }
    return undefined
  })
}

const later = 'said after the removal'

describe('a removed member', () => {
  it('whom the server shows everything, reads nothing; and nothing is encrypted to it', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const before = groupRecordsOf(carol, id)
    await alice.chat(id).remove('carol')
    await expect.poll(() => carol.chat(id).state, eventually).toBe('left')
    const until = messagesOf(server, id).length
    feeds(server, carol, bob)
    for (let index = 0; index < 5; index++) await alice.chat(id).send(`${later}, ${index}`)
    await arrives(`${later}, 4`, id, [bob])
    await bob.chat(id).send(`${later}, by bob`)
    await arrives(`${later}, by bob`, id, [alice])
    await alice.chat(id).setRole('bob', 'admin')
    await settled(id, [alice, bob], 2)
    await allTalk(id, [alice, bob])
    // Its own client shows nothing and can send nothing.
    expect(carol.texts()).toEqual(['first'])
    const history: (string | undefined)[] = []
    for await (const message of carol.chat(id).messages()) history.push(message.text)
    expect(history).toEqual(['first'])
    await expect(carol.chat(id).send('still here')).rejects.toMatchObject({ code: 'not_a_member' })
    // And with the state that it had, and the removing commit, no other client can either.
    const { engine } = await intruder('carol', carol.deviceId)
    const state = engine.loadGroup(before)
    const removal = server.log.find(
      ({ frame, to }) => frame.type === 'commit' && frame.removed.length > 0 && to.userId === 'bob',
    )!.frame
    if (removal.type !== 'commit') throw new Error('no commit')
    const after = await engine.process(state, fromBase64(removal.commit), nobodyMinds)
    expect(after).toMatchObject({ kind: 'commit', selfRemoved: true })
    const messages = messagesOf(server, id).slice(until)
    expect(messages.length).toBeGreaterThan(7)
    expect(await readable(engine, [state, after.state], messages)).toEqual([])
    // No leaf of it is in the tree that the others send by.
    for (const one of [alice, bob]) {
      const { leaves } = engine.loadGroup(groupRecordsOf(one, id))
      expect(leaves).toHaveLength(2)
      expect(membersOf(one, id)).toEqual(['alice', 'bob'])
    }
    nothingSeen(server, [later])
  })

  it('who is not shown its removal reads nothing either, and is told that there is something', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const before = groupRecordsOf(carol, id)
    server.entries((frame, to) => (frame.type === 'commit' && to.userId === 'carol' ? [] : undefined))
    await alice.chat(id).remove('carol')
    await settled(id, [alice, bob], 1)
    const until = messagesOf(server, id).length
    feeds(server, carol, bob)
    await alice.chat(id).send(later)
    await arrives(later, id, [bob])
    await expect.poll(() => carol.unreadable.map(({ reason }) => reason), eventually).toEqual(['future_epoch'])
    // It asks to come in again, and the server knows better.
    await expect.poll(() => carol.chat(id).state, eventually).toBe('left')
    expect(carol.texts()).toEqual(['first'])
    const { engine } = await intruder('carol', carol.deviceId)
    expect(await readable(engine, [engine.loadGroup(before)], messagesOf(server, id).slice(until))).toEqual([])
    await allTalk(id, [alice, bob])
  })

  it('can be read by nobody: what it sends by its old state is refused by the server, and unreadable if it is not', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const { engine } = await intruder('carol', carol.deviceId)
    const before = engine.loadGroup(groupRecordsOf(carol, id))
    await alice.chat(id).remove('carol')
    for (const role of ['admin', 'member', 'admin', 'member'] as const) await alice.chat(id).setRole('bob', role)
    await settled(id, [alice, bob], 5)
    const { message } = await engine.encrypt(before, new TextEncoder().encode('from the past'))
    const template = messagesOf(server, id)[0]!
    server.add(bob, { ...template, from: 'carol', fromDevice: carol.deviceId, ciphertext: base64(message) })
    await expect.poll(() => bob.unreadable.map(({ reason }) => reason), eventually).toEqual(['pruned_epoch'])
    await allTalk(id, [alice, bob])
  })

  it('who hears of its removal by a refusal first, reads what was sent before it all the same', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const held: EntryFrame[] = []
    const holds = server.entries((frame, to) => {
      if (to.userId !== 'carol' || frame.mailbox !== server.mailboxOf(id) || frame.type === 'own') return undefined
      held.push(frame)
      return []
    })
    await alice.chat(id).send('said before the removal')
    await arrives('said before the removal', id, [bob])
    await alice.chat(id).remove('carol')
    await expect.poll(() => held.some(({ type }) => type === 'commit'), eventually).toBe(true)
    const refused = await carol.chat(id).send('still here')
    const shown = async () => {
      for await (const message of carol.chat(id).messages()) if (message.id === refused.id) return message
      return undefined
    }
    await expect.poll(shown, eventually).toMatchObject({ status: 'failed', failure: 'not_a_member' })
    holds()
    server.add(carol, ...held)
    await expect.poll(() => carol.chat(id).state, eventually).toBe('left')
    expect(carol.texts()).toEqual(['first', 'said before the removal'])
    expect(carol.unreadable).toEqual([])
  })
})
