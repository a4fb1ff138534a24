import type { SottoError } from '@sotto/protocol/errors'
import type { Roster } from '../membership/membership.ts'
import type { GroupState } from '../mls/engine.ts'
import { sendControl } from './compose.ts'
import type { ConversationState, PendingCommit } from './conversation-state.ts'
import { isRemoved } from './leaves.ts'
import type { Parts } from './parts.ts'
import type { Transaction } from './transaction.ts'
import { beginTranscript } from './transcript.ts'

/** A commit of this device stands in the log: its state is the group's. */
export async function wonCommit(
  parts: Parts,
  transaction: Transaction,
  pending: PendingCommit,
  place: { readonly mailbox: string; readonly seq: number; readonly receivedAt: number },
): Promise<void> {
  const { conversationId, purpose, generation, roster } = pending
  if (purpose === 'external') await transaction.dropGroup(conversationId)
  const current = purpose === 'external' ? undefined : await transaction.group(conversationId)
  // This device has left meanwhile, and kept nothing that the commit could continue.
  if (purpose !== 'external' && current === undefined) return dropPending(parts, transaction, pending)
  const step = await parts.engine.adopt(pending.pending, current)
  transaction.take(conversationId, step)
  const { departed, leaving, rejoin, sinceEpoch } = transaction.conversation(conversationId)!
  enterEpoch(parts, transaction, conversationId, step.state, {
    status: 'active',
    generation,
    mailbox: place.mailbox,
    commitSeq: place.seq,
    roster,
    departed: purpose === 'reset' ? [] : departed.filter((gone) => !isRemoved(gone, step.state)),
    leaving: purpose === 'reset' ? [] : stillLeaving(leaving, roster),
    isFresh: purpose === 'external',
    sinceEpoch: purpose !== 'external' ? sinceEpoch : rejoin ? undefined : step.state.epoch,
    rejoin: false,
    freshAt: parts.clock.now(),
    updatedAt: place.receivedAt,
  })
  await tellJoiners(parts, transaction, pending)
  transaction.setPending(conversationId, undefined)
  transaction.afterwards(() => {
    parts.outcomes.settle(pending.id, 'won')
    parts.ask.pump(conversationId)
    parts.ask.tidy(conversationId)
  })
}

/** Who joins cannot read what the group is called in the past: who adds tells, who comes from outside asks. */
async function tellJoiners(
  parts: Parts,
  transaction: Transaction,
  { conversationId, purpose, added }: PendingCommit,
): Promise<void> {
  const { kind, name, named, revision } = transaction.conversation(conversationId)!
  if (kind === 'direct' || added.length === 0) return
  if (purpose === 'external') {
    if (!named) await sendControl(parts, transaction, conversationId, { kind: 'stateRequest' })
  } else if (named && name !== undefined) await sendControl(parts, transaction, conversationId, { kind: 'state', revision, name })
}

/** What every new epoch brings with it, whoever has made it. */
export function enterEpoch(
  parts: Parts,
  transaction: Transaction,
  conversationId: string,
  state: GroupState,
  change: Partial<ConversationState> & { readonly commitSeq: number },
): void {
  const transcript = beginTranscript(parts.engine, state.epoch, change.commitSeq, state.epochAuthenticator)
  transaction.updateConversation(conversationId, { ...change, epoch: state.epoch, transcript })
  transaction.afterwards(() => parts.digests.note(conversationId, transcript))
  transaction.emitConversation(conversationId)
}

/** An owner stays: who was made one after saying goodbye is not let go. */
export function stillLeaving(leaving: readonly string[], { members }: Roster): string[] {
  return leaving.filter((userId) => members.has(userId) && members.get(userId) !== 'owner')
}

/** The server has refused the commit, or another has won: it never was. */
export async function lostCommit(parts: Parts, pending: PendingCommit): Promise<void> {
  await parts.memory.transact(async (transaction) => {
    if (parts.memory.pending.get(pending.conversationId)?.id === pending.id) dropPending(parts, transaction, pending)
  })
}

export function dropPending(parts: Parts, transaction: Transaction, pending: PendingCommit): void {
  transaction.setPending(pending.conversationId, undefined)
  transaction.afterwards(() => parts.outcomes.settle(pending.id, 'lost'))
}

/** Where the server's refusal says that the group stands. */
export function placeOf(error: SottoError): number {
  return typeof error.extra.seq === 'number' ? error.extra.seq : 0
}
