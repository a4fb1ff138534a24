import { TrustFailure } from '../identity/trust-failure.ts'
import { decodeClaim } from '../membership/claim.ts'
import type { MemberDevice } from '../membership/membership.ts'
import { commitRefusals } from '../membership/refusals.ts'
import { deviceKey } from '../membership/roster.ts'
import type { Verdict } from '../membership/rules.ts'
import { type CommitEffect, type GroupState, type Leaf, MlsFailure, type ReceivedCommitStep } from '../mls/engine.ts'
import type { EntryFrame } from '../transport/transport.ts'
import { fromBase64 } from './base64.ts'
import type { ConversationState } from './conversation-state.ts'
import type { IncidentKind } from './core-api.ts'
import { goOnWithout } from './gone-on.ts'
import { judgeChange } from './judging.ts'
import { admitted, isRemoved, namedBy, usersOf } from './leaves.ts'
import { ListsWanted } from './lists-wanted.ts'
import { dropPending, enterEpoch, stillLeaving } from './own-commits.ts'
import type { Parts } from './parts.ts'
import type { Transaction } from './transaction.ts'

type CommitFrame = Extract<EntryFrame, { readonly type: 'commit' }>

/** Whose lists have to be known to judge it: whom it adds, removes, and who has made it. */
export function usersOfCommit(frame: CommitFrame): string[] {
  const users = new Set([frame.from])
  for (const { userId } of [...frame.added, ...frame.removed]) users.add(userId)
  return [...users]
}

/** Somebody else's commit: applied if the rules permit what it does, and refused by name if not. */
export async function receiveCommit(
  parts: Parts,
  transaction: Transaction,
  frame: CommitFrame,
  hasAsked: boolean,
): Promise<void> {
  const conversation = transaction.conversation(frame.groupId)
  if (conversation === undefined || conversation.mailbox !== frame.mailbox) return
  if (frame.generation > conversation.generation) return newGeneration(parts, transaction, conversation)
  if (frame.generation < conversation.generation)
    return incident(transaction, 'replayed', conversation.id, frame.from, `a commit of generation ${frame.generation} came again`)
  if ((conversation.status !== 'active' && conversation.status !== 'broken') || conversation.rejoin) return
  try {
    const state = await transaction.group(conversation.id)
    if (state === undefined) throw new MlsFailure('lost_state')
    if (frame.epoch < state.epoch)
      return incident(transaction, 'replayed', conversation.id, frame.from, `the commit of epoch ${frame.epoch} came again`)
    let next: ConversationState['roster'] | undefined
    let wanted: readonly string[] = []
    const step = await parts.engine
      .process(state, bytesOf(frame.commit), async (effect) => {
        const verdict = await judge(parts, transaction, conversation, state, effect)
        if (typeof verdict !== 'string' && !('refused' in verdict)) {
          next = verdict.roster
          return undefined
        }
        wanted = typeof verdict === 'string' ? usersOf([effect.by, ...effect.added]) : verdict.ask
        return typeof verdict === 'string' ? verdict : commitRefusals[verdict.refused]
      })
      .catch((error: unknown) => {
        if (!hasAsked && wanted.length > 0 && error instanceof MlsFailure && error.reason === 'refused')
          throw new ListsWanted(wanted)
        throw error
      })
    if (step.kind !== 'commit') throw new MlsFailure('malformed', 'a message stands where a commit should be')
    compare(transaction, frame, step.effect)
    await apply(parts, transaction, conversation, frame, step, next!)
  } catch (error) {
    if (!(error instanceof MlsFailure)) throw error
    refuse(parts, transaction, conversation, frame, error)
  }
}

/** What the server says beside a commit decides nothing; that it says something else is worth telling. */
function compare(transaction: Transaction, frame: CommitFrame, effect: CommitEffect): void {
  const by = namedBy(effect.by)
  if (by?.userId !== frame.from || by.deviceId !== frame.fromDevice) {
    const detail = `the server says ${frame.from}/${frame.fromDevice}, the commit is of ${by?.userId}/${by?.deviceId}`
    incident(transaction, 'sender_mismatch', frame.groupId, by?.userId ?? frame.from, detail)
  }
  const { added, removed } = decodeClaim(effect.aad)
  if (sameDevices(added, frame.added) && sameDevices(removed, frame.removed)) return
  const detail = 'the server names other devices as added or removed than the commit adds and removes'
  incident(transaction, 'commit_differs', frame.groupId, frame.from, detail)
}

function sameDevices(some: readonly MemberDevice[], others: readonly MemberDevice[]): boolean {
  const keys = new Set(others.map(deviceKey))
  return keys.size === some.length && some.every((device) => keys.has(deviceKey(device)))
}

