import type {
  ContentChange,
  MemberAction,
  MessageRecord,
  MessageStatus,
  OutboxAction,
  PendingAction,
  RecordAction,
  Stamp,
} from './record.ts'

/**
 * What a message is after an action. The rules:
 *
 * - Only its author, by any device, edits or deletes a message; everybody else's attempt changes nothing.
 * - Of edits, and of the reactions of one user, the one that is later in the log holds. Nothing follows a deletion.
 * - Receipts only rise, from delivered to read, for each user; the author's own mean nothing.
 * - Actions of this user that are not in the log yet wait in `pending` and change nothing else: see `shownRecord`.
 *
 * The result does not depend on the order in which actions of the log come, nor on how often each comes: the log orders
 * them. An action that changes nothing gives back the same record, not a copy.
 *
 * @example
 * const next = applyToRecord(record, { kind: 'reaction', emoji: '👍', id, author, order, at: envelope.sentAt })
 */
export function applyToRecord(record: MessageRecord, action: RecordAction): MessageRecord {
  switch (action.kind) {
    case 'accepted':
    case 'failed':
    case 'queued':
      return record.own ? withOutbox(record, action) : record
    case 'dropped':
      return withoutPending(record, action.id)
    case 'receipt':
      return withReceipt(record, action.author.userId, action.status)
    default:
      if (action.order === undefined) return withPending(record, action)
      return withChange(withoutPending(record, action.id), action, { order: action.order, id: action.id })
  }
}

/** As the user sees it: what is pending looks done. Not to be stored. */
export function shownRecord(record: MessageRecord): MessageRecord {
  let shown: MessageRecord = record
  for (const [index, action] of record.pending.entries()) {
    // After everything in the log, and in the order in which it was done.
    shown = withChange(shown, action, { order: `\uffff${String(index).padStart(8, '0')}`, id: action.id })
  }
  return shown
}

/** Whether it is to be deleted from the storage, and shown no more. @param now milliseconds since 1970. */
export function isExpired(record: Pick<MessageRecord, 'expiresAt'>, now: number): boolean {
  return record.expiresAt !== undefined && record.expiresAt <= now
}

/** Compares two of `order` or `id` as storage orders keys. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

type Change = Pick<MemberAction, 'author' | 'at'> & ContentChange

function withChange(record: MessageRecord, change: Change, stamp: Stamp): MessageRecord {
  if (record.deleted || record.unreadable !== undefined) return record
  switch (change.kind) {
    case 'edit':
      return isAuthor(record, change) && isLater(stamp, record.edit) ? withEdit(record, change, stamp) : record
    case 'delete':
      return isAuthor(record, change) ? withoutContent(record) : record
    case 'reaction':
      return withReaction(record, change.author.userId, change.emoji, stamp)
  }
}

function withEdit(record: MessageRecord, change: Change & { readonly kind: 'edit' }, stamp: Stamp): MessageRecord {
  const { custom: _, ...rest } = record
  const custom = change.custom === undefined ? {} : { custom: change.custom }
  return { ...rest, text: change.text, ...custom, editedAt: change.at, edit: stamp }
}

function withoutContent(record: MessageRecord): MessageRecord {
  const { text: _, custom: _custom, replyTo: _replyTo, editedAt: _editedAt, edit: _edit, ...rest } = record
  return { ...rest, deleted: true, reactions: new Map(), reactionStamps: new Map() }
}

function withReaction(record: MessageRecord, userId: string, emoji: string | undefined, stamp: Stamp): MessageRecord {
  if (!isLater(stamp, record.reactionStamps.get(userId))) return record
  const reactions = new Map(record.reactions)
  if (emoji === undefined) reactions.delete(userId)
  else reactions.set(userId, emoji)
  return { ...record, reactions, reactionStamps: new Map(record.reactionStamps).set(userId, stamp) }
}

function withReceipt(record: MessageRecord, userId: string, status: 'delivered' | 'read'): MessageRecord {
  if (userId === record.author.userId) return record
  const deliveredTo = including(record.deliveredTo, userId)
  const readBy = status === 'read' ? including(record.readBy, userId) : record.readBy
  if (deliveredTo === record.deliveredTo && readBy === record.readBy) return record
  const next = { ...record, deliveredTo, readBy }
  return record.own ? withStatus(next, status) : next
}

function withOutbox(record: MessageRecord, action: OutboxAction): MessageRecord {
  switch (action.kind) {
    case 'accepted': {
      if (record.order === action.order && record.receivedAt === action.receivedAt && reached(record, 'sent')) return record
      return withStatus({ ...record, order: action.order, receivedAt: action.receivedAt }, 'sent')
    }
    case 'failed':
      return record.status === 'queued' ? { ...record, status: 'failed', failure: action.failure } : record
    case 'queued':
      return record.status === 'failed' ? withStatus(record, 'queued') : record
    case 'dropped':
      return record
  }
}

const ranks: Readonly<Record<MessageStatus, number>> = { queued: 0, failed: 0, sent: 1, delivered: 2, read: 3 }

/** A receipt proves that the message is in the log, even before this device has been told so. */
function withStatus(record: MessageRecord, status: MessageStatus): MessageRecord {
  const { failure: _, ...rest } = record
  return { ...rest, status: record.status !== undefined && ranks[record.status] > ranks[status] ? record.status : status }
}

function reached(record: MessageRecord, status: MessageStatus): boolean {
  return record.status !== undefined && ranks[record.status] >= ranks[status]
}

function withPending(record: MessageRecord, action: PendingAction): MessageRecord {
  return record.pending.some(({ id }) => id === action.id) ? record : { ...record, pending: [...record.pending, action] }
}

function withoutPending(record: MessageRecord, id: string): MessageRecord {
  const pending = record.pending.filter((action) => action.id !== id)
  return pending.length === record.pending.length ? record : { ...record, pending }
}

function isAuthor(record: MessageRecord, { author }: Change): boolean {
  return author.userId === record.author.userId
}

/** By the log; two of one entry cannot be, but would be decided the same everywhere. */
function isLater(stamp: Stamp, than: Stamp | undefined): boolean {
  if (than === undefined) return true
  return (compareText(stamp.order, than.order) || compareText(stamp.id, than.id)) > 0
}

function including(sorted: readonly string[], userId: string): readonly string[] {
  return sorted.includes(userId) ? sorted : [...sorted, userId].sort(compareText)
}
