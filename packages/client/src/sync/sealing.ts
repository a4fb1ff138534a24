import { paddedWithin } from '../content/padding.ts'
import { encodePlaintext } from '../content/plaintext.ts'
import { type GroupState, MlsFailure } from '../mls/engine.ts'
import { base64 } from './base64.ts'
import { inspect, isRemoved, namedBy } from './leaves.ts'
import type { OutboxItem } from './outbox.ts'
import type { Parts } from './parts.ts'
import type { Transaction } from './transaction.ts'

/** What stands in the way of encrypting to a conversation now. */
export type Obstacle = 'left' | 'joining' | 'departed' | 'ghosts' | 'blocked' | 'absent' | 'lost'

/** Epochs that the server lets a message lie behind. */
const epochsBehindMax = 2

/** Asked before every message: nothing is encrypted to a group while it holds somebody whom nobody vouches for. */
export async function obstacle(transaction: Transaction, conversationId: string): Promise<Obstacle | undefined> {
  const conversation = transaction.conversation(conversationId)
  if (conversation === undefined || conversation.status === 'left') return 'left'
  if (conversation.status !== 'active' || conversation.rejoin) return 'joining'
  const state = await groupOf(transaction, conversationId)
  if (state === undefined) return 'lost'
  // Whose last device went before the user did is in nobody's way.
  if (conversation.departed.some((gone) => !isRemoved(gone, state))) return 'departed'
  const { ghosts, blockedBy } = inspect(state, (userId) => transaction.contact(userId))
  if (ghosts.length > 0) return 'ghosts'
  if (blockedBy.length > 0) return 'blocked'
  // The other's last device was removed, and the next has not joined yet: now nobody could ever read it.
  const { kind, peer } = conversation
  return kind === 'direct' && !state.leaves.some((leaf) => namedBy(leaf)?.userId === peer) ? 'absent' : undefined
}

/** Undefined also where what is stored of it is incomplete. */
async function groupOf(transaction: Transaction, conversationId: string): Promise<GroupState | undefined> {
  try {
    return await transaction.group(conversationId)
  } catch (error) {
    if (error instanceof MlsFailure && error.reason === 'lost_state') return undefined
    throw error
  }
}

/**
 * Encrypts a message of the outbox in the group's present epoch, if nothing stands in the way. The new state is written by
 * the same transaction, so that no key is ever used for two messages.
 * @throws SottoClientError `content_too_large`.
 */
export async function seal(parts: Parts, transaction: Transaction, item: OutboxItem): Promise<OutboxItem | Obstacle> {
  const against = await obstacle(transaction, item.conversationId)
  if (against !== undefined) return against
  const { generation, transcript } = transaction.conversation(item.conversationId)!
  const state = (await transaction.group(item.conversationId))!
  const own = transaction.contact(parts.self.userId)!
  const plaintext = encodePlaintext({
    deviceList: { version: own.list.version, hash: own.list.hash },
    seen: transcript?.epoch === state.epoch ? { seq: transcript.seq, digest: transcript.digest } : undefined,
    envelope: item.envelope,
  })
  const padTo = paddedWithin(plaintext.length, parts.transport.limits?.CIPHERTEXT_BYTES ?? ciphertextBytes)
  const step = await parts.engine.encrypt(state, plaintext, { padTo })
  transaction.take(item.conversationId, step)
  const sealed = { ...item, receipt: undefined, sealed: { ciphertext: base64(step.message), generation, epoch: state.epoch } }
  parts.outbox.put(transaction, sealed)
  return sealed
}

/** Until the server has said what its limit is. */
const ciphertextBytes = 131_072

/** The server would still take it as it was encrypted. */
export function isCurrent(item: OutboxItem, conversation: { readonly generation: number }, epoch: number): boolean {
  const { sealed } = item
  return sealed !== undefined && sealed.generation === conversation.generation && epoch - sealed.epoch <= epochsBehindMax
}
