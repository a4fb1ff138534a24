import { describe, expect, it } from 'vitest'
import type { SignedList } from '../identity/identity.ts'
import { firstList, withDevice } from '../identity/identity-key.ts'
import { signList } from '../identity/signed-list.ts'
import { forgedKeyPackage } from '../mls/forge.suite.ts'
import { base64 } from '../sync/base64.ts'
import {
  type Actor,
  actor,
  allTalk,
  arrives,
  deviceRecordOf,
  eventually,
  incidentOf,
  membersOf,
  nothingSeen,
  pairOf,
} from './actors.suite.ts'
import { type AnswerRule, type HostileServer, startHostileServer } from './hostile-server.suite.ts'
import { type Intruder, intruder, messagesOf } from './intruder.suite.ts'

/** T6, T7, T31: a server that hands out its own keys in the name of honest users. */

interface Claimed {
  readonly keyPackages: { userId: string; deviceId: string; keyPackage: string; lastResort: boolean }[]
  readonly missing: unknown[]
}

const isClaim: (path: string) => boolean = (path) => path === '/key-packages/claim'

/** Claims are answered with what the rule makes of the honest answer. */
function claims(change: (claimed: Claimed) => Claimed | Promise<Claimed>): AnswerRule {
  return async ({ path }, forward) => {
    if (!isClaim(path)) return undefined
    const { status, body } = await forward()
    return { status, body: await change(body as Claimed) }
  }
}

/** This list is served for the user, to these alone if any are named. */
function serves(server: HostileServer, userId: string, list: SignedList, to: readonly Actor[] = []): void {
  server.answers(({ path, userId: asking }) => {
    const isFor = to.length === 0 || to.some((one) => one.userId === asking)
    return isFor && path === `/identity/${userId}` ? { status: 200, body: { userId, ...list } } : undefined
  })
}

/** What the first list of a device was, and how it is signed: by who holds the device. */
function listOf(owner: Actor) {
  const { userId, deviceId, signature, seal, identity } = deviceRecordOf(owner)
  const device = { deviceId, signatureKey: signature.publicKey, sealKey: seal.publicKey, addedAt: 1 }
  return { identity: identity!, list: firstList(userId, identity!.publicKey, device) }
}

/** Lists of version 2 and up, as another device of the same user would sign them. */
async function laterList(owner: Actor, helper: Intruder, version: number): Promise<SignedList> {
  const { identity, list } = listOf(owner)
  const [{ signatureKey, sealKey }] = helper.list.devices as [Intruder['list']['devices'][number]]
  const added = withDevice(list, { deviceId: helper.deviceId, signatureKey, sealKey, addedAt: 2 })
  return signList({ ...added, version }, identity.privateKey, helper.engine)
}

const swapped = (mallory: Intruder) =>
  claims(async ({ keyPackages, missing }) => ({
    missing,
    keyPackages: await Promise.all(
      keyPackages.map(async (one) => (one.userId === 'bob' ? { ...one, keyPackage: await mallory.keyPackage() } : one)),
    ),
  }))

