import { describe, expect, test } from 'vitest'
import { utf8 } from './bytes.ts'
import type { CommitEffect, MlsEngine } from './engine.ts'
import { usable } from './group-state.ts'
import { commitTo, groupOf, Member, nobodyMinds, noRoster, testClock, testEngine } from './members.suite.ts'
import { createMlsEngine } from './ts-mls-engine.ts'

const threeOf = async (seed: string) => (await groupOf(3, await testEngine(seed))) as [Member, Member, Member]

describe('messages', () => {
  test('are read by all others, with sender, generation and authenticated data', async () => {
    const [alice, bob, carol] = await threeOf('messages')
    await alice.send('the first')
    const message = await alice.send('hello', { aad: utf8('seen') })
    for (const member of [bob, carol]) {
      expect(await member.receive(message)).toMatchObject({
        kind: 'application',
        epoch: 1,
        generation: 1,
        plaintext: utf8('hello'),
        aad: utf8('seen'),
        by: { index: 0, credential: utf8('member 0'), signatureKey: alice.device.keys.publicKey },
      })
    }
  })

  test('of one size have one length when they are padded', async () => {
    const [alice, bob] = await threeOf('padding')
    const lengths = new Set<number>()
    for (const text of ['', 'a', 'a'.repeat(62), 'a'.repeat(64), 'a'.repeat(256)]) {
      const message = await alice.send(text, { padTo: 256 })
      lengths.add(message.length)
      expect(await bob.read(message)).toBe(text)
    }
    expect(lengths.size).toBe(1)
    expect((await alice.send('a'.repeat(300), { padTo: 256 })).length).toBeGreaterThan(Math.max(...lengths))
    expect((await alice.send('a')).length).toBeLessThan(Math.min(...lengths))
  })

  test('are read in any order within the window, and once', async () => {
    const [alice, bob] = await threeOf('order')
    const messages = []
    for (let i = 0; i < 205; i += 1) messages.push(await alice.send(`${i}`))
    const [first, second, third, fourth, fifth] = messages as [Uint8Array, ...Uint8Array[]]
    const last = messages.at(-1) ?? first
    expect(await bob.read(last)).toBe('204')
    for (const gone of [first, second, third, fourth]) {
      await expect(bob.receive(gone ?? first)).rejects.toMatchObject({ reason: 'duplicate' })
    }
    expect(await bob.read(fifth ?? first)).toBe('4')
    for (const again of [last, fifth]) {
      await expect(bob.receive(again ?? first)).rejects.toMatchObject({ reason: 'duplicate' })
    }
    expect(await bob.read(messages[100] ?? first)).toBe('100')
    expect(await bob.read(await alice.send('next'))).toBe('next')
  })

  test('of the two epochs before can still be read, those of a third not', async () => {
    const members = await threeOf('epochs')
    const [alice, bob, carol] = members
    const written = [await alice.send('of epoch 1')]
    await commitTo(members, alice)
    written.push(await alice.send('of epoch 2'))
    await commitTo(members, carol)
    written.push(await alice.send('of epoch 3'))
    bob.reload()
    for (const [i, message] of written.entries()) expect(await bob.read(message)).toBe(`of epoch ${i + 1}`)
    await commitTo(members, alice)
    expect(await carol.read(written[1] ?? new Uint8Array())).toBe('of epoch 2')
    await expect(carol.receive(written[0] ?? new Uint8Array())).rejects.toMatchObject({ reason: 'pruned_epoch' })
  })

  test('of the future wait for their commit', async () => {
    const [alice, bob] = await threeOf('future')
    const step = await alice.prepare()
    alice.take(step)
    const message = await alice.send('soon')
    await expect(bob.receive(message)).rejects.toMatchObject({ reason: 'future_epoch' })
    await bob.receive(step.commit)
    expect(await bob.read(message)).toBe('soon')
  })

  test('of this device are known as its own, in any epoch', async () => {
    const members = await threeOf('own')
    const [alice] = members
    const message = await alice.send('mine')
    await expect(alice.receive(message)).rejects.toMatchObject({ reason: 'own_message' })
    await commitTo(members, alice)
    await expect(alice.receive(message)).rejects.toMatchObject({ reason: 'own_message' })
  })
})

