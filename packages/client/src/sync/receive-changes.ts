import type { EntryFrame } from '../transport/transport.ts'
import type { Parts } from './parts.ts'
import type { Transaction } from './transaction.ts'
import { extendTranscript } from './transcript.ts'

type DepartedFrame = Extract<EntryFrame, { readonly type: 'departed' }>
type MembershipFrame = Extract<EntryFrame, { readonly type: 'membership' }>

/** Somebody is gone, says the server: nothing is sent until a commit has removed the leaves. */
export async function receiveDeparted(parts: Parts, transaction: Transaction, frame: DepartedFrame): Promise<void> {
  const conversation = transaction.conversation(frame.groupId)
  if (conversation === undefined || conversation.mailbox !== frame.mailbox) return
  const { userId, deviceId } = frame
  const payload = `departed ${JSON.stringify([userId, deviceId ?? null])}`
  const transcript = extendTranscript(parts.engine, conversation.transcript, frame.seq, payload)
  if (transcript !== undefined) transaction.afterwards(() => parts.digests.note(conversation.id, transcript))
  const self = userId === parts.self.userId && (deviceId === undefined || deviceId === parts.self.deviceId)
  if (self) return await leftBySaying(parts, transaction, conversation.id)
  transaction.updateConversation(conversation.id, { departed: [...conversation.departed, { userId, deviceId }], transcript })
  transaction.afterwards(() => {
    parts.ask.refresh(userId)
    parts.ask.tidy(conversation.id)
  })
}

/** Of an MLS group only its deletion, or an owner who was erased, is told like this; who is in it, commits alone say. */
export async function receiveMembership(parts: Parts, transaction: Transaction, frame: MembershipFrame): Promise<void> {
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
  transaction.updateConversation(conversationId, { status: 'left', transcript: undefined })
  transaction.emitConversation(conversationId)
  transaction.afterwards(() => parts.ask.rejoin(conversationId))
}
