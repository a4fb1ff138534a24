import { nextEpochContext } from 'ts-mls/clientState.js'
import { createConfirmationTag, createContentCommitSignature } from 'ts-mls/framedContent.js'
import { encodeGroupInfo, type GroupInfo, signGroupInfo } from 'ts-mls/groupInfo.js'
import { generateKeyPackageWithKey, type KeyPackage, type KeyPackageTBS, signKeyPackage } from 'ts-mls/keyPackage.js'
import { initializeEpoch } from 'ts-mls/keySchedule.js'
import { signLeafNodeKeyPackage } from 'ts-mls/leafNode.js'
import { encodeMlsMessage } from 'ts-mls/message.js'
import { protectPublicMessage } from 'ts-mls/messageProtectionPublic.js'
import type { Proposal } from 'ts-mls/proposal.js'
import type { ProposalOrRef } from 'ts-mls/proposalOrRefType.js'
import type { PublicMessage } from 'ts-mls/publicMessage.js'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { treeHashRoot } from 'ts-mls/treeHash.js'
import type { UpdatePath } from 'ts-mls/updatePath.js'
import { createPrimitives } from '#crypto'
import type { GroupState, LocalLeaf } from './engine.ts'
import { decodeMessage } from './failures.ts'
import { type LoadedState, usable } from './group-state.ts'
import { type CommitPlan, makeCommit } from './make-commit.ts'
import { noRoster, startMs, testClock } from './members.suite.ts'
import { lastResortExtension, rosterExtension } from './roster-extension.ts'
import { ciphersuiteName, createSuite } from './suite.ts'

/** What a member with a changed client could make: signed and sealed rightly, and wrong in one respect. */

export const suite = await createSuite(createPrimitives(), testClock('forger'))
export const none = new Uint8Array()

/** A commit by the rules of making one, but with any proposals and any tree. */
export async function forgedCommit(state: GroupState, change: Partial<CommitPlan> = {}): Promise<Uint8Array> {
  const { parts, ownLeaf } = usable(state)
  const plan: CommitPlan = {
    context: parts.context,
    confirmationTag: parts.confirmationTag,
    initSecret: parts.keySchedule.initSecret.slice(),
    membershipKey: parts.keySchedule.membershipKey,
    sender: { senderType: 'member', leafIndex: ownLeaf },
    leafIndex: ownLeaf,
    signaturePrivateKey: parts.signaturePrivateKey,
    privateKeys: parts.privatePath.privateKeys,
    proposals: [],
    tree: parts.tree,
    added: [],
    aad: none,
    roster: noRoster,
    ...change,
  }
  return (await makeCommit(plan, suite)).commit
}

/** A commit with any content, signed, and with the tags that are right for a commit secret of zeroes and this tree. */
export async function signedCommit(
  state: GroupState,
  content: { readonly proposals: readonly ProposalOrRef[]; readonly path?: UpdatePath },
  tree: RatchetTree = usable(state).parts.tree,
): Promise<Uint8Array> {
  const { parts, ownLeaf } = usable(state)
  const { signature, framedContent } = await createContentCommitSignature(
    parts.context,
    'mls_public_message',
    { proposals: [...content.proposals], path: content.path },
    { senderType: 'member', leafIndex: ownLeaf },
    none,
    parts.signaturePrivateKey,
    suite.signature,
  )
  const zeroes = new Uint8Array(32)
  const hash = await treeHashRoot(tree, suite.hash)
  const next = await nextEpochContext(
    parts.context,
    'mls_public_message',
    framedContent,
    signature,
    hash,
    parts.confirmationTag,
    suite.hash,
  )
  const { keySchedule } = await initializeEpoch(parts.keySchedule.initSecret, zeroes, next, zeroes, suite.kdf)
  const confirmationTag = await createConfirmationTag(keySchedule.confirmationKey, next.confirmedTranscriptHash, suite.hash)
  const publicMessage = await protectPublicMessage(
    parts.keySchedule.membershipKey,
    parts.context,
    { wireformat: 'mls_public_message', content: framedContent, auth: { contentType: 'commit', signature, confirmationTag } },
    suite,
  )
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_public_message', publicMessage })
}

