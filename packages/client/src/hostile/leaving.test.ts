import { describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { encodeClaim } from '../membership/claim.ts'
import { encodeGoodbye, type Goodbye } from '../membership/goodbye.ts'
import { encodeRoster } from '../membership/roster.ts'
import { claimOf } from '../membership/rules.ts'
import { createMlsEngine } from '../mls/ts-mls-engine.ts'
import { base64 } from '../sync/base64.ts'
import type { ConversationState } from '../sync/conversation-state.ts'
import { namedBy } from '../sync/leaves.ts'
import { unpackConversation } from '../sync/records.ts'
import type { EntryFrame } from '../transport/transport.ts'
import {
  type Actor,
  actor,
  allTalk,
  eventually,
  groupOf,
  groupRecordsOf,
  incidentOf,
  membersOf,
  settled,
} from './actors.suite.ts'
import { type HostileServer, startHostileServer } from './hostile-server.suite.ts'
import { commitEntry, messagesOf } from './intruder.suite.ts'

/** T6: that somebody leaves is for that somebody to say, not for the server. */

/** Alice owns it; the others are plain members. */
async function fourOf(server: HostileServer): Promise<{ id: string; actors: [Actor, Actor, Actor, Actor] }> {
  const { id, actors } = await groupOf(server)
  const dave = await actor(server, 'dave')
  await actors[0].chat(id).add(['dave'])
  await settled(id, [...actors, dave])
  return { id, actors: [...actors, dave] }
}

function keptBy({ storage }: Actor, groupId: string): ConversationState {
  return unpackConversation(storage.values.get(JSON.stringify(['conversations', groupId]))!)
}

const departed = (server: HostileServer, groupId: string, userId: string): Extract<EntryFrame, { type: 'departed' }> => ({
  type: 'departed',
  mailbox: messagesOf(server, groupId)[0]!.mailbox,
  seq: 1,
  receivedAt: systemClock.now(),
  groupId,
  userId,
})

/** Whoever adds the user gets the key package that is never used up. */
function handsOutLastResort(server: HostileServer, userId: string): void {
  server.answers(async ({ method, path }, forward) => {
    if (method !== 'POST' || path !== '/key-packages/claim') return undefined
    const uploads = server.requests.filter((one) => one.userId === userId && one.path === '/key-packages')
    const bodies = uploads.map(({ body }) => body as { readonly lastResort?: string })
    const lastResort = bodies.find((body) => body.lastResort !== undefined)?.lastResort
    const answer = await forward()
    const body = answer.body as { readonly keyPackages: readonly { readonly userId: string }[] }
    const keyPackages = body.keyPackages.map((one) =>
      one.userId === userId ? { ...one, keyPackage: lastResort, lastResort: true } : one,
    )
    return { ...answer, body: { ...body, keyPackages } }
  })
}

/** A commit by which a plain member throws another one out, in the form of one that has a reason. */
async function throwingOut(
  server: HostileServer,
  groupId: string,
  by: Actor,
  victim: Actor,
  goodbyes: readonly Goodbye[],
): Promise<EntryFrame> {
  const engine = await createMlsEngine({ clock: systemClock })
  const state = engine.loadGroup(groupRecordsOf(by, groupId))
  const { userId, deviceId } = by
  const gone = { userId: victim.userId, deviceId: victim.deviceId }
  const { claim, roster } = claimOf(keptBy(by, groupId).roster, {
    by: { userId, deviceId },
    add: [],
    remove: [gone],
    leave: [victim.userId],
    goodbyes,
  })
  const { index } = state.leaves.find((leaf) => namedBy(leaf)?.userId === victim.userId)!
  const step = await engine.commit(state, { add: [], remove: [index], aad: encodeClaim(claim), roster: encodeRoster(roster) })
  const commit = base64(step.commit)
  return commitEntry(server, groupId, { commit, epoch: state.epoch, from: userId, fromDevice: deviceId, removed: [gone] })
}

describe('a plain member that removes another', () => {
  it('with the server, which says that this one has departed, is refused by who has come in a moment ago', async () => {
    const server = await startHostileServer()
    const { id, actors } = await fourOf(server)
    const [alice, bob, carol, dave] = actors
    server.add(dave, departed(server, id, 'carol'), await throwingOut(server, id, bob, carol, []))
    expect(await incidentOf(dave, 'commit_refused')).toMatchObject({ conversationId: id })
    expect(membersOf(dave, id)).toContain('carol')
    // The honest server knows of nobody who is gone.
    server.cut('dave')
    await alice.chat(id).setRole('bob', 'admin')
    await settled(id, actors, 2)
    await allTalk(id, actors)
  })

  it('by its goodbye of an earlier time, is refused', async () => {
    const server = await startHostileServer()
    const { id, actors } = await fourOf(server)
    const [alice, bob, carol, dave] = actors
    await carol.chat(id).leave()
    await settled(id, [alice, bob, dave], 2)
    const { goodbyes = [] } = keptBy(bob, id)
    expect(goodbyes).toMatchObject([{ userId: 'carol' }])
    await alice.chat(id).add(['carol'])
    await settled(id, actors, 3)
    server.add(dave, await throwingOut(server, id, bob, carol, goodbyes))
    await incidentOf(dave, 'commit_refused')
    expect(membersOf(dave, id)).toContain('carol')
  })

  it('by its goodbye of an earlier time, is refused also where the server lets it in with the same key package twice', async () => {
    const server = await startHostileServer()
    handsOutLastResort(server, 'carol')
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const departures: EntryFrame[] = []
    server.entries((frame) => {
      if (frame.type === 'departed') departures.push(frame)
      return undefined
    })
    await carol.chat(id).leave()
    for (const one of [alice, bob]) await expect.poll(() => membersOf(one, id), eventually).toEqual(['alice', 'bob'])
    await alice.chat(id).add(['carol'])
    await settled(id, actors)
    const states: string[] = []
    carol.sotto.on('conversation', ({ state }) => void states.push(state))
    server.add(alice, departures[0]!)
    // Taken out by the owner on the server's word, it comes back: a member all the time.
    await expect.poll(() => states, eventually).toContain('joining')
    await settled(id, actors)
    expect(states).not.toContain('left')
    for (const one of actors) expect(membersOf(one, id)).toEqual(['alice', 'bob', 'carol'])
    await allTalk(id, actors)
  })

  it('by a goodbye that the server has made up, is refused', async () => {
    const server = await startHostileServer()
    const { id, actors } = await fourOf(server)
    const [alice, bob, , dave] = actors
    const { deviceId } = dave
    const made = [
      { deviceId, signature: new Uint8Array(64) },
      { deviceId: 'elsewhere', signature: new Uint8Array(64) },
    ].map((goodbye) => base64(encodeGoodbye(goodbye)))
    for (const goodbye of [...made, 'bm8=', '***']) server.add(bob, { ...departed(server, id, 'dave'), goodbye })
    await expect.poll(() => keptBy(bob, id).departed.length, eventually).toBeGreaterThan(0)
    expect(keptBy(bob, id)).toMatchObject({ leaving: [] })
    server.cut('bob')
    await alice.chat(id).setRole('carol', 'admin')
    await settled(id, actors, 2)
    await allTalk(id, actors)
  })

  it('because it has said goodbye is believed by who has not heard it', async () => {
    const server = await startHostileServer()
    const { id, actors } = await fourOf(server)
    const [alice, bob, carol, dave] = actors
    for (let times = 0; times < 5; times++) {
      await alice.chat(id).setRole('bob', 'admin')
      await alice.chat(id).setRole('bob', 'member')
    }
    await settled(id, actors, 11)
    await alice.sotto.close()
    server.entries((frame, to) =>
      frame.type === 'departed' && to.userId === 'dave'
        ? [{ type: 'gone', mailbox: frame.mailbox, from: frame.seq, to: frame.seq, reason: 'limit' }]
        : undefined,
    )
    await carol.chat(id).leave()
    for (const one of [bob, dave]) await expect.poll(() => membersOf(one, id), eventually).toEqual(['alice', 'bob', 'dave'])
    await allTalk(id, [bob, dave])
    expect(dave.kinds()).not.toContain('commit_refused')
  })
})

describe('a user of whom the server says that it has departed', () => {
  it('and who has not, is taken out by the owner and comes back: it is a member all the time', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const states: string[] = []
    carol.sotto.on('conversation', ({ state }) => void states.push(state))
    server.add(alice, departed(server, id, 'carol'))
    await expect.poll(() => states, eventually).toContain('joining')
    expect(membersOf(bob, id)).toEqual(['alice', 'bob', 'carol'])
    await settled(id, actors, 2)
    expect(states).not.toContain('left')
    await allTalk(id, actors)
  })

  it('and who has not, stays a member when the owner begins the group anew', async () => {
    const server = await startHostileServer()
    const { id, actors } = await fourOf(server)
    const [alice, bob, carol] = actors
    server.add(alice, departed(server, id, 'carol'), await throwingOut(server, id, bob, carol, []))
    await incidentOf(alice, 'commit_refused')
    await expect.poll(() => alice.chat(id).state, eventually).toBe('active')
    await settled(id, actors)
    for (const one of actors) expect(membersOf(one, id)).toEqual(['alice', 'bob', 'carol', 'dave'])
    await allTalk(id, actors)
  })

  it('and who has said so, but not to the owner, is no member any more once an admin comes who has heard it', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    await alice.chat(id).setRole('bob', 'admin')
    await settled(id, actors, 1)
    await bob.sotto.close()
    server.entries((frame, to) => {
      if (frame.type !== 'departed' || to.userId !== 'alice') return undefined
      const { goodbye: _, ...bare } = frame
      return [bare]
    })
    await carol.chat(id).leave()
    await settled(id, [alice], 2)
    expect(membersOf(alice, id)).toContain('carol')
    const back = await bob.again()
    for (const one of [alice, back]) await expect.poll(() => membersOf(one, id), eventually).toEqual(['alice', 'bob'])
    await allTalk(id, [alice, back])
  })

  it('and who has gone without a word, is written to no more, and removed for good by the owner’s own will', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    const { status } = await server.ask('carol', actors[2].deviceId, 'DELETE', `/groups/${id}/members/carol`)
    expect(status).toBe(200)
    await settled(id, [alice, bob], 1)
    await allTalk(id, [alice, bob])
    expect(membersOf(bob, id)).toContain('carol')
    // Who is added again comes in again.
    await alice.chat(id).add(['carol'])
    await settled(id, actors, 2)
    await allTalk(id, actors)
    await alice.chat(id).remove('carol')
    await expect.poll(() => membersOf(bob, id), eventually).toEqual(['alice', 'bob'])
    await allTalk(id, [alice, bob])
  })

  it('and whose last device went before, is in nobody’s way', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const { deviceId } = carol
    await carol.sotto.close()
    await server.ask('carol', deviceId, 'DELETE', `/devices/${deviceId}`)
    await settled(id, [alice, bob], 1)
    expect(membersOf(alice, id)).toContain('carol')
    const { status } = await server.ask('carol', 'another', 'DELETE', `/groups/${id}/members/carol`)
    expect(status).toBe(200)
    await allTalk(id, [alice, bob])
  })

  it('and who has gone without a word, does not keep the owner from beginning the group anew', async () => {
    const server = await startHostileServer()
    const { id, actors } = await fourOf(server)
    const [alice, bob, carol, dave] = actors
    const { status } = await server.ask('carol', carol.deviceId, 'DELETE', `/groups/${id}/members/carol`)
    expect(status).toBe(200)
    const here = [alice, bob, dave]
    await settled(id, here, 2)
    server.add(alice, await throwingOut(server, id, bob, dave, []))
    await incidentOf(alice, 'commit_refused')
    const anew = () => server.requests.filter(({ path }) => path === `/groups/${id}/reset`).length
    await expect.poll(anew, eventually).toBe(1)
    await allTalk(id, here)
    expect(anew()).toBe(1)
    for (const one of here) expect(membersOf(one, id)).toEqual(['alice', 'bob', 'carol', 'dave'])
    await alice.chat(id).remove('carol')
    for (const one of here) await expect.poll(() => membersOf(one, id), eventually).toEqual(['alice', 'bob', 'dave'])
    await allTalk(id, here)
  })

  it('and whose account is erased, is removed by whoever is there', async () => {
    const server = await startHostileServer()
    const { id, actors } = await fourOf(server)
    const [alice, bob, carol, dave] = actors
    await alice.sotto.close()
    await carol.sotto.close()
    const { status } = await server.ask('carol', carol.deviceId, 'DELETE', '/account')
    expect(status).toBeLessThan(300)
    for (const one of [bob, dave]) await expect.poll(() => membersOf(one, id), eventually).toEqual(['alice', 'bob', 'dave'])
    await allTalk(id, [bob, dave])
  })
})
