import { describe, expect, it } from 'vitest'
import { encodeClaim } from '../membership/claim.ts'
import type { Role } from '../membership/membership.ts'
import { encodeRoster } from '../membership/roster.ts'
import { claimOf } from '../membership/rules.ts'
import type { CommitStep } from '../mls/engine.ts'
import { base64, fromBase64 } from '../sync/base64.ts'
import { directGroupId } from '../sync/direct-group-id.ts'
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
  nothingTwice,
  pairOf,
  settled,
} from './actors.suite.ts'
import { type Device, type HostileServer, startHostileServer } from './hostile-server.suite.ts'
import { type Intruder, intruder } from './intruder.suite.ts'

/** T6, T8: invitations that nobody should follow. */

type Welcome = Extract<EntryFrame, { readonly type: 'welcome_mls' }>

interface Invitation {
  readonly server: HostileServer
  readonly to: Device
  readonly groupId: string
  readonly from: Device
  readonly welcome: Uint8Array
  readonly epoch?: number
  readonly generation?: number
}

let mailboxes = 0

/** As the server would deliver a Welcome that somebody has posted. */
function invite(
  { server, to, groupId, from, welcome, epoch = 1, generation = 0 }: Invitation,
  more: Partial<Welcome> = {},
): void {
  mailboxes += 1
  server.add(to, {
    type: 'welcome_mls',
    mailbox: deviceMailboxOf(server, to),
    seq: 1,
    receivedAt: 1,
    groupId,
    generation,
    epoch,
    groupMailbox: `g9000${mailboxes}`,
    groupSeq: 1,
    from: from.userId,
    fromDevice: from.deviceId,
    welcome: base64(welcome),
    ...more,
  })
}

/** A device's mailbox holds Welcomes alone; one that has had none has any name. */
function deviceMailboxOf(server: HostileServer, device: Device): string {
  const one = server.log.find(({ to, frame }) => frame.type === 'welcome_mls' && to.deviceId === device.deviceId)
  return one?.frame.type === 'welcome_mls' ? one.frame.mailbox : `d9000${device.deviceId}`
}

async function claimKeyPackage(server: HostileServer, by: Device, userId: string): Promise<Uint8Array> {
  const body = { userIds: [userId], ciphersuite: 1, except: [] }
  const answer = await server.ask(by.userId, by.deviceId, 'POST', '/key-packages/claim', body)
  return fromBase64((answer.body as { keyPackages: { keyPackage: string }[] }).keyPackages[0]!.keyPackage)
}

/** A group that the intruder founds, and adds these to. */
async function founded(
  by: Intruder,
  groupId: string,
  added: readonly { readonly device: Device; readonly keyPackage: Uint8Array }[],
  { direct = false, roles = {} }: { readonly direct?: boolean; readonly roles?: Readonly<Record<string, Role>> } = {},
): Promise<CommitStep> {
  const first = await by.engine.createGroup(by.leaf, groupId)
  const members = new Map<string, Role>([[by.userId, direct ? 'member' : 'owner']])
  const { userId, deviceId } = by
  for (const { device } of added) if (!members.has(device.userId)) members.set(device.userId, 'member')
  for (const [user, role] of Object.entries(roles)) members.set(user, role)
  const add = added.map(({ device }) => ({ userId: device.userId, deviceId: device.deviceId }))
  const base = { direct, members: new Map([[by.userId, members.get(by.userId)!]]) }
  const { claim } = claimOf(base, { by: { userId, deviceId }, add, remove: [], leave: [] })
  return by.engine.commit(first.state, {
    add: added.map(({ keyPackage }) => keyPackage),
    remove: [],
    aad: encodeClaim(claim),
    roster: encodeRoster({ direct, members }),
  })
}

const newGroupId = () => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url')

async function refused(bob: Actor, groupId: string): Promise<void> {
  expect(await incidentOf(bob, 'welcome_refused')).toMatchObject({ conversationId: groupId })
  expect(bob.sotto.find(groupId)?.state).not.toBe('active')
}

