import { encode } from 'ts-mls/codec/tlsEncoder.js'
import { varLenDataEncoder } from 'ts-mls/codec/variableLength.js'
import { encodeMlsMessage } from 'ts-mls/message.js'
import { type protect, protectApplicationData, protectProposal } from 'ts-mls/messageProtection.js'
import { protectProposalPublic } from 'ts-mls/messageProtectionPublic.js'
import type { Proposal } from 'ts-mls/proposal.js'
import { addLeafNode, removeLeafNode } from 'ts-mls/ratchetTree.js'
import { toLeafIndex } from 'ts-mls/treemath.js'
import { describe, expect, test } from 'vitest'
import { utf8 } from './bytes.ts'
import type { CommitEffect, MlsFailureReason } from './engine.ts'
import {
  altered,
  alteredGroupInfo,
  byValue,
  flipped,
  forgedCommit,
  forgedKeyPackage,
  none,
  pathOf,
  signedCommit,
  suite,
} from './forge.suite.ts'
import { LoadedState, usable } from './group-state.ts'
import { groupOf, Member, nobodyMinds, noRoster, startMs, testClock, testEngine } from './members.suite.ts'
import { secretTreeOf } from './ratchets.ts'
import { rosterExtension } from './roster-extension.ts'
import { createMlsEngine } from './ts-mls-engine.ts'

/** What must be refused, and why: after each refusal the group goes on. */

const engine = await testEngine('refusals')
const [alice, bob, carol] = (await groupOf(3, engine)) as [Member, Member, Member]
const dave = await Member.create('dave', engine)
/** Made and never sent. */
const current = await alice.prepare()
const remove = (removed: number): Proposal => ({ proposalType: 'remove', remove: { removed } })
const parts = () => usable(alice.group).parts
const packed = (privateMessage: Awaited<ReturnType<typeof protect>>['privateMessage']) =>
  encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage })

async function refuses(message: Uint8Array, reason: MlsFailureReason, by = bob): Promise<void> {
  const { group } = by
  await expect(engine.process(group, message, nobodyMinds)).rejects.toMatchObject({ name: 'MlsFailure', reason })
  expect(by.group).toBe(group)
  const genuine = await alice.engine.encrypt(alice.group, utf8('genuine'))
  await expect(engine.process(by.group, genuine.message, nobodyMinds)).resolves.toMatchObject({ plaintext: utf8('genuine') })
}

