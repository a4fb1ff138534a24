import { describe, expect, it } from 'vitest'
import { base64, fromBase64 } from '../sync/base64.ts'
import type { EntryFrame } from '../transport/transport.ts'
import {
  type Actor,
  actor,
  allAre,
  allTalk,
  arrives,
  eventually,
  groupOf,
  incidentOf,
  membersOf,
  nothingSeen,
  pairOf,
  settled,
} from './actors.suite.ts'
import { type HostileServer, startHostileServer } from './hostile-server.suite.ts'
import { breakIn, commitEntry, groupInfoOf, intruder, messagesOf, readable } from './intruder.suite.ts'

/** T6: a server that adds members, or takes them out. */

type Commit = Extract<EntryFrame, { readonly type: 'commit' }>

/** The server knows this user too: it says what it likes of whom it made up. */
function knows(server: HostileServer, { userId, signedList }: Awaited<ReturnType<typeof intruder>>): void {
  server.answers(({ path }) => (path === `/identity/${userId}` ? { status: 200, body: { userId, ...signedList } } : undefined))
}

/** A commit by which the intruder comes in, shown to these. */
async function showBreakIn(
  server: HostileServer,
  groupId: string,
  mallory: Awaited<ReturnType<typeof intruder>>,
  victims: readonly Actor[],
) {
  const { groupInfo, epoch } = await groupInfoOf(server, victims[0]!, groupId)
  const step = await breakIn(mallory, groupInfo)
  const { userId, deviceId } = mallory
  const entry = commitEntry(server, groupId, {
    commit: base64(step.commit),
    epoch,
    from: userId,
    fromDevice: deviceId,
    added: [{ userId, deviceId }],
    external: true,
  })
  for (const victim of victims) server.add(victim, entry)
  return step
}

describe('a commit of the server’s own', () => {
  it('by a user of its own is refused by all; the owner begins anew, and the intruder reads nothing', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const mallory = await intruder('mallory', 'm')
    knows(server, mallory)
    const { state } = await showBreakIn(server, id, mallory, actors)
    for (const one of actors) {
      expect(await incidentOf(one, 'commit_refused')).toMatchObject({ conversationId: id })
      expect(membersOf(one, id)).toEqual(['alice', 'bob', 'carol'])
    }
    await allAre('active', id, actors)
    await allTalk(id, actors)
    expect(await readable(mallory.engine, [state], messagesOf(server, id))).toEqual([])
    nothingSeen(server, ['is here'])
  })

  it('under the name of a member, by a key that its user never vouched for, is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const ghost = await intruder('bob', 'ghost')
    const { state } = await showBreakIn(server, id, ghost, [alice])
    await incidentOf(alice, 'commit_refused')
    await allAre('active', id, [alice, bob])
    await allTalk(id, [alice, bob])
    expect(await readable(ghost.engine, [state], messagesOf(server, id))).toEqual([])
  })

  it('shown to a plain member alone blocks it from sending, not from reading, until the group goes on', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const mallory = await intruder('mallory', 'm')
    knows(server, mallory)
    await showBreakIn(server, id, mallory, [carol])
    await incidentOf(carol, 'commit_refused')
    await allAre('broken', id, [carol])
    server.becomeHonest()
    const waiting = await carol.chat(id).send('waits')
    await alice.chat(id).send('carol reads on')
    await arrives('carol reads on', id, [bob, carol])
    expect(waiting.status).toBe('queued')
    await alice.chat(id).setRole('bob', 'admin')
    await allAre('active', id, actors)
    await arrives('waits', id, [alice, bob])
    await allTalk(id, actors)
  })

  it('whose update path is torn is unreadable: the device joins anew', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    const torn = server.entries((frame, to) => {
      if (frame.type !== 'commit' || to.userId !== 'bob') return undefined
      torn()
      const bytes = fromBase64(frame.commit)
      bytes[bytes.length - 40]! ^= 1
      return [{ ...frame, commit: base64(bytes) }]
    })
    await alice.chat(id).setRole('carol', 'admin')
    await incidentOf(bob, 'commit_unreadable')
    await settled(id, actors, 2)
    await allTalk(id, actors)
  })
})

