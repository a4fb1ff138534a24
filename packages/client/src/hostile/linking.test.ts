import { describe, expect, it } from 'vitest'
import { makeLinkCode } from '../identity/link-code.ts'
import { generateSealKeys } from '../identity/sealed-key.ts'
import { Sotto } from '../index.ts'
import {
  type Actor,
  actor,
  allTalk,
  arrives,
  deviceRecordOf,
  eventually,
  groupRecordsOf,
  incidentOf,
  pairOf,
  settled,
  watchedStorage,
} from './actors.suite.ts'
import { type HostileServer, startHostileServer } from './hostile-server.suite.ts'
import { intruder, messagesOf, readable } from './intruder.suite.ts'

/** T30: whoever gets a user to confirm a code, or gets in between. */

/** A new device of the user, which shows its code to `confirm`. */
function linking(server: HostileServer, userId: string, name: string, confirm: (code: string) => void): Promise<Actor> {
  return actor(server, userId, { device: { name }, link: { onCode: confirm } })
}

describe('a link code', () => {
  it('of another user is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const codes: string[] = []
    const opening = Sotto.open({
      url: server.url,
      token: () => server.userToken('bob'),
      storage: watchedStorage(),
      link: { onCode: (code) => void codes.push(code), timeoutMs: 500 },
    }).catch((error: unknown) => error)
    await expect.poll(() => codes.length, eventually).toBe(1)
    await expect(alice.sotto.linkDevice(codes[0]!)).rejects.toMatchObject({ code: 'link_refused' })
    expect(await alice.sotto.devices()).toHaveLength(1)
    expect(await opening).toMatchObject({ code: 'link_refused' })
    await allTalk(id, [alice, bob])
  })

  it('with a character changed, cut off or made up is refused', async () => {
    const server = await startHostileServer()
    const alice = await actor(server, 'alice')
    const { publicKey: sealKey } = await generateSealKeys()
    const { list } = await intruder('alice', 'phish')
    const secret = crypto.getRandomValues(new Uint8Array(32))
    const code = makeLinkCode({
      userId: 'alice',
      deviceId: 'phish',
      signatureKey: list.devices[0]!.signatureKey,
      sealKey,
      secret,
    })
    for (let at = 0; at < code.length; at += 17) {
      const changed = code.slice(0, at) + (code[at] === 'A' ? 'B' : 'A') + code.slice(at + 1)
      await expect(alice.sotto.linkDevice(changed)).rejects.toMatchObject({ code: 'link_refused' })
    }
    for (const text of ['', 'A', code.slice(0, -1), `${code}A`, 'https://example.org/link'])
      await expect(alice.sotto.linkDevice(text)).rejects.toMatchObject({ code: 'link_refused' })
    expect(await alice.sotto.devices()).toHaveLength(1)
  })

  it('that the user was talked into confirming shows on every other device before anything that it says', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const laptop = await linking(server, 'alice', 'laptop', (code) => void alice.sotto.linkDevice(code))
    await settled(id, [alice, bob, laptop], 1)
    const thief = await linking(server, 'alice', 'thief', (code) => void alice.sotto.linkDevice(code))
    await settled(id, [alice, bob, laptop, thief], 2)
    await thief.chat(id).send('from the thief')
    await arrives('from the thief', id, [bob])
    await expect.poll(() => laptop.told.join(), eventually).toContain('deviceAdded alice thief')
    await expect.poll(() => alice.told.join(), eventually).toContain('deviceAdded alice thief')
    const at = (one: Actor, name: string) => one.told.indexOf(name)
    expect(at(bob, 'deviceAdded alice thief')).toBeGreaterThan(-1)
    expect(at(bob, 'deviceAdded alice thief')).toBeLessThan(at(bob, 'message from the thief'))
    // It is told of no past.
    expect(thief.texts()).toEqual([])
    // And it can be taken out again: from then on it reads nothing, and the contact has to look.
    const records = groupRecordsOf(thief, id)
    const before = messagesOf(server, id).length
    await alice.sotto.revokeDevice(thief.deviceId)
    await expect.poll(() => bob.identityChanges.length, eventually).toBe(1)
    await bob.identityChanges[0]!.accept()
    await settled(id, [alice, bob, laptop], 3)
    await allTalk(id, [alice, bob, laptop])
    const { engine } = await intruder('alice', thief.deviceId)
    const later = messagesOf(server, id).slice(before)
    expect(later.length).toBeGreaterThan(2)
    expect(await readable(engine, [engine.loadGroup(records)], later)).toEqual([])
  })
})

describe('a server between two devices that link', () => {
  it('that seals an identity of its own for the new device is refused: it has not seen the code', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const mallory = await intruder('alice', 'old', 2)
    let isShown = false
    server.answers(({ path, deviceId }) =>
      isShown && path === '/identity/alice' && deviceId !== alice.deviceId
        ? { status: 200, body: { userId: 'alice', ...mallory.signedList } }
        : undefined,
    )
    const opening = Sotto.open({
      url: server.url,
      token: () => server.userToken('alice'),
      storage: watchedStorage(),
      link: {
        onCode: () => {
          isShown = true
        },
        timeoutMs: 1_500,
      },
    }).catch((error: unknown) => error)
    expect(await opening).toMatchObject({ code: 'link_refused' })
    server.becomeHonest()
    await allTalk(id, [alice, bob])
  })

  it('that puts a device of its own into the list is refused by all who know the user', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const mallory = await intruder('alice', 'ghost', 2)
    const forged = {
      ...mallory.signedList,
      identityKey: Buffer.from(deviceRecordOf(alice).identity!.publicKey).toString('base64url'),
    }
    server.answers(({ path }) => (path === '/identity/alice' ? { status: 200, body: { userId: 'alice', ...forged } } : undefined))
    bob.later(2_000)
    await bob.sotto.createGroup({ members: ['alice'] })
    await incidentOf(bob, 'list_refused')
    await alice.sotto.devices()
    await incidentOf(alice, 'list_refused')
    server.becomeHonest()
    await allTalk(id, [alice, bob])
  })
})