describe('messages', () => {
  /** As if the sender had another place, key or sequence. */
  async function sentAs(change: {
    leaf?: number
    generation?: number
    key?: Uint8Array
    group?: Uint8Array
  }): Promise<Uint8Array> {
    const { leaf = 0, generation = 0, key = parts().signaturePrivateKey, group = parts().context.groupId } = change
    const ratchet = { secret: parts().ratchets.get(leaf)?.secret ?? new Uint8Array(32), generation, skipped: new Map() }
    const { privateMessage } = await protectApplicationData(
      key,
      parts().keySchedule.senderDataSecret,
      utf8('forged'),
      none,
      { ...parts().context, groupId: group },
      secretTreeOf(leaf, { application: ratchet }),
      leaf,
      { kind: 'alwaysPad', paddingLength: 0 },
      suite,
    )
    return packed(privateMessage)
  }

  test('of another group', async () => {
    const others = (await groupOf(2, engine, 'another group')) as [Member, Member]
    await refuses(await others[0].send('hello'), 'wrong_group')
    await refuses((await others[0].prepare()).commit, 'wrong_group')
  })

  test('of a Welcome, a GroupInfo or a key package', async () => {
    const step = await alice.prepare({ add: [(await dave.keyPackage()).keyPackage] })
    await refuses(step.welcome ?? none, 'malformed')
    await refuses(step.groupInfo, 'malformed')
    await refuses((await dave.keyPackage()).keyPackage, 'malformed')
  })

  test('with something after their end', async () => {
    const { message } = await engine.encrypt(alice.group, utf8('hello'))
    await refuses(new Uint8Array([...message, 0]), 'malformed')
  })

  test('of another protocol version', async () => {
    const { message } = await engine.encrypt(alice.group, utf8('hello'))
    await refuses(flipped(message, 0), 'unsupported')
  })

  test('with changed ciphertext, sender data, authenticated data or content type', async () => {
    const { message } = await engine.encrypt(alice.group, utf8('hello'), { aad: utf8('aad') })
    const contentType = 4 + 1 + parts().context.groupId.length + 8
    await refuses(flipped(message), 'tampered')
    await refuses(flipped(message, contentType + 3), 'tampered')
    await refuses(flipped(message, contentType + 8), 'tampered')
    await refuses(message.with(contentType, 3), 'tampered')
  })

  test('whose epoch was changed', async () => {
    const { message } = await engine.encrypt(alice.group, utf8('hello'))
    const epoch = 4 + 1 + parts().context.groupId.length + 7
    await refuses(message.with(epoch, 2), 'future_epoch')
    await refuses(message.with(epoch, 0), 'pruned_epoch')
  })

  test('of a leaf that is not there', async () => {
    await refuses(await sentAs({ leaf: 3 }), 'tampered')
    await refuses(await sentAs({ leaf: 77 }), 'tampered')
  })

  test('signed by another member than the one whose keys were used', async () => {
    await refuses(await sentAs({ key: carol.device.keys.privateKey }), 'tampered')
    await refuses(await sentAs({ leaf: carol.group.ownLeaf }), 'tampered')
  })

  test('too far ahead', async () => {
    await refuses(await sentAs({ generation: 10_001 }), 'too_far_ahead')
    await refuses(await sentAs({ generation: 0xffff_ffff }), 'too_far_ahead')
  })

  test('that say to be one’s own', async () => {
    await refuses(await sentAs({ leaf: bob.group.ownLeaf }), 'own_message')
  })

  test('with padding that is not zero', async () => {
    const spoilt = { ...suite, hpke: { ...suite.hpke, encryptAead: spoiling } }
    async function spoiling(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array | undefined, plaintext: Uint8Array) {
      return suite.hpke.encryptAead(key, nonce, aad, plaintext.length > 60 ? plaintext.with(-1, 1) : plaintext)
    }
    const { privateMessage } = await protectApplicationData(
      parts().signaturePrivateKey,
      parts().keySchedule.senderDataSecret,
      utf8('padded'),
      none,
      parts().context,
      secretTreeOf(0, { application: parts().ratchets.get(0)! }),
      0,
      { kind: 'alwaysPad', paddingLength: 3 },
      spoilt,
    )
    await refuses(packed(privateMessage), 'tampered')
  })

  test('of applications in the clear', async () => {
    const { groupId } = parts().context
    const framed = [0, 1, 0, 1, groupId.length, ...groupId, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 5]
    await refuses(Uint8Array.from(framed), 'malformed')
  })

  test('that are proposals, public or private', async () => {
    const { signaturePrivateKey, keySchedule, context } = parts()
    const proposal = remove(2)
    const open = await protectProposalPublic(signaturePrivateKey, keySchedule.membershipKey, context, none, proposal, 0, suite)
    await refuses(encodeMlsMessage({ version: 'mls10', wireformat: 'mls_public_message', ...open }), 'unsupported')
    const tree = secretTreeOf(0, { handshake: parts().handshake.get(0) ?? none })
    const padding = { kind: 'alwaysPad', paddingLength: 0 } as const
    const sealed = await protectProposal(
      signaturePrivateKey,
      keySchedule.senderDataSecret,
      proposal,
      none,
      context,
      tree,
      0,
      padding,
      suite,
    )
    await refuses(packed(sealed.privateMessage), 'unsupported')
  })
})