describe('what the server says of a commit', () => {
  it('an added member that the commit does not add is told, and is not one', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    server.entries((frame, to) =>
      frame.type === 'commit' && to.userId === 'bob'
        ? [{ ...frame, added: [{ userId: 'mallory', deviceId: 'm' }], roles: { mallory: 'owner' } }]
        : undefined,
    )
    await alice.chat(id).setRole('carol', 'admin')
    expect(await incidentOf(bob, 'commit_differs')).toMatchObject({ conversationId: id })
    expect(membersOf(bob, id)).toEqual(['alice', 'bob', 'carol'])
    server.becomeHonest()
    await allTalk(id, actors)
  })

  it('another committer than the signature’s is told; the signature decides what is permitted', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    server.entries((frame, to) =>
      frame.type === 'commit' && to.userId === 'bob' ? [{ ...frame, from: 'carol', fromDevice: carol.deviceId }] : undefined,
    )
    await alice.chat(id).setRole('carol', 'admin')
    expect(await incidentOf(bob, 'sender_mismatch')).toMatchObject({ conversationId: id, userId: 'alice' })
    server.becomeHonest()
    await allTalk(id, actors)
  })

  it('the commit that added somebody, shown again after the removal, adds nobody', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    const dave = await actor(server, 'dave')
    await alice.chat(id).add(['dave'])
    await expect.poll(() => dave.sotto.find(id)?.state, eventually).toBe('active')
    await alice.chat(id).remove('dave')
    await expect.poll(() => membersOf(bob, id), eventually).toEqual(['alice', 'bob', 'carol'])
    const added = server.log.find(
      ({ frame, to }) => frame.type === 'commit' && to.userId === 'bob' && frame.added.some(({ userId }) => userId === 'dave'),
    )!.frame as Commit
    server.add(bob, added)
    await incidentOf(bob, 'replayed')
    expect(membersOf(bob, id)).toEqual(['alice', 'bob', 'carol'])
    // Under the number of the present epoch.
    const epoch = bob.chat(id).toJSON().epoch!
    server.add(bob, { ...added, epoch })
    await incidentOf(bob, 'commit_unreadable')
    await settled(id, actors, epoch)
    await allTalk(id, actors)
    expect(membersOf(bob, id)).toEqual(['alice', 'bob', 'carol'])
    expect(dave.texts()).toEqual([])
  })

  it('a commit of a later generation that nobody made takes nothing away', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    server.add(
      bob,
      commitEntry(server, id, { commit: 'AAEAAQ==', epoch: 0, generation: 7, from: 'alice', fromDevice: alice.deviceId }),
    )
    await settled(id, actors, 1)
    await allTalk(id, actors)
  })
})

describe('members that the server takes out', () => {
  it('a member who is told that it was removed asks, and comes back', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [, bob] = actors
    const [{ mailbox, receivedAt }] = messagesOf(server, id) as [EntryFrame & { receivedAt: number }]
    const states: string[] = []
    bob.sotto.on('conversation', ({ state }) => void states.push(state))
    server.add(bob, { type: 'membership', mailbox, seq: 1, receivedAt, groupId: id, by: 'alice', added: [], removed: ['bob'] })
    await expect.poll(() => states, eventually).toContain('left')
    await settled(id, actors, 1)
    await allTalk(id, actors)
  })

  it('a device that is told that it has departed asks, and comes back', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [, bob] = actors
    const { mailbox, receivedAt } = messagesOf(server, id)[0]!
    const states: string[] = []
    bob.sotto.on('conversation', ({ state }) => void states.push(state))
    server.add(bob, { type: 'departed', mailbox, seq: 1, receivedAt, groupId: id, userId: 'bob', deviceId: bob.deviceId })
    await expect.poll(() => states, eventually).toContain('left')
    await settled(id, actors, 1)
    await allTalk(id, actors)
  })

  it('a plain member removes nobody because the server says that somebody is gone', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const { mailbox, receivedAt } = messagesOf(server, id)[0]!
    const gone = { type: 'departed', mailbox, seq: 1, receivedAt, groupId: id, userId: 'carol' } as const
    server.add(bob, gone, { ...gone, deviceId: carol.deviceId })
    expect(await incidentOf(bob, 'departure_unproven')).toMatchObject({ conversationId: id, userId: 'carol' })
    const waiting = await bob.chat(id).send('waits')
    await alice.chat(id).send('goes on')
    await arrives('goes on', id, [bob, carol])
    expect(waiting.status).toBe('queued')
    expect(server.requests.filter(({ userId, path }) => userId === 'bob' && path === `/groups/${id}/commits`)).toEqual([])
    // The honest server knows of nobody who is gone.
    server.cut('bob')
    await arrives('waits', id, [alice, carol])
    expect(membersOf(bob, id)).toEqual(['alice', 'bob', 'carol'])
    await allTalk(id, actors)
  })
})