describe('a ghost device', () => {
  it('whose key package the server hands out beside the real ones is refused', async () => {
    const server = await startHostileServer()
    const [alice, bob] = await Promise.all([actor(server, 'alice'), actor(server, 'bob')])
    const ghost = await intruder('bob', 'ghost')
    server.answers(
      claims(async ({ keyPackages, missing }) => ({
        keyPackages: [
          ...keyPackages,
          { userId: 'bob', deviceId: 'ghost', keyPackage: await ghost.keyPackage(), lastResort: false },
        ],
        missing,
      })),
    )
    const chat = await alice.sotto.conversation('bob')
    expect(await incidentOf(alice, 'key_package_refused')).toMatchObject({ userId: 'bob' })
    await chat.send('for bob alone')
    await arrives('for bob alone', chat.id, [bob])
    const commit = server.requests.find(({ method, path }) => method === 'POST' && path === '/groups')!.body as {
      add: unknown[]
      welcomeTo: unknown[]
    }
    expect(commit.add).toEqual([{ userId: 'bob', deviceId: bob.deviceId }])
    expect(commit.welcomeTo).toEqual(commit.add)
    await allTalk(chat.id, [alice, bob])
    nothingSeen(server, ['for bob alone'])
  })

  it('in the place of the real device is refused, and nobody is written to', async () => {
    const server = await startHostileServer()
    const [alice, bob] = await Promise.all([actor(server, 'alice'), actor(server, 'bob')])
    server.answers(swapped(await intruder('bob', bob.deviceId)))
    await expect(alice.sotto.conversation('bob')).rejects.toMatchObject({ code: 'no_such_user' })
    await incidentOf(alice, 'key_package_refused')
    await expect(alice.sotto.createGroup({ members: ['bob'] })).rejects.toMatchObject({ code: 'no_such_user' })
    expect(alice.sotto.conversations()).toEqual([])
    server.becomeHonest()
    const chat = await alice.sotto.conversation('bob')
    await chat.send('now')
    await arrives('now', chat.id, [bob])
    await allTalk(chat.id, [alice, bob])
  })

  it('that is another honest user’s, under this name, is refused', async () => {
    const server = await startHostileServer()
    const [alice, bob, carol] = await Promise.all([actor(server, 'alice'), actor(server, 'bob'), actor(server, 'carol')])
    server.answers(
      claims(({ keyPackages, missing }) => ({
        missing,
        keyPackages: keyPackages.map((one, index) => ({ ...one, keyPackage: keyPackages.at(index - 1)!.keyPackage })),
      })),
    )
    await expect(alice.sotto.createGroup({ members: ['bob', 'carol'] })).rejects.toMatchObject({ code: 'no_such_user' })
    expect(alice.kinds()).toEqual(['key_package_refused', 'key_package_refused'])
    server.becomeHonest()
    const team = await alice.sotto.createGroup({ members: ['bob', 'carol'] })
    await team.send('to both')
    await arrives('to both', team.id, [bob, carol])
    await allTalk(team.id, [alice, bob, carol])
  })

  it('in a list whose signature is of the list without it is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const ghost = await intruder('bob', 'ghost')
    const honest = (await server.ask('alice', alice.deviceId, 'GET', '/identity/bob')).body as SignedList
    const longer = await laterList(bob, ghost, 2)
    serves(server, 'bob', { ...longer, signature: honest.signature })
    server.answers(
      claims(async ({ keyPackages, missing }) => ({
        keyPackages: [
          ...keyPackages,
          { userId: 'bob', deviceId: 'ghost', keyPackage: await ghost.keyPackage(), lastResort: false },
        ],
        missing,
      })),
    )
    alice.later(2_000)
    const team = await alice.sotto.createGroup({ members: ['bob'] })
    await incidentOf(alice, 'list_refused')
    await incidentOf(alice, 'key_package_refused')
    await team.send('to bob')
    await arrives('to bob', team.id, [bob])
    server.becomeHonest()
    await allTalk(id, [alice, bob])
    await allTalk(team.id, [alice, bob])
  })

  it('of one’s own user, in a list of another key, is not followed', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const ghost = await intruder('alice', 'ghost', 2)
    serves(server, 'alice', ghost.signedList, [alice])
    const devices = await alice.sotto.devices()
    expect(devices.map(({ deviceId }) => deviceId)).toEqual([alice.deviceId])
    expect(await incidentOf(alice, 'list_refused')).toMatchObject({ userId: 'alice' })
    server.becomeHonest()
    await allTalk(id, [alice, bob])
  })
})

