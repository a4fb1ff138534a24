import { describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { encodeClaim } from '../membership/claim.ts'
import type { Role } from '../membership/membership.ts'
import { encodeRoster } from '../membership/roster.ts'
import { claimOf } from '../membership/rules.ts'
import type { GroupState, LocalLeaf, MlsEngine } from '../mls/engine.ts'
import { createMlsEngine } from '../mls/ts-mls-engine.ts'
import { base64, fromBase64 } from '../sync/base64.ts'
import { mlsGroupId } from '../sync/conversation-state.ts'
import {
  type Actor,
  actor,
  allTalk,
  deviceRecordOf,
  eventually,
  groupOf,
  incidentOf,
  membersOf,
  settled,
} from './actors.suite.ts'
import { type HostileServer, startHostileServer } from './hostile-server.suite.ts'

/** T10, T14: groups that begin anew with others than they had. */

interface Begun {
  readonly engine: MlsEngine
  readonly state: GroupState
}

interface Claimed {
  readonly userId: string
  readonly deviceId: string
  readonly keyPackage: string
}

async function claimed(
  server: HostileServer,
  by: Actor,
  userIds: readonly string[],
  ciphersuite: number,
): Promise<readonly Claimed[]> {
  const { body } = await server.ask(by.userId, by.deviceId, 'POST', '/key-packages/claim', { userIds, ciphersuite })
  return (body as { keyPackages: Claimed[] }).keyPackages
}

/** A reset by this member, whose client stops being honest: with this roster, and Welcomes for these users. */
async function begins(
  server: HostileServer,
  groupId: string,
  by: Actor,
  members: Readonly<Record<string, Role>>,
  welcomed: readonly string[],
): Promise<Begun> {
  const record = deviceRecordOf(by)
  const { userId, deviceId } = by
  await by.sotto.close()
  const engine = await createMlsEngine({ clock: systemClock })
  const leaf: LocalLeaf = { keys: record.signature, credential: record.credential! }
  const { state } = await engine.createGroup(leaf, mlsGroupId(groupId, 1))
  const keyPackages = welcomed.length === 0 ? [] : await claimed(server, by, welcomed, engine.ciphersuite)
  const add = keyPackages.map((one) => ({ userId: one.userId, deviceId: one.deviceId }))
  const roster = { direct: false, members: new Map(Object.entries(members)) }
  const step = await engine.commit(state, {
    add: keyPackages.map(({ keyPackage }) => fromBase64(keyPackage)),
    remove: [],
    aad: encodeClaim(claimOf(roster, { by: { userId, deviceId }, add, remove: [], leave: [] }).claim),
    roster: encodeRoster(roster),
  })
  const { status } = await server.ask(userId, deviceId, 'POST', `/groups/${groupId}/reset`, {
    id: 'anew',
    generation: 1,
    commit: base64(step.commit),
    ...(step.welcome === undefined ? {} : { welcome: base64(step.welcome) }),
    welcomeTo: add,
    groupInfo: base64(step.groupInfo),
    add,
    left: [],
  })
  expect(status).toBe(201)
  return { engine, state: (await engine.adopt(step.pending, state)).state }
}

/** Alice owns it, carol is an admin. */
async function withAdmin(server: HostileServer): Promise<{ id: string; actors: [Actor, Actor, Actor] }> {
  const { id, actors } = await groupOf(server)
  await actors[0].chat(id).setRole('carol', 'admin')
  await settled(id, actors, 1)
  return { id, actors }
}

describe('an admin that begins a group anew', () => {
  it('with everybody lets them in', async () => {
    const server = await startHostileServer()
    const { id, actors } = await withAdmin(server)
    const [alice, bob, carol] = actors
    await begins(server, id, carol, { alice: 'owner', bob: 'member', carol: 'admin' }, ['alice', 'bob'])
    await expect.poll(() => [alice, bob].map((one) => one.sotto.find(id)?.toJSON().epoch), eventually).toEqual([1, 1])
    await allTalk(id, [alice, bob])
    expect(bob.kinds()).toEqual([])
  })

  it('without Welcomes lets them in from outside, also after the first of them', async () => {
    const server = await startHostileServer()
    const { id, actors } = await withAdmin(server)
    const [alice, bob, carol] = actors
    await begins(server, id, carol, { alice: 'owner', bob: 'member', carol: 'admin' }, [])
    await settled(id, [alice, bob], 2)
    await allTalk(id, [alice, bob])
  })

  it.each([['by a Welcome', ['bob']] as const, ['from outside', []] as const])(
    'without the owner lets nobody in %s',
    async (_, welcomed) => {
      const server = await startHostileServer()
      const { id, actors } = await withAdmin(server)
      const [, bob, carol] = actors
      await begins(server, id, carol, { bob: 'member', carol: 'admin' }, welcomed)
      if (welcomed.length > 0) expect((await incidentOf(bob, 'welcome_refused')).detail).toBe('alice is left out')
      expect((await incidentOf(bob, 'group_info_refused')).detail).toBe('alice is left out')
      expect(bob.chat(id).state).toBe('joining')
      expect(membersOf(bob, id)).toEqual(['alice', 'bob', 'carol'])
    },
  )

  it('and goes on without the owner before anybody has come in from outside, is refused', async () => {
    const server = await startHostileServer()
    const { id, actors } = await withAdmin(server)
    const [, bob, carol] = actors
    await bob.sotto.close()
    const { engine, state } = await begins(server, id, carol, { bob: 'member', carol: 'admin' }, [])
    const roster = {
      direct: false,
      members: new Map<string, Role>([
        ['bob', 'member'],
        ['carol', 'admin'],
      ]),
    }
    const { userId, deviceId } = carol
    const { claim } = claimOf(roster, { by: { userId, deviceId }, add: [], remove: [], leave: [] })
    const step = await engine.commit(state, { add: [], remove: [], aad: encodeClaim(claim), roster: encodeRoster(roster) })
    const { status } = await server.ask(userId, deviceId, 'POST', `/groups/${id}/commits`, {
      id: 'on',
      epoch: 1,
      commit: base64(step.commit),
      groupInfo: base64(step.groupInfo),
    })
    expect(status).toBe(201)
    const back = await bob.again()
    expect((await incidentOf(back, 'group_info_refused')).detail).toBe('alice is left out')
    expect(membersOf(back, id)).toEqual(['alice', 'bob', 'carol'])
  })
})

describe('a device that knows less than a removal', () => {
  it('restored from a copy, does not begin the group anew because the server lies about roles', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    const copy = await alice.storage.snapshot()
    await alice.chat(id).remove('carol')
    await settled(id, [alice, bob], 1)
    await allTalk(id, [alice, bob])
    await alice.sotto.close()
    const answered = server.answers(({ userId, method, path }) =>
      userId === 'alice' && method === 'GET' && path === `/groups/${id}`
        ? { status: 200, body: { groupId: id, protocol: 'mls', ownerId: 'bob', admins: [], members: ['alice', 'bob', 'carol'] } }
        : undefined,
    )
    const restored = await actor(server, 'alice', { storage: copy })
    expect((await incidentOf(restored, 'group_info_refused')).detail).toMatch('alice has a higher role')
    expect(restored.chat(id).state).not.toBe('broken')
    answered()
    await settled(id, [restored, bob], 2)
    await allTalk(id, [restored, bob])
    expect(membersOf(restored, id)).toEqual(['alice', 'bob'])
    expect(server.requests.filter(({ path }) => path === `/groups/${id}/reset`)).toEqual([])
  })
  it('because the server shows it a broken commit in its place, does not begin the group anew either', async () => {
    const server = await startHostileServer()
    const { id, actors } = await withAdmin(server)
    const [alice, bob, carol] = actors
    server.entries((frame, to) => (frame.type === 'commit' && to.userId === 'carol' ? [{ ...frame, commit: 'AAAA' }] : undefined))
    server.answers(({ userId, method, path }) =>
      userId === 'carol' && method === 'GET' && path === `/groups/${id}`
        ? { status: 200, body: { groupId: id, protocol: 'mls', ownerId: 'bob', admins: [], members: ['alice', 'bob', 'carol'] } }
        : undefined,
    )
    await alice.chat(id).remove('bob')
    await incidentOf(carol, 'commit_unreadable')
    expect((await incidentOf(carol, 'group_info_refused')).detail).toMatch('has a higher role')
    expect(carol.chat(id).state).not.toBe('broken')
    server.becomeHonest()
    await settled(id, [alice, carol], 2)
    await allTalk(id, [alice, carol])
    expect(membersOf(carol, id)).toEqual(['alice', 'carol'])
    expect(server.requests.filter(({ path }) => path === `/groups/${id}/reset`)).toEqual([])
    expect(bob.chat(id).state).toBe('left')
  })
})
