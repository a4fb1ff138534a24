import type { Role, Roster } from '../membership/membership.ts'
import { judgeNewBeginning } from '../membership/new-beginning.ts'
import { decodeRoster } from '../membership/roster.ts'
import { type AdmitLeaf, type JoinStep, MlsFailure } from '../mls/engine.ts'
import type { EntryFrame } from '../transport/transport.ts'
import { fromBase64 } from './base64.ts'
import { type ConversationState, mlsGroupId, newConversation } from './conversation-state.ts'
import { directGroupId } from './direct-group-id.ts'
import { erasedUsers } from './judging.ts'
import { admitted, type ContactOf, devicesOf, namedBy } from './leaves.ts'
import { ListsWanted } from './lists-wanted.ts'
import { dropPending, enterEpoch } from './own-commits.ts'
import type { Parts } from './parts.ts'
import type { Transaction } from './transaction.ts'

type WelcomeFrame = Extract<EntryFrame, { readonly type: 'welcome_mls' }>

const asks = 'asks'

/** Whose lists have to be known before the Welcome can be judged: the leaves of the tree inside it name them. */
export async function usersOfWelcome(parts: Parts, frame: WelcomeFrame): Promise<string[]> {
  const users = new Set<string>([frame.from])
  try {
    await openWelcome(parts, frame, (leaf) => {
      const named = namedBy(leaf)
      if (named !== undefined) users.add(named.userId)
      return asks
    })
  } catch (error) {
    if (!(error instanceof MlsFailure)) throw error
  }
  return [...users]
}

function openWelcome(parts: Parts, frame: WelcomeFrame, admitLeaf: AdmitLeaf): Promise<JoinStep> {
  const secretOf = async (ref: string) => (await parts.handshakes()).keyPackages.secretOf(ref)
  return parts.engine.join({ welcome: bytesOf(frame.welcome), secretOf, admitLeaf })
}

/** Somebody has added this device to a group. */
export async function receiveWelcome(
  parts: Parts,
  transaction: Transaction,
  frame: WelcomeFrame,
  hasAsked: boolean,
): Promise<void> {
  const before = transaction.conversation(frame.groupId)
  if (await comesEarly(transaction, frame, before)) return transaction.deferWelcome(frame.groupMailbox, frame)
  const unlisted = new Set<string>()
  try {
    const unwanted = unwantedBecause(before, frame)
    if (unwanted !== undefined) return refuse(transaction, frame, unwanted)
    const step = await openWelcome(
      parts,
      frame,
      admittingVouched(parts, (userId) => transaction.contact(userId), unlisted),
    )
    const roster = decodedRoster(step)
    const problem = await problemOf(parts, transaction, frame, step, roster, before)
    if (problem !== undefined) return refuse(transaction, frame, problem)
    await enter(parts, transaction, frame, step, roster, before)
  } catch (error) {
    if (!(error instanceof MlsFailure)) throw error
    if (error.reason === 'refused_leaf' && !hasAsked && unlisted.size > 0) throw new ListsWanted([...unlisted])
    refuse(transaction, frame, error.message)
    // The key package was used up or lost, or a leaf is about to be removed: from outside it still goes, now or later.
    if (error.reason === 'no_key_package' || error.reason === 'refused_leaf') joinFromOutside(parts, transaction, frame)
  }
}

/** There is more to read of the group, with the keys that are here, before the place at which the Welcome lets this device in. */
async function comesEarly(
  transaction: Transaction,
  frame: WelcomeFrame,
  before: ConversationState | undefined,
): Promise<boolean> {
  const cursor = transaction.cursor(frame.groupMailbox)
  if (before?.mailbox !== frame.groupMailbox || before.rejoin || cursor === undefined || cursor >= frame.groupSeq) return false
  return before.status !== 'left' && (await transaction.group(frame.groupId)) !== undefined
}

function unwantedBecause(before: ConversationState | undefined, frame: WelcomeFrame): string | undefined {
  if (before === undefined) return undefined
  if (frame.generation < before.generation) return 'it is of an earlier generation'
  if (frame.generation > before.generation) return undefined
  if (before.status === 'active' && !before.rejoin) return 'this device is in the group already'
  if (frame.groupSeq <= before.commitSeq) return 'it is older than what this device knows of the group'
  return undefined
}

/**
 * Admits the leaves that their users vouch for, as far as their lists are known. A leaf of this very user under an
 * identity that was given up is let pass: nothing is sent until it is removed, and this user may remove it.
 */
export function admittingVouched(parts: Parts, contacts: ContactOf, unlisted = new Set<string>()): AdmitLeaf {
  return async (leaf) => {
    const device = await admitted(leaf, contacts, parts.engine)
    const named = namedBy(leaf)
    if (typeof device === 'string' && named !== undefined) unlisted.add(named.userId)
    return typeof device === 'string' && namedBy(leaf)?.userId !== parts.self.userId ? device : undefined
  }
}