describe('commits', () => {
  test('are shown as what they do before they are applied', async () => {
    const [alice, bob, carol] = await threeOf('effects')
    const dave = await Member.create('dave', alice.engine)
    const aad = utf8('added dave')
    const step = await alice.prepare({ add: [(await dave.keyPackage()).keyPackage], remove: [carol.group.ownLeaf], aad })
    const effects: CommitEffect[] = []
    await bob.receive(step.commit, async (effect) => {
      expect(bob.group.epoch).toBe(1)
      effects.push(effect)
      return undefined
    })
    expect(effects).toEqual([
      {
        epoch: 1,
        by: { index: 0, credential: utf8('member 0'), signatureKey: alice.device.keys.publicKey },
        external: false,
        added: [{ index: 2, credential: utf8('dave'), signatureKey: dave.device.keys.publicKey }],
        removed: [{ index: 2, credential: utf8('member 2'), signatureKey: carol.device.keys.publicKey }],
        changed: [],
        aad,
      },
    ])
    expect(bob.group.leaves.map(({ credential }) => new TextDecoder().decode(credential))).toEqual([
      'member 0',
      'member 1',
      'dave',
    ])
  })

  test('that the rules refuse change nothing', async () => {
    const [alice, bob] = await threeOf('refusal')
    const step = await alice.prepare()
    const refused = bob.receive(step.commit, async () => 'only owners may')
    await expect(refused).rejects.toMatchObject({ reason: 'refused', message: 'only owners may' })
    expect(await bob.read(await alice.send('no harm done'))).toBe('no harm done')
    alice.take(step)
    await bob.receive(step.commit)
    expect(bob.group.epochAuthenticator).toEqual(alice.group.epochAuthenticator)
  })

  test('always have a path: also who is only added gets fresh keys', async () => {
    const [alice, bob] = await threeOf('paths')
    const dave = await Member.create('dave', alice.engine)
    const before = usable(alice.group).parts.privatePath.privateKeys
    const step = await alice.prepare({ add: [(await dave.keyPackage()).keyPackage] })
    expect(usable(step.state).parts.privatePath.privateKeys[0]).not.toEqual(before[0])
    alice.take(step)
    await bob.receive(step.commit)
    await dave.join(step.welcome ?? new Uint8Array())
    expect(dave.group.epochAuthenticator).toEqual(alice.group.epochAuthenticator)
    expect(bob.group.epochAuthenticator).toEqual(alice.group.epochAuthenticator)
  })

  test('of this device in this epoch are known as its own', async () => {
    const [alice] = await threeOf('own commit')
    const step = await alice.prepare()
    await expect(alice.receive(step.commit)).rejects.toMatchObject({ reason: 'own_message' })
  })

  test('an error of the rules themselves arrives as it was', async () => {
    const [alice, bob] = await threeOf('rules')
    const step = await alice.prepare()
    const broken = () => {
      throw new RangeError('a mistake in the rules')
    }
    await expect(bob.receive(step.commit, broken)).rejects.toThrow(RangeError)
    await expect(bob.receive(step.commit, async () => broken())).rejects.toThrow(RangeError)
  })
})

