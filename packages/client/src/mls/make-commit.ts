import { nextEpochContext } from 'ts-mls/clientState.js'
import { encode } from 'ts-mls/codec/tlsEncoder.js'
import { varLenDataEncoder } from 'ts-mls/codec/variableLength.js'
import { createConfirmationTag, createContentCommitSignature } from 'ts-mls/framedContent.js'
import type { GroupContext } from 'ts-mls/groupContext.js'
import { type encodeGroupInfo, signGroupInfo } from 'ts-mls/groupInfo.js'
import { type KeyPackage, makeKeyPackageRef } from 'ts-mls/keyPackage.js'
import { initializeEpoch } from 'ts-mls/keySchedule.js'
import { encodeMlsMessage } from 'ts-mls/message.js'
import { protectPublicMessage } from 'ts-mls/messageProtectionPublic.js'
import { getCommitSecret, pathToPathSecrets } from 'ts-mls/pathSecrets.js'
import { toPrivateKeyPath } from 'ts-mls/privateKeyPath.js'
import type { Proposal } from 'ts-mls/proposal.js'
import { encodeRatchetTree, type RatchetTree } from 'ts-mls/ratchetTree.js'
import { createSecretTree } from 'ts-mls/secretTree.js'
import type { Sender } from 'ts-mls/sender.js'
import { treeHashRoot } from 'ts-mls/treeHash.js'
import { leafToNodeIndex, leafWidth, toLeafIndex, toNodeIndex } from 'ts-mls/treemath.js'
import { createUpdatePath, firstCommonAncestor, type PathSecret } from 'ts-mls/updatePath.js'
import { encryptGroupInfo, encryptGroupSecrets } from 'ts-mls/welcome.js'
import { wipeBytes } from './bytes.ts'
import type { LoadedState } from './group-state.ts'
import { fromLibrary } from './library-state.ts'
import { withRoster } from './roster-extension.ts'
import type { Suite } from './suite.ts'

/** What a commit of a member and one from outside have in common. */
export interface CommitPlan {
  /** Of the epoch that ends. */
  readonly context: GroupContext
  readonly confirmationTag: Uint8Array
  readonly initSecret: Uint8Array
  readonly membershipKey: Uint8Array
  readonly sender: Sender
  readonly leafIndex: number
  readonly signaturePrivateKey: Uint8Array
  /** Private keys of the nodes above one's leaf as they were. */
  readonly privateKeys: Readonly<Record<number, Uint8Array>>
  readonly proposals: readonly Proposal[]
  /** With the proposals applied. */
  readonly tree: RatchetTree
  readonly added: readonly Addition[]
  readonly aad: Uint8Array
  readonly roster: Uint8Array
}

export interface Addition {
  readonly leafIndex: number
  readonly keyPackage: KeyPackage
}

export interface MadeCommit {
  readonly commit: Uint8Array
  readonly welcome: Uint8Array | undefined
  readonly groupInfo: Uint8Array
  readonly next: LoadedState
}

/**
 * Makes a commit, always with an update path (RFC 9420 section 12.4.1), out of the steps that ts-mls has for it. Its own
 * whole leaves out the path when members are only added, and then the one who was removed last could follow.
 */
export async function makeCommit(plan: CommitPlan, suite: Suite): Promise<MadeCommit> {
  const own = toLeafIndex(plan.leafIndex)
  const newNodes = plan.added.map(({ leafIndex }) => leafToNodeIndex(toLeafIndex(leafIndex)))
  const [tree, path, pathSecrets, leafKey] = await createUpdatePath(
    plan.tree,
    own,
    plan.context,
    plan.signaturePrivateKey,
    suite,
    newNodes,
  )
  const above = await toPrivateKeyPath(pathToPathSecrets(pathSecrets), own, suite)
  const privateKeys = {
    ...plan.privateKeys,
    ...above.privateKeys,
    [leafToNodeIndex(own)]: await suite.hpke.exportPrivateKey(leafKey),
  }
  const commitSecret = await commitSecretOf(tree, pathSecrets, suite)
  const { signature, framedContent } = await createContentCommitSignature(
    plan.context,
    'mls_public_message',
    { proposals: plan.proposals.map((proposal) => ({ proposalOrRefType: 'proposal', proposal })), path },
    plan.sender,
    plan.aad,
    plan.signaturePrivateKey,
    suite.signature,
  )
  const context = await nextEpochContext(
    plan.context,
    'mls_public_message',
    framedContent,
    signature,
    await treeHashRoot(tree, suite.hash),
    plan.confirmationTag,
    suite.hash,
  )
  const epoch = await initializeEpoch(plan.initSecret, commitSecret, context, new Uint8Array(suite.kdf.size), suite.kdf)
  const confirmationTag = await createConfirmationTag(
    epoch.keySchedule.confirmationKey,
    context.confirmedTranscriptHash,
    suite.hash,
  )
  const publicMessage = await protectPublicMessage(
    plan.membershipKey,
    plan.context,
    { wireformat: 'mls_public_message', content: framedContent, auth: { contentType: 'commit', signature, confirmationTag } },
    suite,
  )
  const next = fromLibrary({
    groupContext: context,
    keySchedule: epoch.keySchedule,
    secretTree: await createSecretTree(leafWidth(tree.length), epoch.encryptionSecret, suite.kdf),
    ratchetTree: tree,
    privatePath: { leafIndex: own, privateKeys },
    signaturePrivateKey: plan.signaturePrivateKey,
    confirmationTag,
  })
  const made = {
    commit: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_public_message', publicMessage }),
    welcome: await makeWelcome(next, plan, epoch, pathSecrets, suite),
    groupInfo: await makeGroupInfo(next, plan.roster, suite),
    next,
  }
  wipeBytes([
    commitSecret,
    epoch.joinerSecret,
    epoch.welcomeSecret,
    epoch.encryptionSecret,
    ...pathSecrets.map(({ secret }) => secret),
  ])
  return made
}

