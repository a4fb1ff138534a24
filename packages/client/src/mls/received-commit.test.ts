import { createCommit } from 'ts-mls/createCommit.js'
import { encodeMlsMessage } from 'ts-mls/message.js'
import { describe, expect, test } from 'vitest'
import { utf8 } from './bytes.ts'
import type { CommitEffect } from './engine.ts'
import { decodeMessage } from './failures.ts'
import { flipped, suite } from './forge.suite.ts'
import { usable } from './group-state.ts'
import { toLibrary } from './library-state.ts'
import { groupOf, type Member, nobodyMinds, testEngine } from './members.suite.ts'
import { secretTreeOf } from './ratchets.ts'
import { receiveCommit } from './received-commit.ts'

/** Commits that ts-mls makes by itself, as a client without this engine would: private messages among them. */
async function foreignCommit(member: Member, remove: readonly number[], wireAsPublicMessage: boolean) {
  const state = usable(member.group)
  const handshake = state.parts.handshake.get(state.ownLeaf) ?? new Uint8Array()
  const { commit, newState } = await createCommit(
    { state: { ...toLibrary(state, []), secretTree: secretTreeOf(state.ownLeaf, { handshake }) }, cipherSuite: suite },
    {
      wireAsPublicMessage,
      authenticatedData: utf8('aad'),
      extraProposals: remove.map((removed) => ({ proposalType: 'remove', remove: { removed } })),
    },
  )
  return { message: encodeMlsMessage(commit), epochAuthenticator: newState.keySchedule.epochAuthenticator }
}

describe.each([
  ['public', true],
  ['private', false],
] as const)('a %s commit of another implementation', (form, open) => {
  test('is shown and applied', async () => {
    const engine = await testEngine(`foreign ${form}`)
    const [alice, bob, carol, dave] = (await groupOf(4, engine)) as [Member, Member, Member, Member]
    const { message, epochAuthenticator } = await foreignCommit(alice, [carol.group.ownLeaf], open)
    const effects: CommitEffect[] = []
    for (const member of [bob, dave]) {
      await member.receive(message, (effect) => {
        effects.push(effect)
        return undefined
      })
      expect(member.group.epochAuthenticator).toEqual(epochAuthenticator)
      member.reload()
    }
    expect(effects).toMatchObject([
      { by: { index: 0 }, removed: [{ index: 2 }], aad: utf8('aad') },
      { by: { index: 0 }, removed: [{ index: 2 }], aad: utf8('aad') },
    ])
    expect(await bob.read(await dave.send('after it'))).toBe('after it')
    expect(await carol.receive(message)).toMatchObject({ selfRemoved: true })
    expect(carol.records.size).toBe(0)
  })

  test('is refused as every other, and known as one’s own', async () => {
    const engine = await testEngine(`foreign ${form} refused`)
    const [alice, bob] = (await groupOf(3, engine)) as [Member, Member]
    const { message } = await foreignCommit(alice, [], open)
    await expect(alice.receive(message)).rejects.toMatchObject({ reason: 'own_message' })
    await expect(bob.receive(flipped(message))).rejects.toMatchObject({ reason: 'tampered' })
    await expect(bob.receive(message, () => 'no')).rejects.toMatchObject({ reason: 'refused', message: 'no' })
    await bob.receive(message)
    expect(bob.group.epoch).toBe(2)
  })
})

test('a commit whose path gives other private keys than public ones is refused', async () => {
  const engine = await testEngine('mismatch')
  const [alice, bob] = (await groupOf(3, engine)) as [Member, Member]
  const step = await alice.prepare()
  const { encryptionKeyOf } = suite
  const wrong = { ...suite, encryptionKeyOf: async (key: Uint8Array) => flipped(await encryptionKeyOf(key)) }
  const message = decodeMessage(step.commit, 'mls_public_message', 'malformed')
  await expect(receiveCommit(usable(bob.group), message, nobodyMinds, engine.clock.now(), wrong)).rejects.toMatchObject({
    reason: 'tampered',
    message: 'a path secret is of another key',
  })
  await expect(receiveCommit(usable(bob.group), message, nobodyMinds, engine.clock.now(), suite)).resolves.toMatchObject({
    kind: 'commit',
  })
})
