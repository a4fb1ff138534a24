import { describe, expect, it } from 'vitest'
import { base64 } from '../sync/base64.ts'
import type { EntryFrame } from '../transport/transport.ts'
import {
  type Actor,
  actor,
  allTalk,
  arrives,
  deviceRecordOf,
  eventually,
  groupOf,
  groupRecordsOf,
  incidentOf,
  membersOf,
  nothingSeen,
  pairOf,
  settled,
} from './actors.suite.ts'
import { type HostileServer, startHostileServer } from './hostile-server.suite.ts'
import { breakIn, commitEntry, groupInfoOf, intruder, messagesOf, readable } from './intruder.suite.ts'

/** T8 to T10, T14: commits that are withheld, refused or taken and forgotten, and GroupInfos that are not the group's. */

const problem = (status: number, code: string, more: object = {}) => ({
  status,
  body: { type: `urn:sotto:${code}`, title: code, status, code, detail: code, ...more },
})

const isCommitTo = (groupId: string, path: string, method: string) => method === 'POST' && path === `/groups/${groupId}/commits`

/** Something that makes the device try once more at once. */
function nudge(server: HostileServer, groupId: string, one: Actor): void {
  server.add(one, { type: 'own', mailbox: server.mailboxOf(groupId), seq: 1, id: crypto.randomUUID(), receivedAt: 1 })
}

/** A commit that does not verify, after which the device wants to come in from outside. */
function showTornCommit(server: HostileServer, groupId: string, to: Actor, from: Actor): void {
  const { epoch } = to.chat(groupId).toJSON()
  server.add(
    to,
    commitEntry(server, groupId, { commit: 'AAEAAQ==', epoch: epoch!, from: from.userId, fromDevice: from.deviceId }),
  )
}

describe('a commit that is withheld from one member', () => {
  it('by closing its number up: the next message is of the future, and the device joins anew', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    server.entries((frame, to) => (frame.type === 'commit' && to.userId === 'bob' ? [] : undefined))
    await alice.chat(id).setRole('carol', 'admin')
    await alice.chat(id).send('too early for bob')
    await expect.poll(() => bob.unreadable.map(({ reason }) => reason), eventually).toEqual(['future_epoch'])
    server.becomeHonest()
    await settled(id, actors, 2)
    await allTalk(id, actors)
    expect(bob.chat(id).members.find(({ userId }) => userId === 'carol')?.role).toBe('admin')
  })

  it('by saying that it is gone: missing, and then the same', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    server.entries((frame, to) =>
      frame.type === 'commit' && to.userId === 'bob'
        ? [{ type: 'gone', mailbox: frame.mailbox, from: frame.seq, to: frame.seq, reason: 'notMember' }]
        : undefined,
    )
    await alice.chat(id).setRole('carol', 'admin')
    expect((await incidentOf(bob, 'entries_missing')).detail).toContain('notMember')
    await alice.chat(id).send('too early for bob')
    await expect.poll(() => bob.unreadable.map(({ reason }) => reason), eventually).toEqual(['future_epoch'])
    server.becomeHonest()
    await settled(id, actors, 2)
    await allTalk(id, actors)
  })

  it('with everything after it: nobody is deceived, only kept waiting', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    server.entries((_, to) => (to.userId === 'bob' ? 'hole' : undefined))
    await alice.chat(id).setRole('carol', 'admin')
    await alice.chat(id).send('not for bob now')
    await arrives('not for bob now', id, [carol])
    server.becomeHonest()
    server.cut('bob')
    await arrives('not for bob now', id, [bob])
    await allTalk(id, actors)
    expect(bob.incidents).toEqual([])
  })
})

