import type { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import { encodeClaim } from '../membership/claim.ts'
import type { Goodbye } from '../membership/goodbye.ts'
import type { MemberDevice, Role, Roster } from '../membership/membership.ts'
import { commitRefusals } from '../membership/refusals.ts'
import { encodeRoster } from '../membership/roster.ts'
import { claimOf } from '../membership/rules.ts'
import type { CommitStep, GroupState, Leaf } from '../mls/engine.ts'
import { base64, base64Url } from './base64.ts'
import { sendControl } from './compose.ts'
import type { ConversationState, PendingCommit } from './conversation-state.ts'
import { standingGoodbyes } from './goodbyes.ts'
import { judgeChange } from './judging.ts'
import { namedBy } from './leaves.ts'
import type { Parts } from './parts.ts'
import type { Transaction } from './transaction.ts'
import { beginTranscript } from './transcript.ts'

/** What a commit is to change. */
export interface Plan {
  readonly add: readonly { readonly device: MemberDevice; readonly keyPackage: Uint8Array }[]
  readonly remove: readonly Leaf[]
  /** Users who cease to be members. */
  readonly leave: readonly string[]
  readonly roles: ReadonlyMap<string, Role>
}

const idBytes = 16

/** Makes a commit and keeps it beside the present state until the server has decided. */
export async function prepareCommit(
  parts: Parts,
  transaction: Transaction,
  conversation: ConversationState,
  base: { readonly state: GroupState; readonly roster: Roster },
  plan: Plan,
  purpose: 'create' | 'change' | 'reset',
  generation: number,
): Promise<PendingCommit> {
  const { engine, self, clock } = parts
  const added = plan.add.map(({ device }) => device)
  const removed = plan.remove.flatMap((leaf) => namedBy(leaf) ?? [])
  const by = { userId: self.userId, deviceId: self.deviceId }
  const goodbyes = await goodbyesFor(parts, conversation, base.state, plan)
  const change = { by, add: added, remove: removed, leave: plan.leave, roles: plan.roles, goodbyes }
  const { claim, roster } = claimOf(base.roster, change)
  if (purpose === 'change')
    await refuseForbidden(parts, transaction, conversation, base.state, plan, { by, added, removed, claim })
  const step: CommitStep = await engine.commit(base.state, {
    add: plan.add.map(({ keyPackage }) => keyPackage),
    remove: plan.remove.map(({ index }) => index),
    aad: encodeClaim(claim),
    roster: encodeRoster(roster),
  })
  const id = base64Url(clock.random(idBytes))
  const body = {
    id,
    commit: base64(step.commit),
    ...(step.welcome === undefined ? {} : { welcome: base64(step.welcome) }),
    welcomeTo: added,
    groupInfo: base64(step.groupInfo),
    add: added,
    ...(purpose === 'change' ? { epoch: base.state.epoch, remove: removed } : {}),
    ...(purpose === 'reset' ? { generation } : {}),
    ...(purpose === 'create' ? {} : { left: plan.leave }),
    ...(purpose === 'create'
      ? { protocol: 'mls', ...(conversation.kind === 'direct' ? { direct: conversation.peer } : { groupId: conversation.id }) }
      : {}),
    ...(purpose !== 'reset' && plan.roles.size > 0 ? { roles: Object.fromEntries(plan.roles) } : {}),
  }
  const pending: PendingCommit = {
    conversationId: conversation.id,
    id,
    purpose,
    generation,
    epoch: base.state.epoch,
    body,
    pending: step.pending,
    roster,
    added,
    removed,
  }
  transaction.setPending(conversation.id, pending)
  return pending
}

/** Of those whom the commit removes. */
function goodbyesFor(
  { engine }: Parts,
  { leaving, goodbyes = [] }: ConversationState,
  state: GroupState,
  { remove, leave }: Plan,
): Promise<readonly Goodbye[]> {
  const users = new Set([...leave, ...remove.map((leaf) => namedBy(leaf)?.userId)])
  return standingGoodbyes(
    engine,
    state,
    goodbyes.filter(({ userId }) => users.has(userId) && leaving.includes(userId)),
  )
}

/** What others would refuse is not even made: a commit that wins and is refused would end the group. */
async function refuseForbidden(
  parts: Parts,
  transaction: Transaction,
  conversation: ConversationState,
  state: GroupState,
  plan: Plan,
  change: Omit<Parameters<typeof judgeChange>[5], 'external'>,
): Promise<void> {
  const leaves = await Promise.all(plan.add.map(async ({ keyPackage }) => (await parts.engine.readKeyPackage(keyPackage)).leaf))
  const contacts = (userId: string) => transaction.contact(userId)
  const verdict = await judgeChange(parts, contacts, conversation, state, leaves, { ...change, external: false })
  if ('refused' in verdict) throw new SottoClientError('not_permitted', commitRefusals[verdict.refused])
}

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

/** Nobody of whom this says that they are gone has a leaf any more. */
export function isRemoved(gone: { readonly userId: string; readonly deviceId: string | undefined }, state: GroupState): boolean {
  return !state.leaves.some((leaf) => {
    const device = namedBy(leaf)
    return device?.userId === gone.userId && (gone.deviceId === undefined || gone.deviceId === device.deviceId)
  })
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
