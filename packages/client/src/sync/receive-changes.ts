import type { EntryFrame } from '../transport/transport.ts'
import type { Parts } from './parts.ts'
import type { Transaction } from './transaction.ts'
import { extendTranscript } from './transcript.ts'

type DepartedFrame = Extract<EntryFrame, { readonly type: 'departed' }>
type MembershipFrame = Extract<EntryFrame, { readonly type: 'membership' }>
type GoneFrame = Extract<EntryFrame, { readonly type: 'gone' }>

/** Somebody is gone, says the server: nothing is sent until a commit has removed the leaves. */
export function receiveDeparted(parts: Parts, transaction: Transaction, frame: DepartedFrame): void {
  const conversation = transaction.conversation(frame.groupId)
  if (conversation === undefined || conversation.mailbox !== frame.mailbox) return
  const { userId, deviceId } = frame
  const payload = `departed ${JSON.stringify([userId, deviceId ?? null])}`
  const transcript = extendTranscript(parts.engine, conversation.transcript, frame.seq, payload)
  if (transcript !== undefined) transaction.afterwards(() => parts.digests.note(conversation.id, transcript))
  const self = userId === parts.self.userId && (deviceId === undefined || deviceId === parts.self.deviceId)
  if (self) {
    transaction.updateConversation(conversation.id, { status: 'left', transcript: undefined })
    transaction.emitConversation(conversation.id)
    return
  }
  transaction.updateConversation(conversation.id, { departed: [...conversation.departed, { userId, deviceId }], transcript })
  transaction.afterwards(() => {
    parts.ask.refresh(userId)
    parts.ask.tidy(conversation.id)
  })
}

/** Of an MLS group only its deletion, or an owner who was erased, is told like this; who is in it, commits alone say. */
export function receiveMembership(parts: Parts, transaction: Transaction, frame: MembershipFrame): void {
  const conversation = transaction.conversation(frame.groupId)
  if (conversation === undefined || conversation.mailbox !== frame.mailbox) return
  const deleted = frame.removed.includes(parts.self.userId)
  transaction.updateConversation(conversation.id, { transcript: undefined, ...(deleted ? { status: 'left' as const } : {}) })
  transaction.emitConversation(conversation.id)
}

/** Entries that will not come. A commit may be among them: the next message then shows it, and the device joins anew. */
export async function receiveGone(_parts: Parts, transaction: Transaction, frame: GoneFrame): Promise<void> {
  const id = transaction.memory.conversationOf(frame.mailbox)
  if (id === undefined) return
  transaction.updateConversation(id, { transcript: undefined })
}
