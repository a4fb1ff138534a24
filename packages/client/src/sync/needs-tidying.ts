import { inspect } from './leaves.ts'
import type { Parts } from './parts.ts'

/** Whether there may be anybody whose leaves are to go: departed, leaving, or in no list. */
export async function needsTidying({ memory, contacts }: Parts, conversationId: string): Promise<boolean> {
  const conversation = memory.conversations.get(conversationId)
  if (conversation?.status !== 'active' || conversation.rejoin) return false
  if (conversation.departed.length > 0 || conversation.leaving.length > 0) return true
  const state = await memory.group(conversationId)
  return state !== undefined && inspect(state, (userId) => contacts.of(userId)).ghosts.length > 0
}
