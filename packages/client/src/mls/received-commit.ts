import type { ClientState } from 'ts-mls/clientState.js'
import type { FramedContent } from 'ts-mls/framedContent.js'
import { acceptAll } from 'ts-mls/incomingMessageAction.js'
import { verifyLeafNodeSignature } from 'ts-mls/leafNode.js'
import { unprotectPrivateMessage } from 'ts-mls/messageProtection.js'
import { unprotectPublicMessage } from 'ts-mls/messageProtectionPublic.js'
import { decryptSenderData } from 'ts-mls/privateMessage.js'
import { processMessage } from 'ts-mls/processMessages.js'
import { emptyPskIndex } from 'ts-mls/pskIndex.js'
import { equalBytes } from './bytes.ts'
import { broughtIn, readCommit } from './commit-effect.ts'
import { type Admit, MlsFailure, type ReceivedCommitStep } from './engine.ts'
import type { LoadedState } from './group-state.ts'
import { fromLibrary, keyRetentionConfig, toLibrary } from './library-state.ts'
import { secretTreeOf } from './ratchets.ts'
import { leave, nextEpoch } from './steps.ts'
import type { Suite } from './suite.ts'

/**
 * Applies somebody else's commit of this epoch: verified, read, admitted by the caller's rules, and only then processed,
 * with nobody vouched for but whom they have seen.
 */
export async function receiveCommit(
  state: LoadedState,
  message: HandshakeMessage,
  admit: Admit,
  nowMs: number,
  suite: Suite,
): Promise<ReceivedCommitStep> {
  const { content, handshake } = await verified(state, message, suite)
  if (content.contentType !== 'commit') throw new MlsFailure('tampered')
  if (content.sender.senderType === 'member' && content.sender.leafIndex === state.ownLeaf) throw new MlsFailure('own_message')
  const read = await readCommit(state, content, nowMs, suite)
  const refusal = await admit(read.effect)
  if (refusal !== undefined) throw new MlsFailure('refused', refusal)
  const signed = verifyLeafNodeSignature(read.path.leafNode, state.parts.context.groupId, read.committer, suite.signature)
  if (!(await signed)) throw new MlsFailure('tampered', 'the signature of the committer’s leaf does not verify')
  const { effect } = read
  // Nobody can be told more: who is removed has no key for the path, and so none to check the confirmation tag with.
  if (effect.removed.some(({ index }) => index === state.ownLeaf))
    return { kind: 'commit', effect, selfRemoved: true, ...leave(state) }
  const before: ClientState = { ...toLibrary(state, broughtIn(read)), secretTree: handshake }
  const result = await processMessage(message, before, emptyPskIndex, acceptAll, suite)
  if (result.kind !== 'newState' || result.newState.groupActiveState.kind !== 'active') throw new MlsFailure('tampered')
  const next = fromLibrary(result.newState)
  await checkPrivateKeys(next, suite)
  return { kind: 'commit', effect, selfRemoved: false, ...nextEpoch(state, next) }
}

/** A message of ts-mls that may hold a commit. */
export type HandshakeMessage = Parameters<typeof processMessage>[0]
type Handshake = ClientState['secretTree']

/** Checks who made the message. Of a private one also the ratchet that opens it, which ts-mls will want again. */
async function verified(
  { parts, ownLeaf }: LoadedState,
  message: HandshakeMessage,
  suite: Suite,
): Promise<{ readonly content: FramedContent; readonly handshake: Handshake }> {
  const { context, tree, keySchedule } = parts
  if (message.wireformat === 'mls_public_message') {
    const { content } = await unprotectPublicMessage(keySchedule.membershipKey, context, tree, message.publicMessage, suite)
    return { content, handshake: [] }
  }
  const { privateMessage } = message
  const sender = await decryptSenderData(privateMessage, keySchedule.senderDataSecret, suite)
  if (sender?.leafIndex === ownLeaf) throw new MlsFailure('own_message')
  const secret = sender === undefined ? undefined : parts.handshake.get(sender.leafIndex)
  if (sender === undefined || secret === undefined) throw new MlsFailure('tampered')
  const handshake = secretTreeOf(sender.leafIndex, { handshake: secret })
  const { content } = await unprotectPrivateMessage(
    keySchedule.senderDataSecret,
    privateMessage,
    handshake,
    tree,
    context,
    keyRetentionConfig,
    suite,
  )
  return { content: content.content, handshake }
}

/** RFC 9420 section 7.5: the private keys that a path gave are those of the public keys in the tree. ts-mls does not look. */
async function checkPrivateKeys({ parts }: LoadedState, suite: Suite): Promise<void> {
  for (const [index, key] of Object.entries(parts.privatePath.privateKeys)) {
    const node = parts.tree[Number(index)]
    if (node === undefined) continue
    const expected = node.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey
    if (!equalBytes(await suite.encryptionKeyOf(key), expected))
      throw new MlsFailure('tampered', 'a path secret is of another key')
  }
}
