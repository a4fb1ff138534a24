import { SottoClientError } from '../errors.ts'
import type { OutboxItem } from './outbox.ts'
import type { Parts } from './parts.ts'
import { pack, unpack } from './records.ts'
import { changeMessage, dropMessage, queuedOrder } from './rows.ts'

/** Where a message that has failed is kept, so that it can be tried again: in the collection `outbox`. */
const failedKey = (messageId: string) => `failed/${messageId}`

/** The message will not be sent: it leaves the outbox and says why. */
export async function failMessage(parts: Parts, item: OutboxItem, code: string): Promise<void> {
  await parts.memory.transact(async (transaction) => {
    const now = parts.outbox.find(item.id)
    if (now === undefined) return
    parts.outbox.remove(transaction, now)
    if (item.shown) {
      transaction.put('outbox', failedKey(item.id), pack({ ...now, sealed: undefined }))
      await changeMessage(transaction, item.conversationId, item.id, { kind: 'failed', failure: { code } })
    } else if (item.target !== undefined)
      await changeMessage(transaction, item.conversationId, item.target, { kind: 'dropped', id: item.id })
  })
}

/** Tries a failed message again, at the end of the conversation. @throws SottoClientError `invalid_content`. */
export async function retryMessage(parts: Parts, conversationId: string, messageId: string): Promise<void> {
  await parts.memory.transact(async (transaction) => {
    const value = await transaction.get('outbox', failedKey(messageId))
    const item = value === undefined ? undefined : unpack<OutboxItem>(value)
    if (item?.conversationId !== conversationId) throw new SottoClientError('invalid_content', 'this message has not failed')
    const n = parts.outbox.takeNumber()
    transaction.put('outbox', failedKey(messageId), undefined)
    parts.outbox.put(transaction, { ...item, n })
    await changeMessage(transaction, conversationId, messageId, { kind: 'queued' }, queuedOrder(n))
  })
  parts.ask.pump(conversationId)
}

/** Forgets a message that has failed: nobody else has it. `false`: it has not failed. */
export function discardMessage(parts: Parts, conversationId: string, messageId: string): Promise<boolean> {
  return parts.memory.transact(async (transaction) => {
    const value = await transaction.get('outbox', failedKey(messageId))
    if (value === undefined || unpack<OutboxItem>(value).conversationId !== conversationId) return false
    transaction.put('outbox', failedKey(messageId), undefined)
    await dropMessage(transaction, messageId)
    return true
  })
}