/**
 * Alone in the tree one has nobody to send a path to, and ts-mls takes zeroes: who was removed just now knows all else
 * that the next epoch comes from. Nobody has to come to the same secret, so that it is drawn.
 */
async function commitSecretOf(tree: RatchetTree, pathSecrets: readonly PathSecret[], suite: Suite): Promise<Uint8Array> {
  const top = pathSecrets.at(-1)
  if (top === undefined) return suite.rng.randomBytes(suite.kdf.size)
  return getCommitSecret(tree, toNodeIndex(top.nodeIndex), top.secret, suite.kdf)
}

async function makeWelcome(
  next: LoadedState,
  { added, leafIndex, roster }: CommitPlan,
  epoch: { readonly joinerSecret: Uint8Array; readonly welcomeSecret: Uint8Array },
  pathSecrets: readonly PathSecret[],
  suite: Suite,
): Promise<Uint8Array | undefined> {
  if (added.length === 0) return undefined
  const { tree, context } = next.parts
  const groupInfo = await signedGroupInfo(next, [ratchetTree(tree), withRoster(roster)], suite)
  const encryptedGroupInfo = await encryptGroupInfo(groupInfo, epoch.welcomeSecret, suite)
  const secrets = []
  for (const { leafIndex: leaf, keyPackage } of added) {
    const ancestor = firstCommonAncestor(tree, toLeafIndex(leaf), toLeafIndex(leafIndex))
    const pathSecret = pathSecrets.find(({ nodeIndex }) => nodeIndex === ancestor)?.secret
    const initKey = await suite.hpke.importPublicKey(keyPackage.initKey)
    const groupSecrets = { joinerSecret: epoch.joinerSecret, pathSecret, psks: [] }
    const { enc, ct } = await encryptGroupSecrets(initKey, encryptedGroupInfo, groupSecrets, suite.hpke)
    const newMember = await makeKeyPackageRef(keyPackage, suite.hash)
    secrets.push({ newMember, encryptedGroupSecrets: { kemOutput: enc, ciphertext: ct } })
  }
  const welcome = { cipherSuite: context.cipherSuite, secrets, encryptedGroupInfo }
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome })
}

/** The GroupInfo for who joins from outside. ts-mls itself would write external_pub without the length that section 12.4.3.2 wants. */
async function makeGroupInfo(next: LoadedState, roster: Uint8Array, suite: Suite): Promise<Uint8Array> {
  const external = await suite.hpke.deriveKeyPair(next.parts.keySchedule.externalSecret)
  const key = await suite.hpke.exportPublicKey(external.publicKey)
  const extensions = [
    ratchetTree(next.parts.tree),
    { extensionType: 'external_pub' as const, extensionData: encode(varLenDataEncoder)(key) },
    withRoster(roster),
  ]
  const groupInfo = await signedGroupInfo(next, extensions, suite)
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_group_info', groupInfo })
}

const ratchetTree = (tree: RatchetTree) => ({ extensionType: 'ratchet_tree' as const, extensionData: encodeRatchetTree(tree) })

const signedGroupInfo = (
  { parts, ownLeaf }: LoadedState,
  extensions: Parameters<typeof encodeGroupInfo>[0]['extensions'],
  suite: Suite,
) =>
  signGroupInfo(
    { groupContext: parts.context, extensions, confirmationTag: parts.confirmationTag, signer: ownLeaf },
    parts.signaturePrivateKey,
    suite.signature,
  )
