import type { Conversation, Message } from '@sotto/client'

/** What a program needs of a message. Times are milliseconds since 1970. */
export interface MessageEvent {
  readonly id: string
  readonly conversationId: string
  readonly kind: Conversation['kind'] | null
  readonly from: string
  readonly text: string | null
  readonly custom: Message['custom'] | null
  readonly replyTo: string | null
  readonly sentAt: number
  readonly receivedAt: number | null
}

export function messageEvent(message: Message, kind: Conversation['kind'] | undefined): MessageEvent {
  const { id, conversationId, from, text = null, custom = null, replyTo = null, sentAt, receivedAt } = message
  return {
    id,
    conversationId,
    kind: kind ?? null,
    from,
    text,
    custom,
    replyTo,
    sentAt: sentAt.getTime(),
    receivedAt: receivedAt?.getTime() ?? null,
  }
}

/** One event, one line. A member of the event that is called `type` itself gives way. */
export function eventLine(type: string, event: object): string {
  return JSON.stringify(Object.assign({ type }, event, { type }))
}
