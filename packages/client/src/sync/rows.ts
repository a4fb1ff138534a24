import { applyToRecord, isExpired, shownRecord } from '../content/history.ts'
import type { MemberAction, MessageRecord, RecordAction } from '../content/record.ts'
import { decodeAction, decodeRecord, encodeAction, encodeRecord } from '../content/record-codec.ts'
import type { MessageSnapshot } from './core-api.ts'
import type { Memory } from './memory.ts'
import { pack, unpack } from './records.ts'
import type { Transaction } from './transaction.ts'

/*
 * Collections: `messages` by conversation and order; `messageIds` tells where a message stands, by its id; `later` holds
 * actions whose message is not there yet (`action/`), and when messages expire (`expiry/`).
 */

const digits = 16

/** The sort key of an entry of the group's mailbox. */
export function orderOf(seq: number): string {
  return String(seq).padStart(digits, '0')
}

/** The sort key of what waits to be sent: after everything in the log. */
export function queuedOrder(n: number): string {
  return `~${String(n).padStart(digits, '0')}`
}

const rowKey = ({ conversationId, order }: Pick<MessageRecord, 'conversationId' | 'order'>) => `${conversationId}/${order}`
const actionPrefix = (messageId: string) => `action/${messageId}/`
const expiryKey = (record: MessageRecord) => `expiry/${String(record.expiresAt).padStart(digits, '0')}/${record.id}`

/** Puts a new message into the history, with what has been done to it already. */
export async function addMessage(transaction: Transaction, record: MessageRecord): Promise<MessageRecord> {
  let next = record
  const prefix = actionPrefix(record.id)
  for (const { key, value } of await transaction.range('later', { prefix })) {
    next = applyToRecord(next, decodeAction(value))
    transaction.put('later', key, undefined)
  }
  putRow(transaction, next)
  if (next.expiresAt !== undefined) transaction.put('later', expiryKey(next), pack(next.id))
  return next
}

/** Whether a message with this id has been seen, also one that is deleted or has expired. */
export async function isKnown(transaction: Transaction, messageId: string): Promise<boolean> {
  return (await transaction.get('messageIds', messageId)) !== undefined
}

/** Notes the id of what leaves no row of its own, so that it is not taken twice. */
export function noteId(transaction: Transaction, messageId: string): void {
  transaction.put('messageIds', messageId, pack(''))
}

export async function findMessage(reader: Pick<Transaction, 'get'>, messageId: string): Promise<MessageRecord | undefined> {
  const at = await reader.get('messageIds', messageId)
  if (at === undefined) return undefined
  const key = unpack<string>(at)
  const value = key === '' ? undefined : await reader.get('messages', key)
  return value === undefined ? undefined : decodeRecord(value)
}

/** What an action does to a message of the conversation; kept for later when the message is not there. Undefined: nothing has changed. */
export async function changeMessage(
  transaction: Transaction,
  conversationId: string,
  messageId: string,
  action: RecordAction,
): Promise<MessageRecord | undefined> {
  const record = await findMessage(transaction, messageId)
  if (record === undefined) {
    if (isMemberAction(action) && action.order !== undefined && !(await isKnown(transaction, messageId)))
      transaction.put('later', `${actionPrefix(messageId)}${action.order}/${action.id}/${action.kind}`, encodeAction(action))
    return undefined
  }
  if (record.conversationId !== conversationId) return undefined
  const next = applyToRecord(record, action)
  if (next === record) return undefined
  if (next.order !== record.order) transaction.put('messages', rowKey(record), undefined)
  putRow(transaction, next)
  transaction.emit({ type: 'update', message: snapshotOf(next) })
  return next
}

function isMemberAction(action: RecordAction): action is MemberAction {
  return 'author' in action
}

function putRow(transaction: Transaction, record: MessageRecord): void {
  const key = rowKey(record)
  transaction.put('messages', key, encodeRecord(record))
  transaction.put('messageIds', record.id, pack(key))
}

/** Newest first. */
export async function page(
  memory: Memory,
  conversationId: string,
  { before, limit }: { readonly before: string | undefined; readonly limit: number },
): Promise<MessageSnapshot[]> {
  const from = before === undefined ? undefined : await findMessage(memory.storage, before)
  const items = await memory.storage.range('messages', {
    prefix: `${conversationId}/`,
    ...(from === undefined ? {} : { before: rowKey(from) }),
    reverse: true,
    limit,
  })
  return items.map(({ value }) => snapshotOf(decodeRecord(value)))
}

/** Deletes what has expired; the ids stay known. */
export async function sweepExpired(transaction: Transaction, now: number): Promise<void> {
  const expired = await transaction.range('later', {
    prefix: 'expiry/',
    before: `expiry/${String(now + 1).padStart(digits, '0')}`,
  })
  for (const { key, value } of expired) {
    transaction.put('later', key, undefined)
    const record = await findMessage(transaction, unpack<string>(value))
    if (record === undefined || !isExpired(record, now)) continue
    transaction.put('messages', rowKey(record), undefined)
    noteId(transaction, record.id)
    transaction.emit({ type: 'update', message: { ...snapshotOf(record), text: undefined, custom: undefined, deleted: true } })
  }
}

export function snapshotOf(record: MessageRecord): MessageSnapshot {
  const shown = shownRecord(record)
  return {
    id: shown.id,
    conversationId: shown.conversationId,
    from: shown.author.userId,
    fromDevice: shown.author.deviceId,
    own: shown.own,
    status: shown.status,
    failure: shown.failure?.code,
    text: shown.text,
    custom: shown.custom,
    replyTo: shown.replyTo,
    sentAt: shown.sentAt,
    receivedAt: shown.receivedAt,
    editedAt: shown.editedAt,
    deleted: shown.deleted,
    expiresAt: shown.expiresAt,
    reactions: Object.fromEntries(shown.reactions),
    deliveredTo: shown.deliveredTo,
    readBy: shown.readBy,
    unreadable: shown.unreadable?.reason,
    order: shown.order,
  }
}
