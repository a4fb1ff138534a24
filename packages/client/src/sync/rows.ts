import { applyToRecord, isExpired, shownRecord } from '../content/history.ts'
import type { MessageRecord, RecordAction } from '../content/record.ts'
import { decodeRecord, encodeRecord } from '../content/record-codec.ts'
import type { OpenStorage } from '../storage/storage.ts'
import type { CoreMethods, MessageSnapshot } from './core-api.ts'
import type { Memory } from './memory.ts'
import { pack, unpack } from './records.ts'
import type { Transaction } from './transaction.ts'

/*
 * Collections: `messages` by conversation and order; `messageIds` tells where a message stands, by its id; `later` holds
 * when messages expire (`expiry/`).
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

/** A number for `queuedOrder` that no message of the conversation has. */
export async function afterQueued(storage: Pick<OpenStorage, 'range'>, conversationId: string): Promise<number> {
  const prefix = `${conversationId}/~`
  const [last] = await storage.range('messages', { prefix, reverse: true, limit: 1 })
  return last === undefined ? 1 : Number(last.key.slice(prefix.length)) + 1
}

const rowKey = ({ conversationId, order }: Pick<MessageRecord, 'conversationId' | 'order'>) => `${conversationId}/${order}`
const expiryKey = (record: MessageRecord) => `expiry/${String(record.expiresAt).padStart(digits, '0')}/${record.id}`

/** Puts a new message into the history. */
export function addMessage(transaction: Transaction, record: MessageRecord): MessageRecord {
  putRow(transaction, record)
  if (record.expiresAt !== undefined) transaction.put('later', expiryKey(record), pack(record.id))
  return record
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

/**
 * What an action does to a message of the conversation; undefined: nothing has changed. Who acts on a message has seen it, so
 * it stands earlier in the log: what is not here was before this device's time, or has expired.
 * @param order where the message goes, if it moves.
 */
export async function changeMessage(
  transaction: Transaction,
  conversationId: string,
  messageId: string,
  action: RecordAction,
  order?: string,
): Promise<MessageRecord | undefined> {
  const record = await findMessage(transaction, messageId)
  if (record?.conversationId !== conversationId) return undefined
  const changed = applyToRecord(record, action)
  const next = order === undefined ? changed : { ...changed, order }
  if (next === record) return undefined
  if (next.order !== record.order) transaction.put('messages', rowKey(record), undefined)
  putRow(transaction, next)
  transaction.emit({ type: 'update', message: snapshotOf(next) })
  return next
}

/** The message never was. */
export async function dropMessage(transaction: Transaction, messageId: string): Promise<void> {
  const record = await findMessage(transaction, messageId)
  if (record === undefined) return
  transaction.put('messages', rowKey(record), undefined)
  noteId(transaction, messageId)
  transaction.emit({ type: 'update', message: { ...snapshotOf(record), text: undefined, custom: undefined, deleted: true } })
  transaction.emitConversation(record.conversationId)
}

function putRow(transaction: Transaction, record: MessageRecord): void {
  const key = rowKey(record)
  transaction.put('messages', key, encodeRecord(record))
  transaction.put('messageIds', record.id, pack(key))
}

/** Newest first. */
export async function page(
  memory: Pick<Memory, 'storage'>,
  conversationId: string,
  { before, from: order, limit }: Parameters<CoreMethods['history']>[1],
): Promise<MessageSnapshot[]> {
  const place = before === undefined ? undefined : await placeOf(memory, before)
  const from = order === undefined ? place : rowKey({ conversationId, order })
  if (before !== undefined && from === undefined) return []
  const items = await memory.storage.range('messages', {
    prefix: `${conversationId}/`,
    ...(from === undefined ? {} : { before: from }),
    reverse: true,
    limit,
  })
  return items.map(({ value }) => snapshotOf(decodeRecord(value)))
}

/** Where a message stands, or stood before it expired. */
async function placeOf({ storage }: Pick<Memory, 'storage'>, messageId: string): Promise<string | undefined> {
  const at = await storage.get('messageIds', messageId)
  const key = at === undefined ? undefined : unpack<string>(at)
  return key === '' ? undefined : key
}

/** Deletes what has expired; the ids, and where they stood, stay known. */
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
