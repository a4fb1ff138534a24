import type { ConversationState } from './conversation-state.ts'
import type { Parts } from './parts.ts'
import type { Transaction } from './transaction.ts'

/** The others have gone on from what this device has refused. Where it is not this user's to begin anew, it comes in from outside. */
export function goOnWithout(parts: Parts, transaction: Transaction, conversation: ConversationState): void {
  if (maySetAnew(conversation, parts.self.userId)) return
  transaction.updateConversation(conversation.id, { status: 'joining', rejoin: true, transcript: undefined })
  transaction.emitConversation(conversation.id)
  transaction.afterwards(() => parts.ask.rejoin(conversation.id))
}

/** In a conversation of two, either. */
export function maySetAnew({ kind, roster }: ConversationState, userId: string): boolean {
  const role = roster.members.get(userId)
  return kind === 'direct' || role === 'owner' || role === 'admin'
}