describe('an invitation', () => {
  it('by somebody who has no identity is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const mallory = await intruder('mallory', 'm')
    const groupId = newGroupId()
    const { welcome } = await founded(mallory, groupId, [
      { device: bob, keyPackage: await claimKeyPackage(server, alice, 'bob') },
    ])
    invite({ server, to: bob, groupId, from: mallory, welcome: welcome! })
    await refused(bob, groupId)
    await allTalk(id, [alice, bob])
  })

  it('by a ghost under the name of a contact is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const ghost = await intruder('alice', 'ghost')
    const groupId = newGroupId()
    const { welcome } = await founded(ghost, groupId, [{ device: bob, keyPackage: await claimKeyPackage(server, alice, 'bob') }])
    invite({ server, to: bob, groupId, from: alice, welcome: welcome! })
    await refused(bob, groupId)
    await allTalk(id, [alice, bob])
  })

  it('into a group in whose tree a ghost stands is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const mallory = await intruder('mallory', 'm')
    server.answers(({ path }) =>
      path === '/identity/mallory' ? { status: 200, body: { userId: 'mallory', ...mallory.signedList } } : undefined,
    )
    const ghost = await intruder('alice', 'ghost')
    const groupId = newGroupId()
    const { welcome } = await founded(mallory, groupId, [
      { device: bob, keyPackage: await claimKeyPackage(server, alice, 'bob') },
      { device: ghost, keyPackage: fromBase64(await ghost.keyPackage()) },
    ])
    invite({ server, to: bob, groupId, from: mallory, welcome: welcome! })
    await refused(bob, groupId)
    await allTalk(id, [alice, bob])
  })

  it('into a group whose roster is without this user is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const mallory = await intruder('mallory', 'm')
    server.answers(({ path }) =>
      path === '/identity/mallory' ? { status: 200, body: { userId: 'mallory', ...mallory.signedList } } : undefined,
    )
    const first = await mallory.engine.createGroup(mallory.leaf, 'somewhere')
    const keyPackage = await claimKeyPackage(server, alice, 'bob')
    const roster = encodeRoster({ direct: false, members: new Map([['mallory', 'owner']]) })
    const step = await mallory.engine.commit(first.state, { add: [keyPackage], remove: [], aad: new Uint8Array(), roster })
    invite({ server, to: bob, groupId: 'somewhere', from: mallory, welcome: step.welcome! })
    await refused(bob, 'somewhere')
    await allTalk(id, [alice, bob])
  })

  it('into the conversation of two that is not of these two is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const mallory = await intruder('mallory', 'm')
    server.answers(({ path }) =>
      path === '/identity/mallory' ? { status: 200, body: { userId: 'mallory', ...mallory.signedList } } : undefined,
    )
    const theirs = directGroupId('bob', 'carol', mallory.engine)
    for (const direct of [true, false]) {
      const { welcome } = await founded(
        mallory,
        theirs,
        [{ device: bob, keyPackage: await claimKeyPackage(server, alice, 'bob') }],
        { direct },
      )
      const before = bob.incidents.length
      invite({ server, to: bob, groupId: theirs, from: mallory, welcome: welcome! })
      await expect.poll(() => bob.kinds().slice(before), eventually).toContain('welcome_refused')
    }
    expect(bob.sotto.find(theirs)).toBeUndefined()
    await allTalk(id, [alice, bob])
  })

  it('under another group id than the group’s own is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const mallory = await intruder('mallory', 'm')
    server.answers(({ path }) =>
      path === '/identity/mallory' ? { status: 200, body: { userId: 'mallory', ...mallory.signedList } } : undefined,
    )
    const { welcome } = await founded(mallory, newGroupId(), [
      { device: bob, keyPackage: await claimKeyPackage(server, alice, 'bob') },
    ])
    // In the place of the conversation with Alice, as if it had begun anew.
    invite({ server, to: bob, groupId: id, from: alice, welcome: welcome!, generation: 1 })
    await incidentOf(bob, 'welcome_refused')
    expect(bob.chat(id).state).toBe('active')
    await allTalk(id, [alice, bob])
  })

  it('into a later generation, by somebody who may not begin one, is refused', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    // A plain member, with a client of its own.
    const { engine } = await intruder('carol', carol.deviceId)
    const { signature, credential } = deviceRecordOf(carol)
    const member = { ...carol, engine, leaf: { keys: signature, credential: credential! } } as unknown as Intruder
    const { welcome } = await founded(
      member,
      `${id}.1`,
      [{ device: bob, keyPackage: await claimKeyPackage(server, carol, 'bob') }],
      { roles: { carol: 'owner', alice: 'member' } },
    )
    invite({ server, to: bob, groupId: id, from: carol, welcome: welcome!, generation: 1 })
    expect(await incidentOf(bob, 'welcome_refused')).toMatchObject({ detail: expect.stringContaining('owner or an admin') })
    expect(bob.chat(id).members.find(({ userId }) => userId === 'alice')?.role).toBe('owner')
    await allTalk(id, [alice, bob, carol])
  })

  it('with a bit changed anywhere is refused, and the honest one still works', async () => {
    const server = await startHostileServer()
    const [alice, bob] = await Promise.all([actor(server, 'alice'), actor(server, 'bob')])
    const spoilt: Welcome[] = []
    server.entries((frame, to) => {
      if (frame.type !== 'welcome_mls' || to.userId !== 'bob' || spoilt.length > 0) return undefined
      const bytes = fromBase64(frame.welcome)
      for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 24)) {
        spoilt.push({ ...frame, welcome: base64(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))) })
      }
      return [...spoilt, frame]
    })
    const chat = await alice.sotto.conversation('bob')
    await chat.send('hello')
    await incidentOf(bob, 'welcome_refused')
    await expect.poll(() => bob.sotto.find(chat.id)?.state, eventually).toBe('active')
    expect(bob.kinds().filter((kind) => kind === 'welcome_refused')).toHaveLength(spoilt.length)
    await settled(chat.id, [alice, bob])
    await allTalk(chat.id, [alice, bob])
  })
})