describe('another identity key', () => {
  it('at the first meeting gives the two of them different safety numbers', async () => {
    const server = await startHostileServer()
    const [alice, bob] = await Promise.all([actor(server, 'alice'), actor(server, 'bob')])
    const mallory = await intruder('bob', bob.deviceId)
    serves(server, 'bob', mallory.signedList, [alice])
    server.answers(swapped(mallory))
    const [seen, true_] = [await alice.sotto.safetyNumber('bob'), await bob.sotto.safetyNumber('alice')]
    expect(seen.digits).not.toBe(true_.digits)
    await expect(seen.verify(true_.digits)).rejects.toMatchObject({ code: 'not_verified' })
    await expect(seen.verify(true_.qrPayload)).rejects.toMatchObject({ code: 'not_verified' })
    // What was pinned first stays pinned: the true key is told as a change, and nothing is sent until somebody has looked.
    server.becomeHonest()
    alice.later(2_000)
    const chat = await alice.sotto.conversation('bob')
    await chat.send('after the swap')
    await expect.poll(() => alice.identityChanges.length, eventually).toBe(1)
    await expect.poll(() => chat.blockedBy, eventually).toEqual(['bob'])
    expect(messagesOf(server, chat.id)).toEqual([])
    const again = await alice.sotto.safetyNumber('bob')
    expect(again.digits).toBe(true_.digits)
    await again.verify(true_.digits)
    await arrives('after the swap', chat.id, [bob])
    expect((await alice.sotto.safetyNumber('bob')).verified).toBe(true)
    await allTalk(chat.id, [alice, bob])
  })

  it('of a known contact is told, and nothing is sent until it is accepted', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const mallory = await intruder('bob', 'm', 2)
    serves(server, 'bob', mallory.signedList, [alice])
    server.answers(swapped(mallory))
    alice.later(2_000)
    await expect(alice.sotto.createGroup({ members: ['bob'] })).rejects.toMatchObject({ code: 'no_such_user' })
    await expect.poll(() => alice.identityChanges.length, eventually).toBe(1)
    expect(alice.identityChanges[0]).toMatchObject({ userId: 'bob', endorsed: false })
    await expect.poll(() => alice.chat(id).blockedBy, eventually).toEqual(['bob'])
    const waiting = await alice.chat(id).send('waits')
    await bob.chat(id).send('bob is read all the same')
    await arrives('bob is read all the same', id, [alice])
    expect(waiting.status).toBe('queued')
    // Comparing numbers settles it: the one that both have from before proves the change to be false.
    const true_ = await bob.sotto.safetyNumber('alice')
    const now = await alice.sotto.safetyNumber('bob')
    expect(now.digits).not.toBe(true_.digits)
    await now.verify(true_.digits)
    await arrives('waits', id, [bob])
    expect((await alice.sotto.safetyNumber('bob')).verified).toBe(true)
    await allTalk(id, [alice, bob])
    nothingSeen(server, ['waits'])
  })

  it('that is accepted by mistake still does not bring the ghost into the group by itself', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const mallory = await intruder('bob', 'm', 2)
    serves(server, 'bob', mallory.signedList, [alice])
    alice.later(2_000)
    await alice.sotto.createGroup({ members: ['bob'] }).catch(() => {})
    await expect.poll(() => alice.identityChanges.length, eventually).toBe(1)
    await alice.identityChanges[0]!.accept()
    const waiting = await alice.chat(id).send('for the real bob, or nobody')
    // The real device is now the one that nobody vouches for, and the ghost was never added: nothing is sent to either.
    expect(await incidentOf(alice, 'ghost_device')).toMatchObject({ conversationId: id, userId: 'bob' })
    expect(waiting.status).toBe('queued')
    const commits = server.requests.filter(({ path, method }) => method === 'POST' && path === `/groups/${id}/commits`)
    expect(commits).toEqual([])
    expect(bob.texts()).toEqual(['first'])
  })
})