describe('a GroupInfo', () => {
  it('of an epoch before a removal brings nobody back to it, though the server takes the commit', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const stale = await groupInfoOf(server, alice, id)
    const before = groupRecordsOf(carol, id)
    await alice.chat(id).remove('carol')
    await settled(id, [alice, bob], stale.epoch)
    // Everything that the server says beside it is of now.
    const now = await groupInfoOf(server, alice, id)
    server.answers(({ userId, path, method, body }) => {
      if (userId !== 'bob') return undefined
      if (path === `/groups/${id}/group-info`)
        return { status: 200, body: { ...now, groupInfo: stale.groupInfo, epoch: stale.epoch } }
      if (!isCommitTo(id, path, method)) return undefined
      const { id: requestId } = body as { id: string }
      const { mailbox } = now
      const answer = { groupId: id, mailbox, seq: now.seq + 50, generation: 0, epoch: stale.epoch + 1, receivedAt: 1 }
      server.add(bob, { type: 'own', mailbox, seq: 1, id: requestId, receivedAt: 1 })
      return { status: 201, body: answer }
    })
    showTornCommit(server, id, bob, alice)
    await incidentOf(bob, 'commit_unreadable')
    expect(await incidentOf(bob, 'group_info_refused')).toMatchObject({ conversationId: id })
    const waiting = await bob.chat(id).send('carol must not read this')
    expect(server.requests.filter(({ userId, path, method }) => userId === 'bob' && isCommitTo(id, path, method))).toEqual([])
    expect(waiting.status).toBe('queued')
    server.becomeHonest()
    nudge(server, id, bob)
    await arrives('carol must not read this', id, [alice])
    await allTalk(id, [alice, bob])
    const thief = await intruder('carol', carol.deviceId)
    const state = thief.engine.loadGroup(before)
    const later = messagesOf(server, id).filter(({ seq }) => seq > now.seq)
    expect(later.length).toBeGreaterThan(2)
    expect(await readable(thief.engine, [state], later)).toEqual([])
    nothingSeen(server, ['carol must not read this'])
  })

  it('and neither after the server has said that the device was removed', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    const stale = await groupInfoOf(server, alice, id)
    await alice.chat(id).remove('carol')
    await settled(id, [alice, bob], stale.epoch)
    const now = await groupInfoOf(server, alice, id)
    server.answers(({ userId, path }) =>
      userId === 'bob' && path === `/groups/${id}/group-info`
        ? { status: 200, body: { ...now, groupInfo: stale.groupInfo, epoch: stale.epoch } }
        : undefined,
    )
    const { mailbox, receivedAt } = messagesOf(server, id)[0]!
    server.add(bob, { type: 'departed', mailbox, seq: 1, receivedAt, groupId: id, userId: 'bob' })
    await incidentOf(bob, 'group_info_refused')
    server.becomeHonest()
    await settled(id, [alice, bob], now.epoch)
    expect(membersOf(bob, id)).toEqual(['alice', 'bob'])
    await allTalk(id, [alice, bob])
  })

  it.each([
    ['of another group', (own: object, other: object) => ({ ...other, mailbox: (own as { mailbox: string }).mailbox })],
    ['of another epoch than the server says', (own: object) => ({ ...own, epoch: (own as { epoch: number }).epoch + 1 })],
    ['that is none', (own: object) => ({ ...own, groupInfo: 'AAEAAQ==' })],
    ['with a bit changed', (own: object) => ({ ...own, groupInfo: spoilt((own as { groupInfo: string }).groupInfo) })],
  ])('%s is refused, and the honest one brings the device back', async (_, change) => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const team = await alice.sotto.createGroup({ members: ['bob'] })
    await team.send('to the team')
    await arrives('to the team', team.id, [bob])
    const [own, other] = await Promise.all([groupInfoOf(server, bob, id), groupInfoOf(server, bob, team.id)])
    server.answers(({ userId, path }) =>
      userId === 'bob' && path === `/groups/${id}/group-info` ? { status: 200, body: change(own, other) } : undefined,
    )
    showTornCommit(server, id, bob, alice)
    await incidentOf(bob, 'group_info_refused')
    server.becomeHonest()
    nudge(server, id, bob)
    await settled(id, [alice, bob], own.epoch)
    await allTalk(id, [alice, bob])
    await allTalk(team.id, [alice, bob])
  })

  it('in which a ghost stands is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const ghost = await intruder('alice', 'ghost')
    const own = await groupInfoOf(server, bob, id)
    const broken = await breakIn(ghost, own.groupInfo)
    server.answers(({ userId, path }) =>
      userId === 'bob' && path === `/groups/${id}/group-info`
        ? { status: 200, body: { ...own, groupInfo: base64(broken.groupInfo), epoch: own.epoch + 1 } }
        : undefined,
    )
    showTornCommit(server, id, bob, alice)
    await incidentOf(bob, 'group_info_refused')
    server.becomeHonest()
    nudge(server, id, bob)
    await settled(id, [alice, bob], own.epoch)
    await allTalk(id, [alice, bob])
    expect(await readable(ghost.engine, [broken.state], messagesOf(server, id))).toEqual([])
  })

  it('withheld from a member keeps it out, visibly', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    server.answers(({ userId, path }) =>
      userId === 'bob' && path === `/groups/${id}/group-info` ? problem(403, 'not_member') : undefined,
    )
    showTornCommit(server, id, bob, alice)
    await expect.poll(() => bob.chat(id).state, eventually).toBe('left')
    await expect(bob.chat(id).send('nowhere')).rejects.toMatchObject({ code: 'not_a_member' })
  })
})