describe('commits', () => {
  const path = async () => pathOf(await forgedCommit(alice.group))

  test('with a wrong membership tag', async () => {
    const { commit } = await alice.prepare()
    const spoil = (change: (tag: Uint8Array) => Uint8Array) =>
      altered(
        alice.group,
        commit,
        (message) => (message.senderType === 'member' ? { ...message, membershipTag: change(message.membershipTag) } : message),
        { retag: false },
      )
    await refuses(await spoil(flipped), 'tampered')
    await refuses(await spoil(() => none), 'tampered')
  })

  test('with a wrong confirmation tag', async () => {
    const { commit } = await alice.prepare()
    const spoilt = await altered(
      alice.group,
      commit,
      ({ auth, ...message }) => {
        if (auth.contentType !== 'commit') throw new Error('no commit')
        return { ...message, auth: { ...auth, confirmationTag: flipped(auth.confirmationTag) } }
      },
      { retag: true },
    )
    await refuses(spoilt, 'tampered')
  })

  test('with a wrong signature', async () => {
    const { commit } = await alice.prepare()
    const spoilt = await altered(
      alice.group,
      commit,
      ({ auth, ...message }) => ({ ...message, auth: { ...auth, signature: flipped(auth.signature) } }),
      { retag: true },
    )
    await refuses(spoilt, 'tampered')
  })

  test('with changed authenticated data', async () => {
    const { commit } = await alice.prepare({ aad: utf8('alice is an owner') })
    const spoilt = await altered(
      alice.group,
      commit,
      ({ content, ...message }) => ({ ...message, content: { ...content, authenticatedData: utf8('alice is no owner') } }),
      { retag: true },
    )
    await refuses(spoilt, 'tampered')
  })

  test('in the name of another member', async () => {
    const sender = { senderType: 'member' as const, leafIndex: carol.group.ownLeaf }
    await refuses(await forgedCommit(alice.group, { sender }), 'tampered')
  })

  test('in the name of nobody in the tree', async () => {
    await refuses(await forgedCommit(alice.group, { sender: { senderType: 'member', leafIndex: 9 } }), 'tampered')
  })

  test('from a sender outside of the group', async () => {
    await refuses(await forgedCommit(alice.group, { sender: { senderType: 'external', senderIndex: 0 } }), 'tampered')
  })

  test('with proposals by reference', async () => {
    const proposals = [{ proposalOrRefType: 'reference' as const, reference: new Uint8Array(32) }]
    await refuses(await signedCommit(alice.group, { proposals, path: await path() }), 'unsupported')
  })

  test.each<[string, () => Proposal | Promise<Proposal>]>([
    ['psk', () => ({ proposalType: 'psk', psk: { preSharedKeyId: { psktype: 'external', pskId: none, pskNonce: none } } })],
    [
      'reinit',
      () => ({
        proposalType: 'reinit',
        reinit: { groupId: utf8('new'), version: 'mls10', cipherSuite: suite.name, extensions: [] },
      }),
    ],
    [
      'group_context_extensions',
      () => ({ proposalType: 'group_context_extensions', groupContextExtensions: { extensions: [] } }),
    ],
    ['of one’s own kind', () => ({ proposalType: 0xf123, proposalData: utf8('x') })],
  ])('with a %s proposal', async (_, proposal) => {
    const commit = await signedCommit(alice.group, { proposals: byValue(await proposal()), path: await path() })
    await refuses(commit, 'unsupported')
  })

  test('with a path missing: for a Remove, an Add and nothing', async () => {
    const { keyPackage } = await forgedKeyPackage(dave.device)
    const { tree } = parts()
    const without = removeLeafNode(tree, toLeafIndex(2))
    await refuses(await signedCommit(alice.group, { proposals: byValue(remove(2)) }, without), 'refused')
    const added: Proposal = { proposalType: 'add', add: { keyPackage } }
    await refuses(
      await signedCommit(alice.group, { proposals: byValue(added) }, addLeafNode(tree, keyPackage.leafNode)[0]),
      'refused',
    )
    await refuses(await signedCommit(alice.group, { proposals: [] }), 'refused')
  })

  test.each([
    ['a blank leaf', [3]],
    ['a leaf beyond the tree', [1_000_000]],
    ['the highest index there is', [0xffff_ffff]],
    ['one leaf twice', [2, 2]],
    ['the committer', [0]],
  ])('that remove %s', async (_, leaves) => {
    await refuses(await forgedCommit(alice.group, { proposals: leaves.map(remove) }), 'refused')
  })

  async function adding(...keyPackages: Awaited<ReturnType<typeof forgedKeyPackage>>[]): Promise<Uint8Array> {
    let { tree } = parts()
    const added = keyPackages.map(({ keyPackage }) => {
      const [larger, node] = addLeafNode(tree, keyPackage.leafNode)
      tree = larger
      return { leafIndex: node / 2, keyPackage }
    })
    const proposals = keyPackages.map(({ keyPackage }): Proposal => ({ proposalType: 'add', add: { keyPackage } }))
    return forgedCommit(alice.group, { proposals, added, tree })
  }

  test('that add a signature key for the second time', async () => {
    await refuses(await adding(await forgedKeyPackage(carol.device)), 'refused')
    await refuses(await adding(await forgedKeyPackage(dave.device), await forgedKeyPackage(dave.device)), 'refused')
  })

  test('that add an encryption key for the second time', async () => {
    const node = parts().tree[4]
    if (node?.nodeType !== 'leaf') throw new Error('carol has gone')
    const { hpkePublicKey } = node.leaf
    const rewrite = <T extends { leafNode: object }>(keyPackage: T) => ({
      ...keyPackage,
      leafNode: { ...keyPackage.leafNode, hpkePublicKey },
    })
    await refuses(await adding(await forgedKeyPackage(dave.device, { rewrite })), 'refused')
  })

  test('that add a key package of another suite, badly signed, or unable', async () => {
    const cipherSuite = 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519'
    await refuses(await adding(await forgedKeyPackage(dave.device, { cipherSuite })), 'invalid_key_package')
    const spoil = <T extends { signature: Uint8Array }>(keyPackage: T) => ({
      ...keyPackage,
      signature: flipped(keyPackage.signature),
    })
    await refuses(await adding(await forgedKeyPackage(dave.device, { spoil })), 'invalid_key_package')
    await refuses(await adding(await forgedKeyPackage(dave.device, { capabilities: { extensions: [] } })), 'invalid_key_package')
  })

  test('that add a key package which had expired long before', async () => {
    const day = 86_400n
    const start = BigInt(startMs / 1000)
    const expired = (daysAgo: bigint) =>
      forgedKeyPackage(dave.device, { lifetime: { notBefore: start - 200n * day, notAfter: start - daysAgo * day } })
    await refuses(await adding(await expired(61n)), 'invalid_key_package')
    const late = await adding(await expired(59n))
    await expect(engine.process(bob.group, late, nobodyMinds)).resolves.toMatchObject({ kind: 'commit' })
  })

  test('whose path repeats a key: the committer’s own, one of the tree, or one of the path', async () => {
    const genuine = await path()
    const [node] = genuine.nodes
    if (node === undefined) throw new Error('a path without nodes')
    const own = parts().tree[0]
    const root = parts().tree[1]
    if (own?.nodeType !== 'leaf' || root?.nodeType !== 'parent') throw new Error('another tree than expected')
    const hpkePublicKey = own.leaf.hpkePublicKey
    for (const repeated of [
      { ...genuine, leafNode: { ...genuine.leafNode, hpkePublicKey } },
      { ...genuine, nodes: [{ ...node, hpkePublicKey: root.parent.hpkePublicKey }, ...genuine.nodes.slice(1)] },
      { ...genuine, nodes: [node, node] },
    ]) {
      await refuses(await signedCommit(alice.group, { proposals: [], path: repeated }), 'refused')
    }
  })

  test('whose path is too short, of another commit, or badly signed', async () => {
    const genuine = await path()
    const other = await path()
    for (const wrong of [
      { ...genuine, nodes: genuine.nodes.slice(1) },
      { ...genuine, nodes: other.nodes },
      { ...genuine, leafNode: { ...genuine.leafNode, signature: flipped(genuine.leafNode.signature) } },
      { ...genuine, leafNode: { ...genuine.leafNode, parentHash: none } },
    ]) {
      await refuses(await signedCommit(alice.group, { proposals: [], path: wrong }), 'tampered')
    }
  })

  test('whose path is encrypted to nobody', async () => {
    const genuine = await path()
    const empty = { ...genuine, nodes: genuine.nodes.map((node) => ({ ...node, encryptedPathSecret: [] })) }
    await refuses(await signedCommit(alice.group, { proposals: [], path: empty }), 'tampered')
  })

  test('that change the committer’s credential without leave', async () => {
    const device = { ...alice.device, credential: utf8('somebody else') }
    const own = await forgedKeyPackage(device)
    const tree = parts().tree.slice()
    tree[0] = { nodeType: 'leaf', leaf: own.keyPackage.leafNode }
    const commit = await forgedCommit(alice.group, { tree })
    const rule = ({ changed }: CommitEffect) => (changed.length === 0 ? undefined : `changes ${changed.length}`)
    await expect(engine.process(bob.group, commit, rule)).rejects.toMatchObject({ reason: 'refused', message: 'changes 1' })
    await expect(engine.process(bob.group, commit, nobodyMinds)).resolves.toMatchObject({
      effect: {
        by: { credential: utf8('member 0') },
        changed: [{ before: { credential: utf8('member 0') }, after: { index: 0, credential: utf8('somebody else') } }],
      },
    })
  })
  test('with a committer’s leaf that cannot do what the group requires', async () => {
    const unable = await forgedKeyPackage(alice.device, { capabilities: { extensions: [] } })
    const tree = parts().tree.slice()
    tree[0] = { nodeType: 'leaf', leaf: unable.keyPackage.leafNode }
    await refuses(await forgedCommit(alice.group, { tree }), 'refused')
  })

  test('of an old epoch, sent again', async () => {
    const members = (await groupOf(2, engine, 'replays')) as [Member, Member]
    const step = await members[0].prepare()
    members[0].take(step)
    await members[1].receive(step.commit)
    await expect(members[1].receive(step.commit)).rejects.toMatchObject({ reason: 'pruned_epoch' })
  })

  test('that mix the proposals of members with those of joiners', async () => {
    const init: Proposal = { proposalType: 'external_init', externalInit: { kemOutput: new Uint8Array(32) } }
    await refuses(await forgedCommit(alice.group, { proposals: [init] }), 'refused')
    const { keyPackage } = await forgedKeyPackage(dave.device)
    const [tree, node] = addLeafNode(parts().tree, keyPackage.leafNode)
    const outside = (proposals: Proposal[]) =>
      forgedCommit(alice.group, {
        sender: { senderType: 'new_member_commit' },
        leafIndex: node / 2,
        tree,
        proposals,
        signaturePrivateKey: dave.device.keys.privateKey,
      })
    for (const proposals of [
      [],
      [init, init],
      [init, remove(1), remove(2)],
      [init, { proposalType: 'add' as const, add: { keyPackage } }],
    ]) {
      await refuses(await outside(proposals), 'refused')
    }
    await refuses(await outside([init]), 'tampered')
  })
})

