import { expect, test } from 'vitest'
import { entriesOf, frameOf, type NewWorld, refusal, wordsOf } from './world.suite.ts'

export function accountTests(open: NewWorld): void {
  test('an export holds what is held about the user, and nothing about others', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone')
    const bob = await world.device('bob')
    await world.store.setIdentity(alice, { identityKey: 'the identity of alice', signedPreKey: null, pqPreKey: null })
    await world.store.addPreKeys(alice, [{ keyId: 1, publicKey: 'a one-time key of alice' }])
    await world.store.setIdentity(bob, { identityKey: 'the identity of bob', signedPreKey: null, pqPreKey: null })
    await world.store.createGroup({ groupId: 'team', name: 'The team', owner: alice, members: ['bob'] })
    await world.store.createGroup({ groupId: 'private', name: 'Without her', owner: bob, members: ['carol'] })
    await world.send(bob, 'alice', { id: 'to-alice', ciphertext: 'for alice' })
    await world.send(bob, { kind: 'device', userId: 'alice', deviceId: 'phone' }, { id: 'to-phone', ciphertext: 'for her phone' })
    await world.send(alice, 'bob', { id: 'to-bob', ciphertext: 'from alice' })
    await world.send(bob, 'carol', { id: 'to-carol', ciphertext: 'not hers' })
    await world.pause()
    const text = JSON.stringify(await world.store.exportAccount('alice'))
    for (const held of [
      'phone',
      'the identity of alice',
      'a one-time key of alice',
      'team',
      'for alice',
      'for her phone',
      'from alice',
    ]) {
      expect(text, held).toContain(held)
    }
    for (const foreign of ['the identity of bob', 'Without her', 'not hers']) expect(text, foreign).not.toContain(foreign)
  })

  test('an export has even what was sent a moment ago', async () => {
    const world = await open()
    const alice = await world.device('alice')
    await world.send(alice, 'alice', { id: 'm1', ciphertext: 'just now' })
    expect(JSON.stringify(await world.store.exportAccount('alice'))).toContain('just now')
  })

  test('erasing takes devices, keys, mailboxes, memberships and tickets', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone', { holds: true })
    const bob = await world.device('bob')
    await world.store.setIdentity(alice, {
      identityKey: 'the identity of alice',
      signedPreKey: 'a signed key of hers',
      pqPreKey: null,
    })
    await world.store.createGroup({ groupId: 'team', name: null, owner: bob, members: ['alice', 'carol'] })
    const { mailbox } = await world.send(bob, 'alice', 'm1')
    const { now } = { now: world.clock.now() }
    await world.store.putTicket({
      hash: 'h1',
      userId: 'alice',
      deviceId: 'phone',
      tokenExpiresAt: now + 9_000,
      expiresAt: now + 9_000,
    })
    await world.pause()
    expect(await world.store.eraseAccount('alice')).toEqual({ devices: ['phone'], groups: ['team'] })
    await world.pause()
    expect(await world.store.listDevices('alice')).toEqual([])
    expect(await world.store.listGroups('alice', '', 10)).toEqual([])
    expect(await world.store.takeTicket('h1')).toBeUndefined()
    expect(await refusal(() => world.store.claimPreKeys({ claimant: 'bob', userId: 'alice', device: null }))).toEqual({
      code: 'no_prekeys',
    })
    expect(entriesOf(await world.read(mailbox))).toEqual([])
    expect([...(await world.group('team')).members.keys()].toSorted()).toEqual(['bob', 'carol'])
    expect(JSON.stringify(await world.store.exportAccount('alice'))).not.toContain('phone')
  })

  test('what the erased user sent and others have not read is announced as erased, the rest stays', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    const { groupId, mailbox: team } = await world.store.createGroup({
      groupId: 'team',
      name: null,
      owner: bob,
      members: ['alice'],
    })
    await world.send(alice, 'bob', { id: 'a1', ciphertext: 'secret of alice' })
    await world.send(bob, 'bob', 'b1')
    await world.pause()
    const { mailbox } = await world.send(alice, 'bob', { id: 'a2', ciphertext: 'secret of alice' })
    await world.sendGroup(alice, groupId, { id: 'a3', ciphertext: 'secret of alice' })
    await world.sendGroup(bob, groupId, 'b2')
    await world.store.eraseAccount('alice')
    await world.pause()
    expect(await world.words(mailbox)).toEqual(['membership', 'erased 2-2', 'b1', 'erased 4-4'])
    expect((await world.words(team)).slice(0, 3)).toEqual(['membership', 'erased 2-2', 'b2'])
    for (const userId of ['bob', 'alice']) {
      expect(JSON.stringify(await world.store.exportAccount(userId))).not.toContain('secret of alice')
    }
  })

  test('the groups are told of the departure, and have an owner again', async () => {
    const world = await open()
    const alice = await world.device('alice')
    const bob = await world.device('bob')
    await world.store.createGroup({ groupId: 'team', name: null, owner: alice, members: ['bob', 'carol'] })
    await world.change(alice, 'team', { roles: [['carol', 'admin']] })
    const alone = await world.store.createGroup({ groupId: 'alone', name: null, owner: alice, members: [] })
    expect((await world.store.eraseAccount('alice')).groups.toSorted()).toEqual(['alone', 'team'])
    await world.pause()
    const group = await world.group('team')
    expect(Object.fromEntries(group.members)).toEqual({ bob: 'member', carol: 'owner' })
    const last = entriesOf(await world.read(group.mailbox)).at(-1)!
    expect(frameOf(last)).toMatchObject({ type: 'membership', groupId: 'team', added: [], removed: ['alice'] })
    expect(await world.store.group('alone')).toBeUndefined()
    expect(entriesOf(await world.read(alone.mailbox))).toEqual([])
    await world.sendGroup(bob, 'team', 'm1')
  })

  test('an erased device sends nothing more, and holds nothing back', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone', { holds: true })
    const bob = await world.device('bob', 'phone', { holds: true })
    const { mailbox } = await world.store.createGroup({ groupId: 'team', name: null, owner: bob, members: ['alice'] })
    await world.sendGroup(bob, 'team', 'm2')
    await world.store.eraseAccount('alice')
    expect(await refusal(() => world.append(alice, 'bob', 'm3'))).toMatchObject({ code: 'device_revoked' })
    const { head } = await world.mailbox(bob, 'group')
    await world.acknowledge(bob, mailbox, head)
    await world.pause()
    await world.eventually(async () => expect(entriesOf(await world.read(mailbox))).toEqual([]))
  })

  test('after erasing, the name begins anew', async () => {
    const world = await open()
    const alice = await world.device('alice', 'phone')
    const bob = await world.device('bob')
    await world.send(alice, 'bob', 'm1')
    await world.send(bob, 'alice', 'b1')
    await world.store.eraseAccount('alice')
    await world.pause()
    await world.send(bob, 'alice', 'b2')
    const again = await world.device('alice', 'laptop')
    expect(again.no).not.toBe(alice.no)
    const { mailbox, cursor } = await world.mailbox(again, 'user')
    expect(wordsOf(await world.read(mailbox, cursor))).toEqual(['b2'])
    expect((await world.send(again, 'bob', 'm1')).duplicate).toBe(false)
  })

  test('erasing nobody is nothing', async () => {
    const world = await open()
    await world.pause()
    expect(await world.store.eraseAccount('nobody')).toEqual({ devices: [], groups: [] })
  })
}
