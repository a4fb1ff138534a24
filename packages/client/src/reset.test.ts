import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.ts'
import { encodeClaim } from './membership/claim.ts'
import { encodeRoster } from './membership/roster.ts'
import { claimOf } from './membership/rules.ts'
import { createMlsEngine } from './mls/ts-mls-engine.ts'
import { type Person, person, textsIn } from './people.suite.ts'
import { base64, fromBase64 } from './sync/base64.ts'
import { loadDevice } from './sync/kept-device.ts'
import { unpackConversation } from './sync/records.ts'
import { type Relay, startRelay } from './transport/relay.suite.ts'

const eventually = { timeout: 25_000, interval: 20 }

/** A member with a program of its own: its commit adds somebody behind the server's back, and does not say so. */
async function commitInSecret(relay: Relay, who: Person, conversationId: string, victim: string): Promise<void> {
  const { userId, deviceId } = who.sotto
  await who.sotto.close()
  const engine = await createMlsEngine({ clock: systemClock })
  const storage = await who.storage.open()
  const prefix = `${conversationId}/`
  const records = new Map((await storage.range('mls', { prefix })).map(({ key, value }) => [key.slice(prefix.length), value]))
  const conversation = unpackConversation((await storage.get('conversations', conversationId))!)
  const self = (await loadDevice(storage))!
  await storage.close()
  const state = engine.loadGroup(records)
  const headers = {
    authorization: `Bearer ${await relay.token(userId, deviceId)}`,
    'content-type': 'application/json',
    'x-device-id': deviceId,
  }
  const ask = async (path: string, body: unknown) => {
    const answer = await fetch(`${relay.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    return { status: answer.status, body: (await answer.json()) as Record<string, never> }
  }
  const claimed = await ask('/key-packages/claim', { userIds: [victim], ciphersuite: engine.ciphersuite })
  const [one] = claimed.body.keyPackages as unknown as { keyPackage: string }[]
  const by = { userId: self.userId, deviceId: self.deviceId }
  const { claim } = claimOf(conversation.roster, { by, add: [], remove: [], leave: [] })
  const step = await engine.commit(state, {
    add: [fromBase64(one!.keyPackage)],
    remove: [],
    aad: encodeClaim(claim),
    roster: encodeRoster(conversation.roster),
  })
  const posted = await ask(`/groups/${conversationId}/commits`, {
    id: 'in secret',
    epoch: state.epoch,
    commit: base64(step.commit),
    groupInfo: base64(step.groupInfo),
  })
  expect(posted.status).toBe(201)
}

describe('a commit that honest members refuse', () => {
  it('is not applied, and the owner begins the group anew without losing the conversation', async () => {
    const relay = await startRelay()
    const [alice, bob, mallory, eve] = await Promise.all(
      ['alice', 'bob', 'mallory', 'eve'].map((userId) => person(relay, userId)),
    )
    const team = await alice!.sotto.createGroup({ name: 'Team', members: ['bob', 'mallory'] })
    await expect.poll(() => mallory!.sotto.find(team.id)?.name, eventually).toBe('Team')
    await team.send('before')
    await expect.poll(() => bob!.texts(), eventually).toEqual(['before'])
    await commitInSecret(relay, mallory!, team.id, 'eve')
    for (const one of [alice!, bob!]) {
      await expect.poll(() => one.incidents.map(({ kind }) => kind), eventually).toContain('commit_refused')
      await expect.poll(() => one.sotto.find(team.id)!.state, eventually).toBe('active')
    }
    await team.send('after')
    await expect.poll(() => bob!.texts(), eventually).toEqual(['before', 'after'])
    await bob!.sotto.find(team.id)!.send('still here')
    await expect.poll(() => textsIn(alice!, team.id), eventually).toEqual(['before', 'after', 'still here'])
    expect(bob!.sotto.find(team.id)!.name).toBe('Team')
    expect(eve!.sotto.find(team.id)).toBeUndefined()
  })
})