function decodedRoster(step: JoinStep): Roster {
  try {
    return decodeRoster(step.roster)
  } catch (cause) {
    throw new MlsFailure('invalid_welcome', 'the roster cannot be read', { cause })
  }
}

async function problemOf(
  parts: Parts,
  transaction: Transaction,
  frame: WelcomeFrame,
  { state, by }: JoinStep,
  roster: Roster,
  before: ConversationState | undefined,
): Promise<string | undefined> {
  const { userId } = parts.self
  if (state.groupId !== mlsGroupId(frame.groupId, frame.generation)) return 'it is of another group than the server says'
  if (before?.generation === frame.generation && state.epoch <= (before.epoch ?? 0))
    return 'it is of an epoch that this device has left behind'
  if (!roster.members.has(userId)) return 'this user is not in the roster'
  const stranger = devicesOf(state).find((device) => !roster.members.has(device.userId))
  if (stranger !== undefined) return `${stranger.userId} has a device in the group and is not in the roster`
  const adder = await admitted(by, (id) => transaction.contact(id), parts.engine)
  if (typeof adder === 'string') return adder
  if (roster.direct) {
    const peer = peerOf(roster, userId)
    if (roster.members.size > 2 || directGroupId(userId, peer, parts.engine) !== frame.groupId)
      return 'it is not the conversation of these two'
  } else if (isDirectId(frame.groupId)) return 'a group has the id of a conversation of two'
  return problemAnew(parts, before, frame.generation, roster, adder.userId)
}

/** Of a group that begins anew, for who was in it before: who was removed from it comes in like anybody who knows nothing. */
export function problemAnew(
  parts: Parts,
  before: ConversationState | undefined,
  generation: number,
  after: Roster,
  by: string,
  since?: ReadonlyMap<string, Role>,
): string | undefined {
  if (before === undefined || before.generation >= generation || !before.roster.members.has(parts.self.userId)) return undefined
  const gone = new Set([...before.leaving, ...erasedUsers(parts, before)])
  return judgeNewBeginning({ before: before.roster, after, by, gone, ...(since === undefined ? {} : { since }) })
}

async function enter(
  parts: Parts,
  transaction: Transaction,
  frame: WelcomeFrame,
  step: JoinStep,
  roster: Roster,
  before: ConversationState | undefined,
): Promise<void> {
  const { groupId } = frame
  const lost = parts.memory.pending.get(groupId)
  // A commit of this device from outside may have been taken already: then it stands behind this one in the log.
  if (lost !== undefined && lost.purpose !== 'external') dropPending(parts, transaction, lost)
  await transaction.dropGroup(groupId)
  const peer = roster.direct ? peerOf(roster, parts.self.userId) : undefined
  const kind = roster.direct ? 'direct' : 'group'
  if (before === undefined) transaction.setConversation(newConversation(groupId, kind, peer, roster, frame.receivedAt))
  transaction.take(groupId, step)
  const used = await (await parts.handshakes()).keyPackages.used(transaction, step.ref)
  // Before the entries after the commit: what came earlier was of epochs before this device's own.
  const cursor = transaction.cursor(frame.groupMailbox)
  if (cursor === undefined || cursor < frame.groupSeq) transaction.setCursor(frame.groupMailbox, frame.groupSeq)
  enterEpoch(parts, transaction, groupId, step.state, {
    status: 'active',
    kind,
    peer,
    generation: frame.generation,
    mailbox: frame.groupMailbox,
    commitSeq: frame.groupSeq,
    roster,
    departed: [],
    leaving: [],
    isFresh: false,
    sinceEpoch: before?.rejoin ? undefined : step.state.epoch,
    rejoin: false,
    freshAt: used === 'lastResort' ? 0 : parts.clock.now(),
    updatedAt: frame.receivedAt,
  })
  transaction.afterwards(() => {
    if (used === 'lastResort') parts.ask.freshen(groupId)
    parts.ask.pump(groupId)
    parts.ask.tidy(groupId)
    parts.ask.keyPackages()
  })
}

function joinFromOutside(parts: Parts, transaction: Transaction, frame: WelcomeFrame): void {
  const before = transaction.conversation(frame.groupId)
  if (before?.status === 'active' && !before.rejoin) return
  transaction.afterwards(() => parts.ask.rejoin(frame.groupId))
}

function refuse(transaction: Transaction, frame: WelcomeFrame, detail: string): void {
  transaction.emit({
    type: 'error',
    incident: { kind: 'welcome_refused', conversationId: frame.groupId, userId: frame.from, detail },
  })
}

/** The other of a conversation of two; oneself for notes to oneself. */
export function peerOf(roster: Roster, userId: string): string {
  return [...roster.members.keys()].find((member) => member !== userId) ?? userId
}

/** Ids of 32 bytes are those of conversations of two (docs/mls-groups.md). */
function isDirectId(groupId: string): boolean {
  return groupId.length === 43
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw new MlsFailure('malformed', 'the Welcome is no base64', { cause })
  }
}