describe('a Welcome', () => {
  const invited = async () => {
    const made = await dave.keyPackage()
    const step = await alice.prepare({ add: [made.keyPackage] })
    return { made, welcome: step.welcome ?? none }
  }
  const join = (welcome: Uint8Array, secretOf: (ref: string) => Uint8Array | undefined = (ref) => dave.keyPackages.get(ref)) =>
    engine.join({ welcome, secretOf: async (ref) => secretOf(ref), admitLeaf: nobodyMinds })

  test('for another device', async () => {
    const { welcome } = await invited()
    await expect(join(welcome, () => undefined)).rejects.toMatchObject({ reason: 'no_key_package' })
  })

  test('with the secret of another key package', async () => {
    const { welcome } = await invited()
    const { secret } = await dave.keyPackage()
    await expect(join(welcome, () => secret)).rejects.toMatchObject({ reason: 'no_key_package' })
    await expect(join(welcome, () => none)).rejects.toMatchObject({ reason: 'no_key_package' })
  })

  test('of another suite', async () => {
    const { welcome } = await invited()
    await expect(join(welcome.with(5, 3))).rejects.toMatchObject({ reason: 'unsupported' })
  })

  test('that was changed, cut or is none', async () => {
    const { welcome } = await invited()
    for (const wrong of [flipped(welcome), welcome.subarray(0, -1), none, (await alice.prepare()).commit]) {
      await expect(join(wrong)).rejects.toMatchObject({ reason: 'invalid_welcome' })
    }
  })

  test('to a group with a leaf that nobody vouches for', async () => {
    const { welcome } = await invited()
    const joined = engine.join({
      welcome,
      secretOf: async (ref) => dave.keyPackages.get(ref),
      admitLeaf: ({ index }) => (index === 1 ? 'bob is a stranger' : undefined),
    })
    await expect(joined).rejects.toMatchObject({ reason: 'refused_leaf', message: 'bob is a stranger' })
  })
})

