import { lengthEncoder } from 'ts-mls/codec/variableLength.js'
import { verifyFramedContentSignature } from 'ts-mls/framedContent.js'
import { encodeMlsMessage } from 'ts-mls/message.js'
import { protectApplicationData } from 'ts-mls/messageProtection.js'
import type { PaddingConfig } from 'ts-mls/paddingConfig.js'
import {
  decodePrivateMessageContent,
  decryptSenderData,
  encodePrivateContentAAD,
  type PrivateMessage,
  toAuthenticatedContent,
} from 'ts-mls/privateMessage.js'
import { wipeBytes } from './bytes.ts'
import { type ApplicationStep, type EncryptStep, MlsFailure } from './engine.ts'
import { decodeWhole } from './failures.ts'
import type { LoadedState, PastEpoch } from './group-state.ts'
import { guarded, type Ratchets, secretTreeOf, turnTo } from './ratchets.ts'
import { ratchetChanges } from './state-records.ts'
import type { Suite } from './suite.ts'

const none = new Uint8Array()
const signatureBytes = 64

/** Encrypts with one's own ratchet (RFC 9420 section 6.3). */
export async function encrypt(
  state: LoadedState,
  plaintext: Uint8Array,
  { padTo = 0, aad = none }: { readonly padTo?: number; readonly aad?: Uint8Array },
  suite: Suite,
): Promise<EncryptStep> {
  const { parts, ownLeaf, epoch } = state
  const ratchet = parts.ratchets.get(ownLeaf)
  if (ratchet === undefined) throw new MlsFailure('lost_state')
  const { privateMessage, newSecretTree, consumed } = await protectApplicationData(
    parts.signaturePrivateKey,
    parts.keySchedule.senderDataSecret,
    plaintext,
    new Uint8Array(aad),
    parts.context,
    secretTreeOf(ownLeaf, { application: ratchet }),
    ownLeaf,
    paddingTo(padTo),
    suite,
  )
  const turned = newSecretTree[2 * ownLeaf]?.application
  if (turned === undefined) throw new MlsFailure('lost_state')
  const next = { secret: turned.secret, generation: turned.generation, skipped: ratchet.skipped }
  const after = state.turned(withRatchet(parts.ratchets, ownLeaf, next))
  return {
    state: after,
    changes: ratchetChanges(after, ownLeaf, epoch, false),
    message: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage }),
    generation: ratchet.generation,
    wipe: () => wipeBytes(consumed),
  }
}

/** What is padded is the plaintext with its length and the signature, so that a shorter length field does not show. */
const paddingTo = (plaintextBytes: number): PaddingConfig => ({
  kind: 'padUntilLength',
  padUntilLength: plaintextBytes === 0 ? 0 : vectorBytes(plaintextBytes) + vectorBytes(signatureBytes),
})
const vectorBytes = (content: number) => lengthEncoder(content)[0] + content

/**
 * Decrypts a message of this epoch or of one before it that is kept. Who sent it is in the sender data, which ts-mls
 * keeps to itself; the signature is checked with the key of that leaf.
 * @throws MlsFailure `pruned_epoch`, `own_message`, `duplicate`, `too_far_ahead`, `tampered`.
 */
export async function decrypt(state: LoadedState, message: PrivateMessage, suite: Suite): Promise<ApplicationStep> {
  const epoch = Number(message.epoch)
  const source = sourceOf(state, epoch)
  const sender = await decryptSenderData(message, source.senderDataSecret, suite)
  if (sender === undefined || sender.reuseGuard.length !== 4) throw new MlsFailure('tampered')
  if (sender.leafIndex === state.ownLeaf) throw new MlsFailure('own_message')
  const by = source.leaves.find(({ index }) => index === sender.leafIndex)
  const ratchet = source.ratchets.get(sender.leafIndex)
  if (by === undefined || ratchet === undefined) throw new MlsFailure('tampered', 'sent by nobody in the tree')
  const { ratchet: next, messageKey, used } = await turnTo(ratchet, sender.generation, suite)
  const aad = encodePrivateContentAAD({
    groupId: message.groupId,
    epoch: message.epoch,
    contentType: message.contentType,
    authenticatedData: message.authenticatedData,
  })
  const nonce = guarded(messageKey.nonce, sender.reuseGuard)
  const decrypted = await suite.hpke.decryptAead(messageKey.key, nonce, aad, message.ciphertext)
  const { content, auth } = toAuthenticatedContent(
    decodeWhole(decodePrivateMessageContent('application'), decrypted, 'tampered'),
    message,
    by.index,
  )
  const verified = await verifyFramedContentSignature(
    by.signatureKey,
    'mls_private_message',
    content,
    auth,
    source.context,
    suite.signature,
  )
  if (!verified || content.contentType !== 'application') throw new MlsFailure('tampered')
  const after = withTurned(state, epoch, withRatchet(source.ratchets, by.index, next))
  return {
    kind: 'application',
    state: after,
    changes: ratchetChanges(after, by.index, epoch, ratchet.generation === 0),
    by,
    epoch,
    generation: sender.generation,
    plaintext: new Uint8Array(content.applicationData),
    aad: new Uint8Array(message.authenticatedData),
    wipe: () => wipeBytes(used),
  }
}

function sourceOf(state: LoadedState, epoch: number): PastEpoch {
  const { parts, leaves } = state
  if (epoch === state.epoch) {
    return { context: parts.context, senderDataSecret: parts.keySchedule.senderDataSecret, leaves, ratchets: parts.ratchets }
  }
  const past = parts.past.find(({ context }) => Number(context.epoch) === epoch)
  if (past === undefined) throw new MlsFailure('pruned_epoch')
  return past
}

const withRatchet = (ratchets: Ratchets, leaf: number, ratchet: Parameters<typeof turnTo>[0]): Ratchets =>
  new Map(ratchets).set(leaf, ratchet)

function withTurned(state: LoadedState, epoch: number, ratchets: Ratchets): LoadedState {
  if (epoch === state.epoch) return state.turned(ratchets)
  return state.withPast(state.parts.past.map((past) => (Number(past.context.epoch) === epoch ? { ...past, ratchets } : past)))
}
