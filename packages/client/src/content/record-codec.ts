import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts'
import type { Custom } from './content.ts'
import { ContentFailure } from './failure.ts'
import { jsonCopy, NotJson } from './json-value.ts'
import { customBounds } from './limits.ts'
import { readFlag, readInteger, readList, readMap, readOptional, readText, readTime } from './read-value.ts'
import type { ContentChange, MemberAction, MessageAuthor, MessageRecord, MessageStatus, PendingAction, Stamp } from './record.ts'

/** Rises when older versions could no longer read what is written; new members alone do not need it. */
const version = 1

/** Records come from one's own storage; the bounds are for damage. 1,000 members with long ids and reactions fit. */
const bounds = { bytesMax: 16 * 1024 * 1024, depthMax: 32 }

type Fields = ReadonlyMap<number | string, CborValue>

/** Bytes for the storage: deterministic CBOR, empty members left out. */
export function encodeRecord(record: MessageRecord): Uint8Array {
  const { id, conversationId, author, own, order, sentAt, deleted, failure, unreadable } = record
  return encodeCbor({
    v: version,
    id,
    conversationId,
    author: [author.userId, author.deviceId],
    own,
    order,
    sentAt,
    ...present('receivedAt', record.receivedAt),
    ...present('status', record.status),
    ...present('failure', failure && reasonList(failure.code, failure.detail)),
    ...present('text', record.text),
    ...present('custom', record.custom),
    ...present('replyTo', record.replyTo),
    ...present('editedAt', record.editedAt),
    ...present('deleted', deleted || undefined),
    ...present('reactions', record.reactions.size > 0 ? record.reactions : undefined),
    ...present('deliveredTo', record.deliveredTo.length > 0 ? record.deliveredTo : undefined),
    ...present('readBy', record.readBy.length > 0 ? record.readBy : undefined),
    ...present('expiresAt', record.expiresAt),
    ...present('unreadable', unreadable && reasonList(unreadable.reason, unreadable.detail)),
    ...present('edit', record.edit && stampList(record.edit)),
    ...present('reactionStamps', record.reactionStamps.size > 0 ? stampMap(record.reactionStamps) : undefined),
    ...present('pending', record.pending.length > 0 ? record.pending.map(actionFields) : undefined),
  })
}

/** @throws ContentFailure `malformed`; `unsupported` for a record of a newer version. */
export function decodeRecord(bytes: Uint8Array): MessageRecord {
  const fields = readVersioned(bytes, 'the record')
  const status = readOptional(fields.get('status'), 'status', readStatus)
  const failure = readOptional(fields.get('failure'), 'failure', readReason)
  const unreadable = readOptional(fields.get('unreadable'), 'unreadable', readReason)
  return {
    id: readText(fields.get('id'), 'id'),
    conversationId: readText(fields.get('conversationId'), 'conversationId'),
    author: readAuthor(fields.get('author')),
    own: readFlag(fields.get('own'), 'own'),
    order: readText(fields.get('order'), 'order'),
    sentAt: readTime(fields.get('sentAt'), 'sentAt'),
    ...present('receivedAt', readOptional(fields.get('receivedAt'), 'receivedAt', readTime)),
    ...present('status', status),
    ...present('failure', failure && { code: failure.reason, ...present('detail', failure.detail) }),
    ...present('text', readOptional(fields.get('text'), 'text', readText)),
    ...present('custom', readOptional(fields.get('custom'), 'custom', readCustom)),
    ...present('replyTo', readOptional(fields.get('replyTo'), 'replyTo', readText)),
    ...present('editedAt', readOptional(fields.get('editedAt'), 'editedAt', readTime)),
    deleted: readOptional(fields.get('deleted'), 'deleted', readFlag) ?? false,
    reactions: readByUser(fields.get('reactions'), 'reactions', readText),
    deliveredTo: readTexts(fields.get('deliveredTo'), 'deliveredTo'),
    readBy: readTexts(fields.get('readBy'), 'readBy'),
    ...present('expiresAt', readOptional(fields.get('expiresAt'), 'expiresAt', readTime)),
    ...present('unreadable', unreadable),
    ...present('edit', readOptional(fields.get('edit'), 'edit', readStamp)),
    reactionStamps: readByUser(fields.get('reactionStamps'), 'reactionStamps', readStamp),
    pending: (readOptional(fields.get('pending'), 'pending', readList) ?? []).map((action) =>
      readPending(readMap(action, 'pending')),
    ),
  }
}

/** For actions that wait until their message is there. */
export function encodeAction(action: MemberAction): Uint8Array {
  return encodeCbor({ v: version, ...actionFields(action) })
}