describe('a pending commit', () => {
  test('is adopted after a restart, and keeps what was read meanwhile', async () => {
    const [alice, bob, carol] = await threeOf('adopt')
    const early = await carol.send('early')
    const late = await carol.send('late')
    const step = await alice.prepare()
    expect(await alice.read(early)).toBe('early')
    const mine = await alice.send('sent meanwhile')
    alice.reload()
    alice.take(await alice.engine.adopt(step.pending, alice.group))
    alice.reload()
    await bob.receive(step.commit)
    expect(alice.group.epochAuthenticator).toEqual(bob.group.epochAuthenticator)
    await expect(alice.receive(early)).rejects.toMatchObject({ reason: 'duplicate' })
    expect(await alice.read(late)).toBe('late')
    expect(await bob.read(mine)).toBe('sent meanwhile')
    expect(await bob.read(await alice.send('in the next epoch'))).toBe('in the next epoch')
  })

  test('that lost is forgotten: the winner is applied to the state as it was', async () => {
    const [alice, bob, carol] = await threeOf('race')
    const lost = await alice.prepare({ remove: [carol.group.ownLeaf] })
    const won = await bob.prepare()
    bob.take(won)
    for (const member of [alice, carol]) await member.receive(won.commit)
    expect(await carol.read(await alice.send('still here'))).toBe('still here')
    await expect(alice.engine.adopt(lost.pending, alice.group)).rejects.toMatchObject({ reason: 'lost_state' })
    await expect(carol.receive(lost.commit)).rejects.toMatchObject({ reason: 'pruned_epoch' })
  })

  test('does not continue another state', async () => {
    const [alice, bob] = await threeOf('other')
    const { engine } = alice
    const step = await alice.prepare()
    const elsewhere = (await groupOf(2, engine, 'another group')) as [Member, Member]
    await expect(engine.adopt(step.pending, elsewhere[0].group)).rejects.toMatchObject({ reason: 'wrong_group' })
    await expect(engine.adopt(step.pending, undefined)).rejects.toMatchObject({ reason: 'lost_state' })
    await expect(engine.adopt(step.pending.subarray(1), bob.group)).rejects.toMatchObject({ reason: 'lost_state' })
  })
})

describe('joining', () => {
  test('by Welcome tells who made it, and the roster', async () => {
    const [alice, bob] = await threeOf('welcome')
    const dave = await Member.create('dave', alice.engine)
    const made = await dave.keyPackage()
    const step = await bob.prepare({ add: [made.keyPackage], roster: utf8('alice, bob and dave') })
    bob.take(step)
    const asked: number[] = []
    const joined = await dave.engine.join({
      welcome: step.welcome ?? new Uint8Array(),
      secretOf: async (ref) => dave.keyPackages.get(ref),
      admitLeaf: ({ index }) => {
        asked.push(index)
        return undefined
      },
    })
    expect(asked).toEqual([0, 1, 2, 3])
    expect(joined).toMatchObject({ ref: made.ref, by: { index: 1 }, roster: utf8('alice, bob and dave') })
    dave.take(joined)
    dave.reload()
    await alice.receive(step.commit)
    expect(await alice.read(await dave.send('hello'))).toBe('hello')
  })

  const external = (engine: MlsEngine, member: Member, groupInfo: Uint8Array) =>
    engine.joinExternal({ device: member.device, groupInfo, aad: utf8('it is me'), admitLeaf: nobodyMinds })

  test('from outside, and once more in the place of the earlier self', async () => {
    const [alice, bob, carol] = await threeOf('external')
    const { engine } = alice
    const dave = await Member.create('dave', engine)
    const step = await alice.prepare({ roster: utf8('the roster') })
    alice.take(step)
    for (const member of [bob, carol]) await member.receive(step.commit)

    const first = await external(engine, dave, step.groupInfo)
    expect(first).toMatchObject({ by: { index: 0 }, roster: utf8('the roster'), replaced: undefined })
    dave.take(await engine.adopt(first.pending, undefined))
    for (const member of [alice, bob, carol]) {
      const { effect } = (await member.receive(first.commit)) as { effect: CommitEffect }
      const leaf = { index: 3, credential: utf8('dave'), signatureKey: dave.device.keys.publicKey }
      expect(effect).toEqual({ epoch: 2, by: leaf, external: true, added: [], removed: [], changed: [], aad: utf8('it is me') })
    }
    expect(await alice.read(await dave.send('here'))).toBe('here')

    const names = new Set(dave.records.keys())
    const second = await external(engine, dave, first.groupInfo)
    expect(second.replaced).toMatchObject({ index: 3 })
    for (const member of [alice, bob, carol]) {
      const { effect } = (await member.receive(second.commit)) as { effect: CommitEffect }
      expect(effect).toMatchObject({ external: true, by: { index: 3 }, removed: [{ index: 3 }] })
    }
    dave.take(await engine.adopt(second.pending, dave.group))
    expect([...dave.records.keys()].filter((name) => names.has(name)).sort()).toEqual(['group', 'tree'])
    dave.reload()
    expect(await dave.read(await bob.send('welcome back'))).toBe('welcome back')
    expect(await carol.read(await dave.send('thank you'))).toBe('thank you')
  })

  test('from outside: the earlier self learns that it is removed', async () => {
    const [alice, bob] = await threeOf('earlier self')
    const step = await alice.prepare()
    alice.take(step)
    await bob.receive(step.commit)
    const again = await external(bob.engine, bob, step.groupInfo)
    expect(await bob.receive(again.commit)).toMatchObject({ selfRemoved: true, effect: { external: true } })
    expect(bob.records.size).toBe(0)
  })

  test('from outside, when the credential is another one but the key is the same', async () => {
    const [alice, bob, carol] = await threeOf('new credential')
    const step = await alice.prepare()
    alice.take(step)
    for (const member of [bob, carol]) await member.receive(step.commit)
    const renewed = new Member('carol', carol.engine, { ...carol.device, credential: utf8('carol, certified anew') })
    const again = await external(carol.engine, renewed, step.groupInfo)
    expect(again.replaced).toMatchObject({ index: 2, credential: utf8('member 2') })
    await expect(alice.receive(again.commit, (effect) => `${effect.removed.length} removed`)).rejects.toThrow('1 removed')
  })
})