describe('a GroupInfo', () => {
  const outside = (groupInfo: Uint8Array, admitGroupInfo = (): string | undefined => undefined) =>
    engine.joinExternal({ device: dave.device, groupInfo, aad: none, admitLeaf: nobodyMinds, admitGroupInfo })
  const { state } = current
  const resigned = (change: Parameters<typeof alteredGroupInfo>[1]) => alteredGroupInfo(current.groupInfo, change, usable(state))

  test.each<[string, Parameters<typeof alteredGroupInfo>[1], MlsFailureReason]>([
    [
      'without a tree',
      (info) => ({ ...info, extensions: info.extensions.filter((e) => e.extensionType !== 'ratchet_tree') }),
      'invalid_group_info',
    ],
    [
      'without an external key',
      (info) => ({ ...info, extensions: info.extensions.filter((e) => e.extensionType !== 'external_pub') }),
      'invalid_group_info',
    ],
    [
      'without a roster',
      (info) => ({ ...info, extensions: info.extensions.filter((e) => e.extensionType !== rosterExtension) }),
      'invalid_group_info',
    ],
    [
      'with two rosters',
      (info) => ({ ...info, extensions: [...info.extensions, { extensionType: rosterExtension, extensionData: noRoster }] }),
      'invalid_group_info',
    ],
    ['by a signer who is not there', (info) => ({ ...info, signer: 9 }), 'invalid_group_info'],
    ['in the name of another', (info) => ({ ...info, signer: 1 }), 'invalid_group_info'],
    [
      'of another tree',
      (info) => ({ ...info, groupContext: { ...info.groupContext, treeHash: new Uint8Array(32) } }),
      'invalid_group_info',
    ],
    [
      'without the required capabilities',
      (info) => ({ ...info, groupContext: { ...info.groupContext, extensions: [] } }),
      'unsupported',
    ],
    [
      'of another suite',
      (info) => ({ ...info, groupContext: { ...info.groupContext, cipherSuite: 'MLS_128_DHKEMP256_AES128GCM_SHA256_P256' } }),
      'unsupported',
    ],
    [
      'with an external key of no length',
      (info) => ({
        ...info,
        extensions: info.extensions.map((e) =>
          e.extensionType === 'external_pub' ? { ...e, extensionData: e.extensionData.subarray(1) } : e,
        ),
      }),
      'invalid_group_info',
    ],
  ])('%s', async (_, change, reason) => {
    await expect(outside(await resigned(change))).rejects.toMatchObject({ name: 'MlsFailure', reason })
  })

  test('whose signature is wrong', async () => {
    const roster = { extensionType: rosterExtension, extensionData: utf8('dave is an owner') }
    const wrong = await alteredGroupInfo(
      current.groupInfo,
      (info) => ({ ...info, extensions: [...info.extensions.filter((e) => e.extensionType !== rosterExtension), roster] }),
      undefined,
    )
    await expect(outside(wrong)).rejects.toMatchObject({ reason: 'invalid_group_info' })
  })

  test('that the caller does not want', async () => {
    await expect(outside(current.groupInfo, () => 'too old')).rejects.toMatchObject({ reason: 'refused', message: 'too old' })
    const joined = engine.joinExternal({
      device: dave.device,
      groupInfo: current.groupInfo,
      aad: none,
      admitLeaf: ({ index }) => (index === 2 ? 'carol is a stranger' : undefined),
    })
    await expect(joined).rejects.toMatchObject({ reason: 'refused_leaf', message: 'carol is a stranger' })
  })

  test('of an epoch that is over leads nowhere', async () => {
    const members = (await groupOf(2, engine, 'stale')) as [Member, Member]
    const old = await members[0].prepare()
    members[0].take(old)
    await members[1].receive(old.commit)
    const { commit } = await engine.joinExternal({
      device: dave.device,
      groupInfo: old.groupInfo,
      aad: none,
      admitLeaf: nobodyMinds,
    })
    const next = await members[1].prepare()
    members[1].take(next)
    await expect(members[1].receive(commit)).rejects.toMatchObject({ reason: 'pruned_epoch' })
    await expect(bob.receive(commit)).rejects.toMatchObject({ reason: 'wrong_group' })
  })

  test('with another external key makes a commit that members refuse', async () => {
    const members = (await groupOf(2, engine, 'other key')) as [Member, Member]
    const step = await members[0].prepare()
    members[0].take(step)
    await members[1].receive(step.commit)
    const key = encode(varLenDataEncoder)(await suite.encryptionKeyOf(new Uint8Array(32).fill(9)))
    const wrong = await alteredGroupInfo(
      step.groupInfo,
      (info) => ({
        ...info,
        extensions: info.extensions.map((e) => (e.extensionType === 'external_pub' ? { ...e, extensionData: key } : e)),
      }),
      usable(members[0].group),
    )
    const { commit } = await engine.joinExternal({ device: dave.device, groupInfo: wrong, aad: none, admitLeaf: nobodyMinds })
    await expect(members[1].receive(commit)).rejects.toMatchObject({ reason: 'tampered' })
    expect(await members[1].read(await members[0].send('goes on'))).toBe('goes on')
  })
})

