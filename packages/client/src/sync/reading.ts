import { SottoClientError } from '../errors.ts'
import { sendControl, sendReceipt } from './compose.ts'
import type { ConversationState } from './conversation-state.ts'
import type { Parts } from './parts.ts'
import { findMessage, page } from './rows.ts'
import type { Transaction } from './transaction.ts'

/** Messages that one call tells their senders about. */
const readMax = 1_000
const orderPattern = /^\d{16}$/

/**
 * Everything up to this message, or everything, has been read: told to the senders, and to this user's other devices.
 * @throws SottoClientError `invalid_content` where there is no such message.
 */
export async function markRead(parts: Parts, conversationId: string, upTo: string | undefined): Promise<void> {
  const { memory, settings } = parts
  const until = upTo === undefined ? undefined : (await findMessage(memory.storage, upTo))?.order
  if (upTo !== undefined && until === undefined) throw new SottoClientError('invalid_content', 'there is no such message here')
  const conversation = memory.conversations.get(conversationId)!
  const messages = await page(memory, conversationId, { before: undefined, limit: Math.min(readMax, conversation.unread + 50) })
  const received = messages.filter(({ own }) => !own)
  const read = received.filter(({ order }) => order > conversation.readUpTo && (until === undefined || order <= until))
  const newest = read[0]?.order
  if (newest === undefined && (conversation.unread === 0 || until !== undefined)) return
  await memory.transact(async (transaction) => {
    const now = transaction.conversation(conversationId)!
    const readUpTo = newest !== undefined && newest > now.readUpTo ? newest : now.readUpTo
    const unread = until === undefined ? 0 : received.filter(({ order }) => order > readUpTo).length
    transaction.updateConversation(conversationId, { unread, readUpTo })
    const ids = read.filter(({ unreadable }) => unreadable === undefined).map(({ id }) => id)
    const isSmall = now.roster.members.size <= settings.receiptMembersMax
    if (now.status === 'active' && settings.readReceipts && isSmall && ids.length > 0)
      await sendReceipt(parts, transaction, conversationId, { delivered: [], read: ids })
    if (now.status === 'active' && newest !== undefined && hasOtherDevices(parts))
      await sendControl(parts, transaction, conversationId, {
        kind: 'sync',
        name: 'read',
        data: new TextEncoder().encode(newest),
      })
    transaction.emitConversation(conversationId)
  })
}

function hasOtherDevices({ contacts, self }: Parts): boolean {
  return (contacts.of(self.userId)?.list.devices.length ?? 1) > 1
}

/** Another device of this user has read up to here. */
export async function readElsewhere(transaction: Transaction, conversation: ConversationState, order: string): Promise<void> {
  if (!orderPattern.test(order) || order <= conversation.readUpTo) return
  const limit = Math.min(readMax, conversation.unread + 50)
  const messages = await page(transaction.memory, conversation.id, { before: undefined, limit })
  const unread = messages.filter((message) => !message.own && message.order > order).length
  transaction.updateConversation(conversation.id, { readUpTo: order, unread: Math.min(unread, conversation.unread) })
  transaction.emitConversation(conversation.id)
}