test('exported secrets are the same for all members of an epoch', async () => {
  const [alice, bob] = await threeOf('exporter')
  const secretOf = (member: Member, label: string) => member.engine.exportSecret(member.group, label, utf8('context'), 16)
  const secret = await secretOf(alice, 'signals')
  expect(secret).toHaveLength(16)
  expect(await secretOf(bob, 'signals')).toEqual(secret)
  expect(await secretOf(alice, 'other')).not.toEqual(secret)
  alice.take(await alice.prepare())
  expect(await secretOf(alice, 'signals')).not.toEqual(secret)
})

test.each([16, 32])('signals are sealed under keys of %i bytes', async (length) => {
  const engine = await testEngine('signals')
  const key = new Uint8Array(length).fill(7)
  const sealed = await engine.sealSignal(key, utf8('typing'), utf8('from alice'))
  expect(await engine.openSignal(key, sealed, utf8('from alice'))).toEqual(utf8('typing'))
  expect(await engine.sealSignal(key, utf8('typing'), utf8('from alice'))).not.toEqual(sealed)
  for (const wrong of [
    engine.openSignal(key, sealed, utf8('from bob')),
    engine.openSignal(new Uint8Array(length), sealed, utf8('from alice')),
    engine.openSignal(key, sealed.subarray(0, 11), utf8('from alice')),
    engine.openSignal(key, sealed.subarray(1), utf8('from alice')),
  ]) {
    await expect(wrong).rejects.toMatchObject({ reason: 'tampered' })
  }
})

test('signatures verify with their key and message alone', async () => {
  const engine = await testEngine('signatures')
  const { publicKey, privateKey } = await engine.generateSignatureKeys()
  expect([publicKey.length, privateKey.length]).toEqual([32, 32])
  const signature = await engine.sign(privateKey, utf8('this'))
  expect(await engine.verify(publicKey, utf8('this'), signature)).toBe(true)
  expect(await engine.verify(publicKey, utf8('that'), signature)).toBe(false)
  expect(await engine.verify(publicKey.subarray(1), utf8('this'), signature)).toBe(false)
  expect(await engine.verify(publicKey, utf8('this'), signature.subarray(1))).toBe(false)
})

test('time and chance come from the clock: the same clock makes the same bytes', async () => {
  const make = async () => {
    const [alice, bob] = await groupOf(2, await createMlsEngine({ clock: testClock('same') }))
    return [await alice?.send('hello'), (await bob?.prepare())?.commit, (await alice?.keyPackage())?.keyPackage]
  }
  expect(await make()).toEqual(await make())
})

test('a state is never changed by what is made of it', async () => {
  const [alice, bob] = await threeOf('immutable')
  const message = await alice.send('hello')
  const before = bob.group
  const one = await bob.engine.process(before, message, nobodyMinds)
  const two = await bob.engine.process(before, message, nobodyMinds)
  expect(two.changes).toEqual(one.changes)
  const commit = await bob.engine.commit(before, { add: [], remove: [], aad: new Uint8Array(), roster: noRoster })
  expect(commit.state.epoch).toBe(2)
  expect(before.epoch).toBe(1)
  expect(await bob.read(message)).toBe('hello')
})
