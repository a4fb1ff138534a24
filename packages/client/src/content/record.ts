import type { Custom, Envelope } from './content.ts'

/** What is kept of a message, and what of it a user sees. Changed by `applyToRecord` alone (`history.ts`). */
export interface MessageRecord {
  /** A message id; of an unreadable message, whose id cannot be known, any other text of the caller's. */
  readonly id: string
  readonly conversationId: string
  readonly author: MessageAuthor
  /** Of the user whose device this is, by whichever device. */
  readonly own: boolean
  /** Where it stands in the conversation: compared as JavaScript compares strings. Provisional until it is accepted. */
  readonly order: string
  /** By the author's clock, milliseconds since 1970. */
  readonly sentAt: number
  /** By the server's clock, milliseconds since 1970. */
  readonly receivedAt?: number
  /** Of own messages. `delivered` and `read`: to and by one other user at least; `deliveredTo` and `readBy` say whom. */
  readonly status?: MessageStatus
  /** Of status `failed`. */
  readonly failure?: MessageFailure
  readonly text?: string
  readonly custom?: Custom
  readonly replyTo?: string
  /** When it was last edited, by the author's clock. */
  readonly editedAt?: number
  /** Nothing is left of it but that it was there. */
  readonly deleted: boolean
  /** Emoji by user id. */
  readonly reactions: ReadonlyMap<string, string>
  /** Users other than the author, sorted; those who have read it among them. */
  readonly deliveredTo: readonly string[]
  /** Users other than the author, sorted. */
  readonly readBy: readonly string[]
  /** When it disappears, milliseconds since 1970. */
  readonly expiresAt?: number
  readonly unreadable?: UnreadableMessage
  /** The edit that holds. */
  readonly edit?: Stamp
  /** The reaction of each user that holds, taken away ones too. */
  readonly reactionStamps: ReadonlyMap<string, Stamp>
  /** What was done here and is not in the log yet, oldest first. `shownRecord` shows it as done. */
  readonly pending: readonly PendingAction[]
}

export interface MessageAuthor {
  readonly userId: string
  readonly deviceId: string
}

/** Ranks from left to right: a status only rises. `failed` stands beside `queued`. */
export type MessageStatus = 'queued' | 'failed' | 'sent' | 'delivered' | 'read'

export interface MessageFailure {
  /** An error code, of the server or of the SDK. */
  readonly code: string
  readonly detail?: string
}

export interface UnreadableMessage {
  /** Why, such as a reason of MlsFailure or ContentFailure. */
  readonly reason: string
  readonly detail?: string
}

/** An action in the log: its sort key, and the id of the message that brought it. */
export interface Stamp {
  readonly order: string
  readonly id: string
}

/** Who did something, and where it stands in the log. */
export interface ActionSource {
  /** Message id of the envelope that brings the action. */
  readonly id: string
  readonly author: MessageAuthor
  /** Of the entry; undefined while it waits in the outbox. */
  readonly order?: string
  /** By the author's clock, milliseconds since 1970. */
  readonly at: number
}

export type ContentChange =
  | { readonly kind: 'edit'; readonly text: string; readonly custom?: Custom }
  | { readonly kind: 'delete' }
  /** `emoji` undefined takes it away. */
  | { readonly kind: 'reaction'; readonly emoji?: string }

/** Something that a member does to a message. To be kept aside (`encodeAction`) while the message is not there. */
export type MemberAction = ActionSource & (ContentChange | { readonly kind: 'receipt'; readonly status: 'delivered' | 'read' })

/** A `MemberAction` of this user that is not in the log yet. */
export type PendingAction = Omit<ActionSource, 'order'> & ContentChange

/** What becomes of what this device sent. */
export type OutboxAction =
  /** The message is in the log. */
  | { readonly kind: 'accepted'; readonly order: string; readonly receivedAt: number }
  /** The message will not be sent. */
  | { readonly kind: 'failed'; readonly failure: MessageFailure }
  /** A failed message is tried again. */
  | { readonly kind: 'queued' }
  /** The pending action with this id will not be sent. */
  | { readonly kind: 'dropped'; readonly id: string }

export type RecordAction = MemberAction | OutboxAction

export interface NewMessage {
  readonly id: string
  readonly conversationId: string
  readonly author: MessageAuthor
  readonly own: boolean
  readonly order: string
  readonly receivedAt?: number
  readonly status?: MessageStatus
}

/** The record of an envelope that is a message of its own (text or custom); undefined for every other content. */
export function recordOf(message: NewMessage, envelope: Envelope): MessageRecord | undefined {
  const { content, sentAt, expiresAt } = envelope
  if (content.kind !== 'text' && content.kind !== 'custom') return undefined
  return {
    ...bare(message, sentAt),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(content.kind === 'text' ? { text: content.text } : {}),
    ...(content.custom === undefined ? {} : { custom: content.custom }),
    ...(content.replyTo === undefined ? {} : { replyTo: content.replyTo }),
  }
}

/** The record of a message that could not be read. @param at when it was sent or received, as far as is known. */
export function unreadableRecord(message: NewMessage, at: number, unreadable: UnreadableMessage): MessageRecord {
  return { ...bare(message, at), unreadable }
}

/** What an envelope does to other messages: an action for each of them, none for messages of their own. */
export function actionsOf(
  envelope: Envelope,
  source: Omit<ActionSource, 'at'>,
): readonly { readonly target: string; readonly action: MemberAction }[] {
  const { content } = envelope
  const from = { ...source, at: envelope.sentAt }
  switch (content.kind) {
    case 'edit': {
      const custom = content.custom === undefined ? {} : { custom: content.custom }
      return [{ target: content.replaces, action: { ...from, kind: 'edit', text: content.text, ...custom } }]
    }
    case 'delete':
      return [{ target: content.replaces, action: { ...from, kind: 'delete' } }]
    case 'reaction': {
      const emoji = content.emoji === undefined ? {} : { emoji: content.emoji }
      return [{ target: content.to, action: { ...from, kind: 'reaction', ...emoji } }]
    }
    case 'receipt': {
      const receipt = (status: 'delivered' | 'read') => (target: string) =>
        ({ target, action: { ...from, kind: 'receipt', status } }) as const
      return [...content.delivered.map(receipt('delivered')), ...content.read.map(receipt('read'))]
    }
    default:
      return []
  }
}

function bare(message: NewMessage, sentAt: number): MessageRecord {
  const { id, conversationId, author, own, order, receivedAt, status } = message
  return {
    id,
    conversationId,
    author,
    own,
    order,
    sentAt,
    ...(receivedAt === undefined ? {} : { receivedAt }),
    ...(status === undefined ? {} : { status }),
    deleted: false,
    reactions: new Map(),
    deliveredTo: [],
    readBy: [],
    reactionStamps: new Map(),
    pending: [],
  }
}