export const byValue = (...proposals: Proposal[]): ProposalOrRef[] =>
  proposals.map((proposal) => ({ proposalOrRefType: 'proposal', proposal }))

/** A public message with something changed, and with `retag` a membership tag over the change. */
export async function altered(
  state: GroupState,
  message: Uint8Array,
  change: (message: PublicMessage) => PublicMessage,
  options: { readonly retag: boolean },
): Promise<Uint8Array> {
  const changed = change(decodeMessage(message, 'mls_public_message', 'malformed').publicMessage)
  const { parts } = usable(state)
  const publicMessage = options.retag
    ? await protectPublicMessage(
        parts.keySchedule.membershipKey,
        parts.context,
        { wireformat: 'mls_public_message', content: changed.content, auth: changed.auth } as never,
        suite,
      )
    : changed
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_public_message', publicMessage })
}

/** The update path of a commit. */
export function pathOf(commit: Uint8Array): UpdatePath {
  const { content } = decodeMessage(commit, 'mls_public_message', 'malformed').publicMessage
  if (content.contentType !== 'commit' || content.commit.path === undefined) throw new Error('a commit without a path')
  return content.commit.path
}

export const flipped = (bytes: Uint8Array, at = bytes.length - 1): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))

type Part = Parameters<typeof generateKeyPackageWithKey>
const daySeconds = 86_400n
const startSeconds = BigInt(startMs / 1000)

/** A key package with something other than ours have. */
export async function forgedKeyPackage(
  { keys, credential }: LocalLeaf,
  change: {
    readonly credential?: Part[0]
    readonly capabilities?: Partial<Part[1]>
    readonly lifetime?: Part[2]
    readonly cipherSuite?: KeyPackage['cipherSuite']
    /** Signed again after it. */
    readonly rewrite?: (keyPackage: KeyPackageTBS) => KeyPackageTBS
    /** After all signatures. */
    readonly spoil?: (keyPackage: KeyPackage) => KeyPackage
  } = {},
): Promise<{ readonly keyPackage: KeyPackage; readonly bytes: Uint8Array }> {
  const made = await generateKeyPackageWithKey(
    change.credential ?? { credentialType: 'basic', identity: credential },
    {
      versions: ['mls10'],
      ciphersuites: [ciphersuiteName],
      extensions: [lastResortExtension, rosterExtension],
      proposals: [],
      credentials: ['basic'],
      ...change.capabilities,
    },
    change.lifetime ?? { notBefore: startSeconds - 60n, notAfter: startSeconds + 30n * daySeconds },
    [],
    { signKey: keys.privateKey, publicKey: keys.publicKey },
    { ...suite, name: change.cipherSuite ?? suite.name },
  )
  const rewritten = change.rewrite?.(made.publicPackage)
  const resigned =
    rewritten === undefined
      ? made.publicPackage
      : await signKeyPackage(
          {
            ...rewritten,
            leafNode: await signLeafNodeKeyPackage(
              { ...rewritten.leafNode, leafNodeSource: 'key_package' },
              keys.privateKey,
              suite.signature,
            ),
          },
          keys.privateKey,
          suite.signature,
        )
  const keyPackage = change.spoil?.(resigned) ?? resigned
  return { keyPackage, bytes: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage }) }
}

/** A GroupInfo with something changed, and with `state` signed again by its owner. */
export async function alteredGroupInfo(
  bytes: Uint8Array,
  change: (info: GroupInfo) => GroupInfo,
  state: LoadedState | undefined,
): Promise<Uint8Array> {
  const changed = change(decodeMessage(bytes, 'mls_group_info', 'malformed').groupInfo)
  const groupInfo = state === undefined ? changed : await signGroupInfo(changed, state.parts.signaturePrivateKey, suite.signature)
  encodeGroupInfo(groupInfo)
  return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_group_info', groupInfo })
}
