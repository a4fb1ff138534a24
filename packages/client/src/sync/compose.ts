import type { Content } from '../content/content.ts'
import { encodeEnvelope } from '../content/encode.ts'
import { contentLimits } from '../content/limits.ts'
import { messageId } from '../content/message-id.ts'
import { actionsOf, type MessageRecord, recordOf } from '../content/record.ts'
import { SottoClientError } from '../errors.ts'
import type { Draft } from './core-api.ts'
import type { OutboxItem } from './outbox.ts'
import type { Parts } from './parts.ts'
import { addMessage, changeMessage, findMessage, isKnown, noteId, queuedOrder, snapshotOf } from './rows.ts'
import { seal } from './sealing.ts'
import type { Transaction } from './transaction.ts'

/**
 * Queues what an application sends: durable when it resolves. The same draft again is the same message.
 * @throws SottoClientError `not_a_member`, `invalid_content`, `content_too_large`.
 */
export async function send(parts: Parts, conversationId: string, draft: Draft): Promise<MessageRecord> {
  const record = await parts.memory.transact(async (transaction) => {
    const conversation = transaction.conversation(conversationId)
    if (conversation === undefined || conversation.status === 'left') throw new SottoClientError('not_a_member')
    const expiresAt = draft.expiresInMs === undefined ? undefined : draft.sentAt + draft.expiresInMs
    const envelope = {
      salt: draft.salt,
      sentAt: draft.sentAt,
      content: draft.content,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }
    const bytes = encodeEnvelope(envelope)
    const author = { userId: parts.self.userId, deviceId: parts.self.deviceId }
    const id = messageId({ groupId: conversationId, senderUserId: author.userId, senderDeviceId: author.deviceId }, bytes)
    const target = targetOf(draft.content)
    const known = await findMessage(transaction, target ?? id)
    if (target === undefined && known !== undefined) return known
    if (target !== undefined && known?.conversationId !== conversationId)
      throw new SottoClientError('invalid_content', 'there is no such message in this conversation')
    if (target !== undefined && draft.content.kind !== 'reaction' && !known!.own)
      throw new SottoClientError('not_permitted', 'only its author edits or deletes a message')
    if (target !== undefined && (await isKnown(transaction, id))) return known!

    const n = parts.outbox.takeNumber()
    const shown = target === undefined
    const item: OutboxItem = {
      n,
      conversationId,
      id,
      envelope: bytes,
      shown,
      target,
      expiresInMs: draft.expiresInMs,
      receipt: undefined,
      sealed: undefined,
    }
    let record: MessageRecord
    if (shown) {
      const message = { id, conversationId, author, own: true, order: queuedOrder(n), status: 'queued' as const }
      record = await addMessage(transaction, recordOf(message, envelope)!)
      transaction.emit({ type: 'update', message: snapshotOf(record) })
      transaction.updateConversation(conversationId, { lastOrder: record.order, updatedAt: draft.sentAt })
      transaction.emitConversation(conversationId)
    } else {
      for (const { action } of actionsOf(envelope, { id, author }))
        await changeMessage(transaction, conversationId, target!, action)
      record = (await findMessage(transaction, target!))!
    }
    await enqueue(parts, transaction, item)
    return record
  })
  parts.ask.pump(conversationId)
  return record
}

/** Queues what no history shows: receipts, the name of a group, requests. To be called within a transaction. */
export async function sendControl(
  parts: Parts,
  transaction: Transaction,
  conversationId: string,
  content: Content,
  n = parts.outbox.takeNumber(),
): Promise<void> {
  const { clock, self } = parts
  const bytes = encodeEnvelope({ salt: clock.random(contentLimits.saltBytes), sentAt: clock.now(), content })
  const id = messageId({ groupId: conversationId, senderUserId: self.userId, senderDeviceId: self.deviceId }, bytes)
  const receipt = content.kind === 'receipt' ? { delivered: content.delivered, read: content.read } : undefined
  const item = {
    n,
    conversationId,
    id,
    envelope: bytes,
    shown: false,
    target: undefined,
    expiresInMs: undefined,
    receipt,
    sealed: undefined,
  }
  parts.outbox.put(transaction, item)
  transaction.afterwards(() => parts.ask.pump(conversationId))
}

/** Queues a receipt, as part of one that is still waiting if there is one. */
export async function sendReceipt(
  parts: Parts,
  transaction: Transaction,
  conversationId: string,
  receipt: { readonly delivered: readonly string[]; readonly read: readonly string[] },
): Promise<void> {
  const waiting = parts.outbox.of(conversationId).find((item) => item.receipt !== undefined && item.sealed === undefined)
  const read = union(waiting?.receipt?.read ?? [], receipt.read)
  const delivered = union(waiting?.receipt?.delivered ?? [], receipt.delivered).filter((id) => !read.includes(id))
  if (waiting !== undefined && delivered.length + read.length <= contentLimits.receiptIds) {
    // In its place: the same number, so that it does not wait anew.
    await sendControl(parts, transaction, conversationId, { kind: 'receipt', delivered, read }, waiting.n)
    return
  }
  const all = { delivered: [...receipt.delivered], read: [...receipt.read] }
  while (all.delivered.length + all.read.length > 0) {
    const readNow = all.read.splice(0, contentLimits.receiptIds)
    const deliveredNow = all.delivered.splice(0, contentLimits.receiptIds - readNow.length)
    await sendControl(parts, transaction, conversationId, { kind: 'receipt', delivered: deliveredNow, read: readNow })
  }
}

/** Into the outbox, encrypted at once where that is possible: one write instead of two. */
async function enqueue(parts: Parts, transaction: Transaction, item: OutboxItem): Promise<void> {
  if (!item.shown) noteId(transaction, item.id)
  const first = parts.outbox.of(item.conversationId).every(({ sealed }) => sealed !== undefined)
  if (first && parts.ready()) {
    const sealed = await seal(parts, transaction, item)
    if (typeof sealed !== 'string') return
  }
  parts.outbox.put(transaction, item)
}

function targetOf(content: Draft['content']): string | undefined {
  if (content.kind === 'edit' || content.kind === 'delete') return content.replaces
  return content.kind === 'reaction' ? content.to : undefined
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])]
}