describe('device lists', () => {
  it('an old one after a newer one is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const old = (await server.ask('alice', alice.deviceId, 'GET', '/identity/bob')).body as SignedList
    const next = await laterList(bob, await intruder('bob', 'laptop'), 2)
    expect((await server.ask('bob', bob.deviceId, 'PUT', '/identity', next)).status).toBe(200)
    alice.later(2_000)
    await alice.sotto.createGroup({ members: ['bob'] })
    await expect.poll(() => alice.told, eventually).toContain('deviceAdded bob undefined')
    serves(server, 'bob', old, [alice])
    alice.later(2_000)
    await alice.sotto.createGroup({ members: ['bob'] })
    expect(await incidentOf(alice, 'list_refused')).toMatchObject({ userId: 'bob', detail: expect.stringContaining('version 1') })
    server.becomeHonest()
    await allTalk(id, [alice, bob])
  })

  it('two of one version: whoever sees both refuses the second', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const [one, other] = [await intruder('bob', 'one'), await intruder('bob', 'other')]
    serves(server, 'bob', await laterList(bob, one, 2), [alice])
    alice.later(2_000)
    await alice.sotto.createGroup({ members: ['bob'] })
    server.becomeHonest()
    serves(server, 'bob', await laterList(bob, other, 2), [alice])
    alice.later(2_000)
    const team = await alice.sotto.createGroup({ members: ['bob'] })
    expect(await incidentOf(alice, 'list_refused')).toMatchObject({ userId: 'bob', detail: expect.stringContaining('two lists') })
    server.becomeHonest()
    expect(membersOf(alice, team.id)).toEqual(['alice', 'bob'])
    await allTalk(id, [alice, bob])
  })

  it('two of one version, one for each side: the next message tells', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const [one, other] = [await intruder('bob', 'one'), await intruder('bob', 'other')]
    serves(server, 'bob', await laterList(bob, one, 2), [alice])
    alice.later(2_000)
    await alice.sotto.createGroup({ members: ['bob'] })
    serves(server, 'bob', await laterList(bob, other, 2), [bob])
    await bob.sotto.devices()
    await bob.chat(id).send('by another list')
    expect(await incidentOf(alice, 'list_refused')).toMatchObject({ userId: 'bob', conversationId: id })
    await arrives('by another list', id, [alice])
    await allTalk(id, [alice, bob])
  })
})

describe('a downgrade', () => {
  const honestLifetime = () => {
    const now = BigInt(Math.floor(Date.now() / 1000))
    return { notBefore: now - 60n, notAfter: now + 86_400n }
  }

  it('key packages with other suites, versions or fewer abilities are refused, however they are signed', async () => {
    const server = await startHostileServer()
    const [alice, bob] = await Promise.all([actor(server, 'alice'), actor(server, 'bob')])
    const { signature, credential } = deviceRecordOf(bob)
    const device = { keys: signature, credential: credential! }
    const lifetime = honestLifetime()
    const forged = await Promise.all([
      forgedKeyPackage(device, { lifetime, capabilities: { extensions: [] } }),
      forgedKeyPackage(device, { lifetime, capabilities: { ciphersuites: [] } }),
      forgedKeyPackage(device, { lifetime, capabilities: { ciphersuites: ['MLS_128_DHKEMP256_AES128GCM_SHA256_P256'] } }),
      forgedKeyPackage(device, { lifetime, capabilities: { credentials: ['x509'] } }),
      forgedKeyPackage(device, { lifetime, capabilities: { versions: [] } }),
      forgedKeyPackage(device, { lifetime, cipherSuite: 'MLS_128_DHKEMP256_AES128GCM_SHA256_P256' }),
    ])
    for (const { bytes } of forged) {
      const end = server.answers(
        claims(({ keyPackages, missing }) => ({
          missing,
          keyPackages: keyPackages.map((one) => ({ ...one, keyPackage: base64(bytes) })),
        })),
      )
      const before = alice.incidents.length
      await expect(alice.sotto.conversation('bob')).rejects.toMatchObject({ code: 'no_such_user' })
      expect(alice.kinds().slice(before)).toEqual(['key_package_refused'])
      end()
    }
    const chat = await alice.sotto.conversation('bob')
    await allTalk(chat.id, [alice, bob])
  })

  it('key packages with a bit changed anywhere are refused', async () => {
    const server = await startHostileServer()
    const [alice, bob] = await Promise.all([actor(server, 'alice'), actor(server, 'bob')])
    let at = 0
    server.answers(
      claims(({ keyPackages, missing }) => ({
        missing,
        keyPackages: keyPackages.map((one) => {
          const bytes = Buffer.from(one.keyPackage, 'base64')
          bytes[at % bytes.length]! ^= 1
          return { ...one, keyPackage: bytes.toString('base64') }
        }),
      })),
    )
    for (; at < 300; at += 31) await expect(alice.sotto.conversation('bob')).rejects.toMatchObject({ code: 'no_such_user' })
    expect(alice.kinds().every((kind) => kind === 'key_package_refused')).toBe(true)
    server.becomeHonest()
    const chat = await alice.sotto.conversation('bob')
    await allTalk(chat.id, [alice, bob])
  })
})