describe('a server that decides commits as it likes', () => {
  it('refuses every one as too late, with a place that nobody reaches: once it is honest, the change is made', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    let refused = 0
    server.answers(({ path, method }) => {
      if (!isCommitTo(id, path, method)) return undefined
      refused += 1
      return problem(409, 'stale_epoch', { epoch: 99, seq: 1_000_000, generation: 0 })
    })
    const removing = alice.chat(id).remove('carol')
    await expect.poll(() => refused, eventually).toBeGreaterThan(0)
    await bob.chat(id).send('goes on')
    await arrives('goes on', id, [alice, carol])
    server.becomeHonest()
    await removing
    await settled(id, [alice, bob], 1)
    await allTalk(id, [alice, bob])
  })

  it('refuses every message as too late: no key is spent on its word, and once it is honest, all arrive', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    server.answers(({ path, method }) =>
      method === 'POST' && path === '/messages' ? problem(409, 'stale_epoch', { epoch: 99, seq: 1, generation: 0 }) : undefined,
    )
    await alice.sotto.close()
    const back = await actor(server, 'alice', { storage: alice.storage, connection: 'poll' })
    const sent = await back.chat(id).send('one')
    await back.chat(id).send('two')
    const asked = () =>
      server.requests.filter(({ path, method }) => method === 'POST' && path === '/messages').map(({ body }) => body)
    await expect.poll(() => asked().length, eventually).toBeGreaterThan(3)
    const ciphertexts = new Set(asked().map((body) => (body as { ciphertext: string }).ciphertext))
    expect(ciphertexts.size).toBe(2)
    expect(sent.status).toBe('queued')
    server.becomeHonest()
    await arrives('one', id, [bob])
    await arrives('two', id, [bob])
    await allTalk(id, [back, bob])
  })

  it('takes one, and never shows it to who made it: the device joins anew', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    const end = server.entries((frame, to) => {
      if (frame.type !== 'own' || to.userId !== 'alice') return undefined
      end()
      return [{ type: 'gone', mailbox: frame.mailbox, from: frame.seq, to: frame.seq, reason: 'limit' }]
    })
    const adding = alice.chat(id).setRole('bob', 'admin')
    await incidentOf(alice, 'entries_missing')
    await adding
    await settled(id, actors, 2)
    await allTalk(id, actors)
    expect(bob.chat(id).members.find(({ userId }) => userId === 'bob')?.role).toBe('admin')
  })

  it('takes one, and lets it vanish: the number that it gave is passed, and the change is made again', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    const { mailbox } = messagesOf(server, id)[0]!
    let taken = 0
    server.answers(({ path, method, body }) => {
      if (!isCommitTo(id, path, method) || taken > 0) return undefined
      taken += 1
      const { epoch } = body as { epoch: number }
      return { status: 201, body: { groupId: id, mailbox, seq: 3, generation: 0, epoch: epoch + 1, receivedAt: 1 } }
    })
    const change = alice.chat(id).setRole('bob', 'admin')
    await expect.poll(() => taken, eventually).toBe(1)
    await bob.chat(id).send('one')
    await bob.chat(id).send('two')
    await change
    await incidentOf(alice, 'entries_missing')
    await settled(id, actors, 1)
    await allTalk(id, actors)
  })

  it('refuses with what no server says: the caller is told', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice] = actors
    server.answers(({ path, method }) => (isCommitTo(id, path, method) ? problem(403, 'forbidden') : undefined))
    await expect(alice.chat(id).remove('carol')).rejects.toMatchObject({ code: 'forbidden' })
    server.becomeHonest()
    await alice.chat(id).remove('carol')
    await allTalk(id, actors.slice(0, 2))
  })
})

/** Somebody who was removed, and whom the server lets in again: the others do not. */
it('a removed member who comes in from outside is refused by all who stay', async () => {
  const server = await startHostileServer()
  const { id, actors } = await groupOf(server)
  const [alice, bob, carol] = actors
  await alice.chat(id).remove('carol')
  await expect.poll(() => carol.chat(id).state, eventually).toBe('left')
  await settled(id, [alice, bob], 1)
  const info = await groupInfoOf(server, alice, id)
  // With everything that Carol holds, and everything that the server has.
  const thief = await intruder('carol', carol.deviceId)
  const { signature, credential } = deviceRecordOf(carol)
  const leaf = { keys: signature, credential: credential! }
  const step = await breakIn({ engine: thief.engine, leaf, userId: 'carol', deviceId: carol.deviceId }, info.groupInfo)
  const entry: EntryFrame = commitEntry(server, id, {
    commit: base64(step.commit),
    epoch: info.epoch,
    from: 'carol',
    fromDevice: carol.deviceId,
    added: [{ userId: 'carol', deviceId: carol.deviceId }],
    external: true,
  })
  for (const one of [alice, bob]) server.add(one, entry)
  for (const one of [alice, bob]) await incidentOf(one, 'commit_refused')
  await settled(id, [alice, bob])
  await allTalk(id, [alice, bob])
  expect(await readable(thief.engine, [step.state], messagesOf(server, id))).toEqual([])
  expect(carol.texts()).toEqual(['first'])
})

function spoilt(text: string): string {
  const bytes = Buffer.from(text, 'base64')
  bytes[bytes.length >> 1]! ^= 1
  return bytes.toString('base64')
}
