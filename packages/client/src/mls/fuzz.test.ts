import { decodeCommit, encodeCommit } from 'ts-mls/commit.js'
import type { Extension } from 'ts-mls/extension.js'
import { decodeRatchetTree, encodeRatchetTree } from 'ts-mls/ratchetTree.js'
import { describe, expect, test } from 'vitest'
import { utf8 } from './bytes.ts'
import { MlsFailure } from './engine.ts'
import { decodeMessage } from './failures.ts'
import { alteredGroupInfo, none, signedCommit } from './forge.suite.ts'
import { usable } from './group-state.ts'
import { Chance, groupOf, Member, nobodyMinds, testEngine } from './members.suite.ts'

/** Bytes that were changed or cut anywhere give a MlsFailure, nothing else, and leave the genuine ones readable. */

const engine = await testEngine('fuzz')
const [alice, bob] = (await groupOf(3, engine)) as [Member, Member, Member]
const dave = await Member.create('dave', engine)
const { keyPackage } = await dave.keyPackage()
const added = await alice.prepare({ add: [keyPackage], aad: utf8('aad') })

/** Each byte with one bit changed, each length that is too short, and one that is too long. */
function* spoilt(bytes: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += 1) {
    yield bytes.with(i, (bytes[i] ?? 0) ^ (1 << (i % 8)))
    yield bytes.subarray(0, i)
  }
  yield new Uint8Array([...bytes, 0])
}

async function onlyFailures(variants: Iterable<Uint8Array>, read: (bytes: Uint8Array) => Promise<unknown>): Promise<Set<string>> {
  const reasons = new Set<string>()
  for (const variant of variants) {
    const error = await read(variant).then(
      () => new Error('was accepted'),
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(MlsFailure)
    reasons.add((error as MlsFailure).reason)
  }
  return reasons
}

const process = (bytes: Uint8Array) => engine.process(bob.group, bytes, nobodyMinds)
const join = (welcome: Uint8Array) =>
  engine.join({ welcome, secretOf: async (ref) => dave.keyPackages.get(ref), admitLeaf: nobodyMinds })
const joinExternal = (groupInfo: Uint8Array) =>
  engine.joinExternal({ device: dave.device, groupInfo, aad: none, admitLeaf: nobodyMinds })

describe('every byte and every length', () => {
  test('of an application message', async () => {
    const { message } = await engine.encrypt(alice.group, utf8('hello'), { aad: utf8('aad') })
    const reasons = await onlyFailures(spoilt(message), process)
    expect([...reasons]).toEqual(expect.arrayContaining(['malformed', 'unsupported', 'wrong_group', 'future_epoch', 'tampered']))
    await expect(process(message)).resolves.toMatchObject({ plaintext: utf8('hello') })
  }, 60_000)

  test('of a commit', async () => {
    const reasons = await onlyFailures(spoilt(added.commit), process)
    expect([...reasons]).toEqual(expect.arrayContaining(['malformed', 'unsupported', 'wrong_group', 'future_epoch', 'tampered']))
    const { state } = await process(added.commit)
    expect(state.epochAuthenticator).toEqual(added.state.epochAuthenticator)
  }, 60_000)

  test('of a Welcome', async () => {
    const welcome = added.welcome ?? none
    const reasons = await onlyFailures(spoilt(welcome), join)
    expect([...reasons].sort()).toEqual(['invalid_welcome', 'no_key_package', 'unsupported'])
    const { state } = await join(welcome)
    expect(state.epochAuthenticator).toEqual(added.state.epochAuthenticator)
  }, 60_000)

  test('of a GroupInfo', async () => {
    const reasons = await onlyFailures(spoilt(added.groupInfo), joinExternal)
    expect([...reasons]).toEqual(expect.arrayContaining(['invalid_group_info']))
    await expect(joinExternal(added.groupInfo)).resolves.toMatchObject({ replaced: { index: 3 } })
  }, 60_000)

  test('of a key package', async () => {
    const reasons = await onlyFailures(spoilt(keyPackage), (bytes) => engine.readKeyPackage(bytes))
    expect([...reasons]).toEqual(['invalid_key_package'])
    await expect(engine.readKeyPackage(keyPackage)).resolves.toMatchObject({ lastResort: false })
  }, 60_000)

  test('of a pending commit and of a record', async () => {
    const prepared = await alice.prepare()
    const lengths = Array.from({ length: prepared.pending.length }, (_, i) => prepared.pending.subarray(0, i))
    await onlyFailures(lengths, (bytes) => engine.adopt(bytes, alice.group))
    for (const [name, value] of bob.records) {
      const cut = Array.from({ length: value.length }, (_, i) => value.subarray(0, i))
      await onlyFailures(cut, async (bytes) => engine.loadGroup(new Map(bob.records).set(name, bytes)))
    }
  }, 60_000)
})

/** Where the bytes are signed after the change, by a member who means harm. */
describe('signed rightly', () => {
  const chance = new Chance('harm')
  const changed = (bytes: Uint8Array) => {
    const at = chance.number(bytes.length)
    return bytes.with(at, chance.number(2) === 0 ? chance.number(256) : (bytes[at] ?? 0) ^ (1 << chance.number(8)))
  }

  const isTree = ({ extensionType }: Extension) => extensionType === 'ratchet_tree'
  const treeIn = (groupInfo: Uint8Array) => {
    const tree = decodeMessage(groupInfo, 'mls_group_info', 'malformed').groupInfo.extensions.find(isTree)
    return tree?.extensionData ?? none
  }
  const withTree = (extensionData: Uint8Array) =>
    alteredGroupInfo(
      added.groupInfo,
      (info) => ({ ...info, extensions: info.extensions.map((e) => (isTree(e) ? { ...e, extensionData } : e)) }),
      usable(added.state),
    )
  const isSameTree = (tree: Uint8Array, genuine: Uint8Array) => {
    try {
      const [decoded] = decodeRatchetTree(tree, 0) ?? []
      return decoded !== undefined && Buffer.from(genuine).equals(encodeRatchetTree(decoded))
    } catch {
      return false
    }
  }

  test('a tree with anything in it', async () => {
    const genuine = treeIn(added.groupInfo)
    const variants: Uint8Array[] = []
    while (variants.length < 250) {
      const tree = changed(genuine)
      // Some bytes can be written in two ways: then it is the same tree.
      if (!isSameTree(tree, genuine)) variants.push(await withTree(tree))
    }
    await onlyFailures(variants, joinExternal)
    await expect(joinExternal(await withTree(genuine))).resolves.toMatchObject({ replaced: { index: 3 } })
  }, 60_000)

  test('a commit with anything in it', async () => {
    const { content } = decodeMessage(added.commit, 'mls_public_message', 'malformed').publicMessage
    if (content.contentType !== 'commit') throw new Error('no commit')
    const bytes = encodeCommit(content.commit)
    const variants: Uint8Array[] = []
    while (variants.length < 250) {
      try {
        const [commit, length] = decodeCommit(changed(bytes), 0) ?? []
        if (commit !== undefined && length === bytes.length) {
          variants.push(
            await signedCommit(alice.group, { proposals: commit.proposals, ...(commit.path && { path: commit.path }) }),
          )
        }
      } catch {
        // What cannot be decoded cannot be signed.
      }
    }
    const reasons = await onlyFailures(variants, process)
    expect(reasons.size).toBeGreaterThan(2)
    await expect(process(added.commit)).resolves.toMatchObject({ kind: 'commit' })
  }, 60_000)
})
