import type { EntryFrame } from '../transport/transport.ts'
import type { ConversationState } from './conversation-state.ts'
import { readGoodbye } from './goodbyes.ts'
import { stillLeaving } from './own-commits.ts'
import type { Parts } from './parts.ts'
import { readingOn } from './patience.ts'
import type { Transaction } from './transaction.ts'
import { extendTranscript } from './transcript.ts'

type DepartedFrame = Extract<EntryFrame, { readonly type: 'departed' }>
type MembershipFrame = Extract<EntryFrame, { readonly type: 'membership' }>

/** Who is in a group, as the server tells it. */
export async function receiveChange(
  parts: Parts,
  transaction: Transaction,
  frame: DepartedFrame | MembershipFrame,
): Promise<void> {
  await (frame.type === 'departed' ? receiveDeparted(parts, transaction, frame) : receiveMembership(parts, transaction, frame))
}

/** Somebody is gone, says the server: nothing is sent until a commit has removed the leaves. */
async function receiveDeparted(parts: Parts, transaction: Transaction, frame: DepartedFrame): Promise<void> {
  const conversation = transaction.conversation(frame.groupId)
  if (conversation === undefined || conversation.mailbox !== frame.mailbox) return
  const { userId, deviceId } = frame
  const payload = `departed ${JSON.stringify([userId, deviceId ?? null])}`
  const transcript = extendTranscript(parts.engine, conversation.transcript, frame.seq, payload)
  if (transcript !== undefined) transaction.afterwards(() => parts.digests.note(conversation.id, transcript))
  const self = userId === parts.self.userId && (deviceId === undefined || deviceId === parts.self.deviceId)
  if (self) return await leftBySaying(parts, transaction, conversation.id)
  transaction.updateConversation(conversation.id, { departed: [...conversation.departed, { userId, deviceId }], transcript })
  if (frame.goodbye !== undefined && deviceId === undefined) await takeGoodbye(parts, transaction, frame, frame.goodbye)
  transaction.afterwards(() => {
    parts.ask.refresh(userId)
    parts.ask.tidy(conversation.id)
  })
}

/** The user itself says so: then the server's word does not matter. */
async function takeGoodbye(
  { engine }: Parts,
  transaction: Transaction,
  { groupId, userId }: DepartedFrame,
  text: string,
): Promise<void> {
  const state = await transaction.group(groupId)
  const { leaving, goodbyes = [], roster } = transaction.conversation(groupId)!
  const goodbye = state === undefined ? undefined : await readGoodbye(engine, state, roster, userId, text)
  if (goodbye === undefined) return
  const now = stillLeaving([...new Set([...leaving, userId])], roster)
  const others = goodbyes.filter((one) => one.userId !== userId && now.includes(one.userId))
  transaction.updateConversation(groupId, { leaving: now, goodbyes: [...others, goodbye] })
}

/** How long the log may take to say what a refusal says: it has the goodbyes. */
const [logIdleMs, logMsMax] = [1_000, 15_000]

/**
 * The server refuses to go on before these are removed. The log says so too; where it does not, they are told once more, or a
 * wake-up has forgotten them.
 */
export async function noteDeparted(parts: Parts, conversationId: string, departed: unknown): Promise<void> {
  const { memory } = parts
  const gone = Array.isArray(departed) ? departed.flatMap(departedIn) : []
  const unknownTo = (conversation: ConversationState | undefined) =>
    conversation === undefined ? [] : gone.filter((one) => !conversation.departed.some((known) => sameDeparture(one, known)))
  const isKnown = () => unknownTo(memory.conversations.get(conversationId)).length === 0
  await readingOn(parts, isKnown, { idleMs: logIdleMs, longestMs: logMsMax })
  if (isKnown()) return
  await memory.transact(async (transaction) => {
    const conversation = transaction.conversation(conversationId)
    const more = unknownTo(conversation)
    if (conversation === undefined || more.length === 0) return
    transaction.updateConversation(conversationId, { departed: [...conversation.departed, ...more] })
  })
}

type Departure = ConversationState['departed'][number]

function sameDeparture(one: Departure, other: Departure): boolean {
  return one.userId === other.userId && one.deviceId === other.deviceId
}

function departedIn(value: unknown): Departure[] {
  if (typeof value !== 'object' || value === null) return []
  const { userId, deviceId } = value as { readonly userId?: unknown; readonly deviceId?: unknown }
  if (typeof userId !== 'string') return []
  return [{ userId, deviceId: typeof deviceId === 'string' ? deviceId : undefined }]
}

/** Of an MLS group only its deletion, or an owner who was erased, is told like this; who is in it, commits alone say. */
async function receiveMembership(parts: Parts, transaction: Transaction, frame: MembershipFrame): Promise<void> {
  const conversation = transaction.conversation(frame.groupId)
  if (conversation === undefined || conversation.mailbox !== frame.mailbox) return
  if (frame.removed.includes(parts.self.userId)) return await leftBySaying(parts, transaction, conversation.id)
  const { by, added, removed, roles = {} } = frame
  const payload = `membership ${JSON.stringify([by, added, removed, Object.entries(roles).sort()])}`
  const transcript = extendTranscript(parts.engine, conversation.transcript, frame.seq, payload)
  if (transcript !== undefined) transaction.afterwards(() => parts.digests.note(conversation.id, transcript))
  transaction.updateConversation(conversation.id, { transcript })
  transaction.emitConversation(conversation.id)
}

/** The server says that this device is out. It is asked to let it in again: where that was no lie, it refuses. */
async function leftBySaying(parts: Parts, transaction: Transaction, conversationId: string): Promise<void> {
  await transaction.dropGroup(conversationId)
  transaction.updateConversation(conversationId, { status: 'left', rejoin: true, transcript: undefined })
  transaction.emitConversation(conversationId)
  transaction.afterwards(() => parts.ask.rejoin(conversationId))
}