describe('what one would do oneself', () => {
  test.each([
    ['add an expired key package', async () => ({ add: [await expiredPackage()] }), 'invalid_key_package'],
    ['add no key package', async () => ({ add: [none] }), 'invalid_key_package'],
    ['add who is there', async () => ({ add: [(await carol.keyPackage()).keyPackage] }), 'invalid_key_package'],
    ['remove who is not there', async () => ({ remove: [7] }), 'refused'],
    ['remove somebody twice', async () => ({ remove: [1, 1] }), 'refused'],
    ['remove oneself', async () => ({ remove: [0] }), 'refused'],
  ])('%s', async (_, change, reason) => {
    await expect(alice.prepare(await change())).rejects.toMatchObject({ name: 'MlsFailure', reason })
  })

  async function expiredPackage(): Promise<Uint8Array> {
    const clock = testClock('the past')
    clock.advance(-91 * 86_400_000)
    return (await (await createMlsEngine({ clock })).createKeyPackage(dave.device)).keyPackage
  }
})

test('a state that is not this engine’s is a mistake of the caller', async () => {
  const foreign = { ...alice.group, leaves: [] }
  await expect(engine.encrypt(foreign, none)).rejects.toThrow(TypeError)
  expect(alice.group).toBeInstanceOf(LoadedState)
})
