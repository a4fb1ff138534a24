import { isBlocked } from '../identity/contacts.ts'
import type { ConversationState } from './conversation-state.ts'
import type { ConversationSnapshot } from './core-api.ts'
import type { Parts } from './parts.ts'
import { page } from './rows.ts'

/** How a conversation stands, for people to see. */
export async function conversationSnapshot(parts: Parts, conversation: ConversationState): Promise<ConversationSnapshot> {
  const { id, kind, peer, name, roster, status, unread, updatedAt, rejoin } = conversation
  const [lastMessage] = conversation.lastOrder === undefined ? [] : await page(parts.memory, id, { before: undefined, limit: 1 })
  const users = [...roster.members]
  return {
    id,
    kind,
    peer,
    name,
    members: users.map(([userId, role]) => ({ userId, role, verified: parts.contacts.of(userId)?.verified ?? false })),
    state: stateOf(status, rejoin),
    blockedBy: users.map(([userId]) => userId).filter((userId) => isBlockedUser(parts, userId)),
    unread,
    lastMessage,
    updatedAt,
    epoch: parts.memory.epochOf(id) ?? conversation.epoch,
  }
}

function stateOf(status: ConversationState['status'], rejoin: boolean): ConversationSnapshot['state'] {
  if (status === 'creating') return 'joining'
  return status === 'active' && rejoin ? 'joining' : status
}

function isBlockedUser({ contacts, self }: Parts, userId: string): boolean {
  const contact = contacts.of(userId)
  return userId !== self.userId && contact !== undefined && isBlocked(contact)
}
