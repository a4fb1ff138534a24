import { initializeEpoch } from 'ts-mls/keySchedule.js'
import { removeLeafNode } from 'ts-mls/ratchetTree.js'
import { toLeafIndex } from 'ts-mls/treemath.js'
import { expect, test } from 'vitest'
import { byValue, signedCommit, suite } from './forge.suite.ts'
import { LoadedState, usable } from './group-state.ts'
import { groupOf, type Member, nobodyMinds, testEngine } from './members.suite.ts'

/** Who is removed knows all secrets of the epoch that ends: none of them may lead into the next one. */

const zeroes = new Uint8Array(32)

/** What the removed member would come to, who knows the old init secret and everything public, if a commit added nothing secret. */
async function guessed(removed: LoadedState, context: LoadedState['parts']['context']) {
  const { keySchedule } = await initializeEpoch(removed.parts.keySchedule.initSecret, zeroes, context, zeroes, suite.kdf)
  return keySchedule.epochAuthenticator
}

test('a removed member processes the commit that removes it, and reads nothing of what follows', async () => {
  const engine = await testEngine('removal')
  const [alice, bob, carol] = (await groupOf(3, engine)) as [Member, Member, Member]
  const kept = new LoadedState(usable(bob.group).parts)
  const keptRecords = new Map([...bob.records].map(([name, value]) => [name, value.slice()]))
  const removal = await alice.prepare({ remove: [bob.group.ownLeaf] })
  alice.take(removal)
  await carol.receive(removal.commit)

  const guess = await guessed(kept, usable(alice.group).parts.context)
  expect(guess).not.toEqual(alice.group.epochAuthenticator)
  expect(carol.group.epochAuthenticator).toEqual(alice.group.epochAuthenticator)

  const step = await engine.process(bob.group, removal.commit, nobodyMinds)
  expect(step).toMatchObject({ kind: 'commit', selfRemoved: true })
  bob.take(step)
  expect([...bob.records]).toEqual([])

  const rotation = await carol.prepare()
  const following = [await alice.send('without bob'), rotation.commit, removal.commit]
  const state = engine.loadGroup(keptRecords)
  for (const message of following) {
    await expect(engine.process(bob.group, message, nobodyMinds)).rejects.toMatchObject({ reason: 'removed' })
    if (message === removal.commit) continue
    await expect(engine.process(state, message, nobodyMinds)).rejects.toMatchObject({ reason: 'future_epoch' })
  }
  await expect(bob.send('still there?')).rejects.toMatchObject({ reason: 'removed' })
  await expect(bob.prepare()).rejects.toMatchObject({ reason: 'removed' })
})

test('the one who removes the last other member draws a secret for the next epoch', async () => {
  const engine = await testEngine('last other')
  const [alice, bob] = (await groupOf(2, engine)) as [Member, Member]
  const kept = engine.loadGroup(bob.records)
  alice.take(await alice.prepare({ remove: [bob.group.ownLeaf] }))
  const guess = await guessed(usable(kept), usable(alice.group).parts.context)
  expect(guess).not.toEqual(alice.group.epochAuthenticator)
})

test('a commit with nothing but a Remove and no path is refused, by those who stay and by who would go', async () => {
  const engine = await testEngine('no path')
  const [alice, bob, carol] = (await groupOf(3, engine)) as [Member, Member, Member]
  const leaf = bob.group.ownLeaf
  const tree = removeLeafNode(usable(alice.group).parts.tree, toLeafIndex(leaf))
  const commit = await signedCommit(
    alice.group,
    { proposals: byValue({ proposalType: 'remove', remove: { removed: leaf } }) },
    tree,
  )
  for (const member of [bob, carol]) {
    await expect(member.receive(commit)).rejects.toMatchObject({
      reason: 'refused',
      message: expect.stringContaining('update path'),
    })
  }
  expect(await carol.read(await alice.send('all as before'))).toBe('all as before')
})