async function apply(
  parts: Parts,
  transaction: Transaction,
  conversation: ConversationState,
  frame: CommitFrame,
  step: ReceivedCommitStep,
  roster: ConversationState['roster'],
): Promise<void> {
  const { id } = conversation
  const lost = parts.memory.pending.get(id)
  if (lost !== undefined && lost.purpose === 'change') dropPending(parts, transaction, lost)
  if (step.selfRemoved) {
    await transaction.dropGroup(id)
    const member = roster.members.has(parts.self.userId)
    transaction.updateConversation(id, {
      status: member ? 'joining' : 'left',
      roster,
      commitSeq: frame.seq,
      transcript: undefined,
      updatedAt: frame.receivedAt,
    })
    transaction.emitConversation(id)
    // The user is still a member: it was this device that somebody took out. Otherwise, what waits to be sent fails.
    transaction.afterwards(() => (member ? parts.ask.rejoin(id) : parts.ask.pump(id)))
    return
  }
  transaction.take(id, step)
  const now = transaction.conversation(id)!
  enterEpoch(parts, transaction, id, step.state, {
    // A commit that was refused before this one was not the group's: it has gone on without it.
    status: 'active',
    commitSeq: frame.seq,
    roster,
    departed: now.departed.filter((gone) => !isRemoved(gone, step.state)),
    leaving: stillLeaving(now.leaving, roster),
    isFresh: now.isFresh && step.effect.external,
    updatedAt: frame.receivedAt,
  })
  transaction.afterwards(() => {
    parts.ask.pump(id)
    parts.ask.tidy(id)
  })
}

/** What the rules say to what the commit does; a text is a reason to refuse that needs no rules. */
async function judge(
  parts: Parts,
  transaction: Transaction,
  conversation: ConversationState,
  before: GroupState,
  effect: CommitEffect,
): Promise<Verdict | string> {
  const contacts = (userId: string) => transaction.contact(userId)
  const by = await admitted(effect.by, contacts, parts.engine)
  if (typeof by === 'string') return by
  const added: MemberDevice[] = []
  for (const leaf of effect.added) {
    const device = await admitted(leaf, contacts, parts.engine)
    if (typeof device === 'string') return device
    added.push(device)
  }
  if (effect.changed.some((change) => !sameLeaf(change.before, change.after))) return 'a leaf changes its credential or key'
  try {
    const removed = effect.removed.flatMap((leaf) => namedBy(leaf) ?? [])
    const newLeaves = [...effect.added, effect.by]
    const change = { by, external: effect.external, added, removed, claim: decodeClaim(effect.aad) }
    return await judgeChange(parts, contacts, conversation, before, newLeaves, change)
  } catch (error) {
    if (error instanceof TrustFailure) return 'what the commit says of itself cannot be read'
    throw error
  }
}

function sameLeaf(a: Leaf, b: Leaf): boolean {
  return equal(a.credential, b.credential) && equal(a.signatureKey, b.signatureKey)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/**
 * The group has begun anew, says the server: its Welcome comes, or has come, to this device's own mailbox. Until it has been
 * verified, this device keeps what it knows of the generation before.
 */
function newGeneration(parts: Parts, transaction: Transaction, conversation: ConversationState): void {
  const lost = parts.memory.pending.get(conversation.id)
  if (lost !== undefined) dropPending(parts, transaction, lost)
  transaction.updateConversation(conversation.id, { status: 'joining', transcript: undefined })
  transaction.emitConversation(conversation.id)
  transaction.afterwards(() => parts.ask.rejoin(conversation.id))
}

function refuse(
  parts: Parts,
  transaction: Transaction,
  conversation: ConversationState,
  frame: CommitFrame,
  failure: MlsFailure,
): void {
  const { id } = conversation
  if (failure.reason === 'duplicate' || failure.reason === 'own_message') {
    return incident(transaction, 'replayed', id, frame.from, `commit ${frame.seq} was seen before`)
  }
  if (failure.reason === 'refused' || failure.reason === 'refused_leaf') {
    incident(transaction, 'commit_refused', id, frame.from, failure.message)
    transaction.updateConversation(id, { status: 'broken', transcript: undefined })
    transaction.emitConversation(id)
    transaction.afterwards(() => parts.ask.reset(id))
    return
  }
  incident(transaction, 'commit_unreadable', id, frame.from, failure.message)
  if (conversation.status === 'broken') return goOnWithout(parts, transaction, conversation)
  const isNext = conversation.transcript?.seq === frame.seq - 1
  transaction.updateConversation(id, {
    rejoin: true,
    transcript: undefined,
    ...(isNext ? { unreadableSeq: frame.seq } : {}),
  })
  transaction.afterwards(() => parts.ask.rejoin(id))
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw new MlsFailure('malformed', 'the commit is no base64', { cause })
  }
}

function incident(transaction: Transaction, kind: IncidentKind, conversationId: string, userId: string, detail: string): void {
  transaction.emit({ type: 'error', incident: { kind, conversationId, userId, detail } })
}