describe('an invitation into a group that one is in', () => {
  it('the same one again is refused', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    const { frame } = server.log.find((one) => one.frame.type === 'welcome_mls' && one.to.userId === 'bob')!
    const refusals = () => bob.kinds().filter((kind) => kind === 'welcome_refused').length
    server.add(bob, frame)
    await expect.poll(refusals, eventually).toBe(1)
    // As of a place that is still to be read: judged when it is.
    server.add(bob, { ...(frame as Welcome), groupSeq: (frame as Welcome).groupSeq + 2 })
    await allTalk(id, [alice, bob])
    await expect.poll(refusals, eventually).toBe(2)
    await allTalk(id, [alice, bob])
    nothingTwice(bob)
  })

  it('by the commit that has lost leaves the device aside, until the group’s next commit takes it in', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    await alice.chat(id).setRole('bob', 'admin')
    await settled(id, actors, 1)
    const dave = await actor(server, 'dave')
    // What Bob's client makes of adding Dave at the same epoch, and the server refuses.
    const { engine } = await intruder('bob', bob.deviceId)
    const state = engine.loadGroup(groupRecordsOf(bob, id))
    const roster = new Map<string, Role>([
      ['alice', 'owner'],
      ['bob', 'admin'],
      ['carol', 'member'],
    ])
    const by = { userId: 'bob', deviceId: bob.deviceId }
    const { claim, roster: after } = claimOf(
      { direct: false, members: roster },
      { by, add: [{ userId: 'dave', deviceId: dave.deviceId }], remove: [], leave: [] },
    )
    const losing = await engine.commit(state, {
      add: [await claimKeyPackage(server, bob, 'dave')],
      remove: [],
      aad: encodeClaim(claim),
      roster: encodeRoster(after),
    })
    server.entries((frame, to) =>
      frame.type === 'welcome_mls' && to.userId === 'dave'
        ? [{ ...frame, from: 'bob', fromDevice: bob.deviceId, welcome: base64(losing.welcome!) }]
        : undefined,
    )
    await alice.chat(id).add(['dave'])
    await expect.poll(() => dave.sotto.find(id)?.state, eventually).toBe('active')
    await alice.chat(id).send('dave cannot read this')
    // Nor what the others tell who is new.
    await expect.poll(() => [...new Set(dave.unreadable.map(({ reason }) => reason))], eventually).toEqual(['tampered'])
    server.becomeHonest()
    const { epoch } = alice.chat(id).toJSON()
    await alice.chat(id).setRole('carol', 'admin')
    await incidentOf(dave, 'commit_unreadable')
    await settled(id, [...actors, dave], epoch! + 1)
    await allTalk(id, [...actors, dave])
  })

  it('arrives before what it invites to: nothing of the past is shown, and nothing is lost', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice] = actors
    const dave = await actor(server, 'dave')
    let held: Welcome | undefined
    server.entries((frame, to) => {
      if (frame.type !== 'welcome_mls' || to.userId !== 'dave') return undefined
      held = frame
      return []
    })
    await alice.chat(id).add(['dave'])
    await alice.chat(id).send('before the welcome came')
    await expect.poll(() => held?.type, eventually).toBe('welcome_mls')
    server.becomeHonest()
    server.add(dave, held!)
    await expect.poll(() => dave.sotto.find(id)?.state, eventually).toBe('active')
    await allTalk(id, [...actors, dave])
    await arrives('first', id, actors.slice(1))
    expect(dave.texts()).not.toContain('first')
  })
})
