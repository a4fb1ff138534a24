import { describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { encodeClaim } from '../membership/claim.ts'
import type { Role } from '../membership/membership.ts'
import { encodeRoster } from '../membership/roster.ts'
import { claimOf } from '../membership/rules.ts'
import { createMlsEngine } from '../mls/ts-mls-engine.ts'
import { base64 } from '../sync/base64.ts'
import { unpackConversation } from '../sync/records.ts'
import { type Actor, actor, allTalk, eventually, groupOf, groupRecordsOf, incidentOf, settled } from './actors.suite.ts'
import { type HostileServer, startHostileServer } from './hostile-server.suite.ts'

/** T6, T14: a member whose client signs another roster than the group's, for those who come in from outside. */

function rolesSeenBy(one: Actor, conversationId: string): Record<string, Role> {
  return Object.fromEntries(one.chat(conversationId).members.map(({ userId, role }) => [userId, role]))
}

/** A commit by this member of fresh keys, in order or torn, whose GroupInfo makes it the owner. It stops being honest. */
async function crownItself(server: HostileServer, groupId: string, usurper: Actor, isTorn: boolean): Promise<void> {
  await usurper.sotto.close()
  const engine = await createMlsEngine({ clock: systemClock })
  const state = engine.loadGroup(groupRecordsOf(usurper, groupId))
  const { roster } = unpackConversation(usurper.storage.values.get(JSON.stringify(['conversations', groupId]))!)
  const { userId, deviceId } = usurper
  const { claim } = claimOf(roster, { by: { userId, deviceId }, add: [], remove: [], leave: [] })
  const members = new Map([...roster.members.keys()].map((member): [string, Role] => [member, 'member']))
  const step = await engine.commit(state, {
    add: [],
    remove: [],
    aad: encodeClaim(claim),
    roster: encodeRoster({ ...roster, members: members.set(userId, 'owner') }),
  })
  const commit = step.commit.slice()
  if (isTorn) commit[commit.length - 40]! ^= 1
  const body = { id: 'crown', epoch: state.epoch, commit: base64(commit), groupInfo: base64(step.groupInfo) }
  const { status } = await server.ask(userId, deviceId, 'POST', `/groups/${groupId}/commits`, body)
  expect(status).toBe(201)
}

describe('a member who signs a roster that makes it the owner', () => {
  it('beside a commit that nobody can read: nobody who comes in anew takes it', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, mallory] = actors
    await crownItself(server, id, mallory, true)
    for (const one of [alice, bob]) {
      await incidentOf(one, 'commit_unreadable')
      await incidentOf(one, 'group_info_refused')
      expect(rolesSeenBy(one, id)).toEqual({ alice: 'owner', bob: 'member', carol: 'member' })
    }
    await settled(id, [alice, bob], 0)
    await allTalk(id, [alice, bob])
    expect(rolesSeenBy(bob, id)).toMatchObject({ alice: 'owner', carol: 'member' })
  })

  it('beside a commit that is in order: a device that knows nothing yet does not take it', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, mallory] = actors
    await crownItself(server, id, mallory, false)
    await settled(id, [alice, bob], 1)
    const second = await actor(server, 'bob', { link: { onCode: (code) => void bob.sotto.linkDevice(code) } })
    await incidentOf(second, 'group_info_refused')
    expect(second.sotto.find(id)).toBeUndefined()
    await alice.chat(id).setRole('bob', 'admin')
    await expect.poll(() => second.sotto.find(id)?.state, eventually).toBe('active')
    expect(rolesSeenBy(second, id)).toEqual({ alice: 'owner', bob: 'admin', carol: 'member' })
    await allTalk(id, [alice, bob])
  })
})