/** @throws ContentFailure `malformed`; `unsupported` for an action of a newer version. */
export function decodeAction(bytes: Uint8Array): MemberAction {
  const fields = readVersioned(bytes, 'the action')
  const source = { ...readSource(fields), ...present('order', readOptional(fields.get('order'), 'order', readText)) }
  if (fields.get('kind') !== 'receipt') return { ...source, ...readChange(fields) }
  const status = readText(fields.get('status'), 'status')
  if (status !== 'delivered' && status !== 'read') throw new ContentFailure('malformed', 'no status of a receipt')
  return { ...source, kind: 'receipt', status }
}

function actionFields({ author, ...action }: MemberAction | PendingAction): Record<string, unknown> {
  return { ...action, author: [author.userId, author.deviceId] }
}

function present<name extends string, value>(name: name, value: value | undefined): { readonly [key in name]?: value } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in name]?: value }
}

const stampList = ({ order, id }: Stamp): readonly string[] => [order, id]

const reasonList = (reason: string, detail: string | undefined): readonly string[] =>
  detail === undefined ? [reason] : [reason, detail]

function stampMap(stamps: ReadonlyMap<string, Stamp>): ReadonlyMap<string, readonly string[]> {
  return new Map(Array.from(stamps, ([userId, stamp]) => [userId, stampList(stamp)]))
}

function readVersioned(bytes: Uint8Array, what: string): Fields {
  const fields = readMap(decodeCbor(bytes, bounds), what)
  const written = readInteger(fields.get('v'), 'version', 1)
  if (written > version) throw new ContentFailure('unsupported', `${what} is of version ${written}`)
  return fields
}

function readSource(fields: Fields): Pick<MemberAction, 'id' | 'author' | 'at'> {
  return {
    id: readText(fields.get('id'), 'id'),
    author: readAuthor(fields.get('author')),
    at: readTime(fields.get('at'), 'at'),
  }
}

function readPending(fields: Fields): PendingAction {
  return { ...readSource(fields), ...readChange(fields) }
}

function readChange(fields: Fields): ContentChange {
  const kind = readText(fields.get('kind'), 'kind')
  switch (kind) {
    case 'edit': {
      const custom = readOptional(fields.get('custom'), 'custom', readCustom)
      return { kind, text: readText(fields.get('text'), 'text'), ...present('custom', custom) }
    }
    case 'delete':
      return { kind }
    case 'reaction':
      return { kind, ...present('emoji', readOptional(fields.get('emoji'), 'emoji', readText)) }
    default:
      throw new ContentFailure('malformed', 'no action of a member')
  }
}

function readAuthor(value: CborValue | undefined): MessageAuthor {
  const [userId, deviceId] = readList(value, 'author')
  return { userId: readText(userId, 'author.userId'), deviceId: readText(deviceId, 'author.deviceId') }
}

function readStamp(value: CborValue, what: string): Stamp {
  const [order, id] = readList(value, what)
  return { order: readText(order, 'order'), id: readText(id, 'id') }
}

function readReason(value: CborValue, what: string): { readonly reason: string; readonly detail?: string } {
  const [reason, detail] = readList(value, what)
  return { reason: readText(reason, what), ...present('detail', readOptional(detail, what, readText)) }
}

const statuses: readonly string[] = ['queued', 'failed', 'sent', 'delivered', 'read'] satisfies MessageStatus[]

function readStatus(value: CborValue, what: string): MessageStatus {
  const status = readText(value, what)
  if (!statuses.includes(status)) throw new ContentFailure('malformed', 'no status of a message')
  return status as MessageStatus
}

function readCustom(value: CborValue): Custom {
  const fields = readMap(value, 'custom')
  try {
    return {
      type: readText(fields.get('type'), 'custom.type'),
      data: jsonCopy(fields.get('data'), { ...customBounds, maps: true }),
    }
  } catch (cause) {
    if (cause instanceof NotJson) throw new ContentFailure('malformed', cause.message, { cause })
    throw cause
  }
}

function readTexts(value: CborValue | undefined, what: string): readonly string[] {
  return (readOptional(value, what, readList) ?? []).map((text) => readText(text, what))
}

function readByUser<read>(
  value: CborValue | undefined,
  what: string,
  read: (value: CborValue, what: string) => read,
): ReadonlyMap<string, read> {
  const entries = readOptional(value, what, readMap) ?? new Map()
  return new Map(Array.from(entries, ([userId, entry]) => [readText(userId, what), read(entry, what)]))
}
