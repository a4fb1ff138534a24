import type { Conversation } from './conversation.ts'
import type { Message } from './message.ts'
import type { DeviceSnapshot, Incident } from './sync/core-api.ts'

export type ConnectionState = 'connecting' | 'online' | 'offline' | 'closed'

/** What `Sotto.on` hands over, by the name of the event. */
export interface SottoEvents {
  /**
   * A message of somebody else. The handler may be asynchronous: as long as it has not resolved, the message is handed
   * over again, later and after a restart. One message of a conversation at a time, in order. After a crash, messages whose
   * handler resolved a moment before (32 or so) may come once more: `message.id` tells.
   */
  readonly message: Message
  /** A message has changed (status, edit, reaction, deletion), or is new and one's own. */
  readonly update: Message
  /** A conversation is new, or its name, members, state or unread count have changed. */
  readonly conversation: Conversation
  readonly receipt: ReceiptEvent
  readonly typing: TypingEvent
  readonly state: ConnectionState
  readonly identityChanged: IdentityChangedEvent
  readonly deviceAdded: DeviceEvent
  readonly deviceRemoved: { readonly userId: string; readonly deviceId: string }
  /** A message that cannot be read: shown once, never dropped in silence. */
  readonly unreadable: { readonly message: Message; readonly reason: string }
  /** Something that should not happen with an honest server: named, and acted on already. */
  readonly error: Incident
}

export type SottoEventName = keyof SottoEvents
export type SottoEventHandler<name extends SottoEventName> = (event: SottoEvents[name]) => void | Promise<void>

export interface ReceiptEvent {
  readonly conversationId: string
  readonly userId: string
  readonly status: 'delivered' | 'read'
  readonly messageIds: readonly string[]
}

export interface TypingEvent {
  readonly conversationId: string
  readonly userId: string
  readonly active: boolean
}

export interface DeviceEvent {
  readonly userId: string
  readonly device: DeviceSnapshot
}

/** Another identity key than the pinned one: nothing is sent to this user until it is accepted, here or by a safety number. */
export interface IdentityChangedEvent {
  readonly userId: string
  /** The key before has signed the new one: so it is after a device was revoked. */
  readonly endorsed: boolean
  /** Trusts the new key, unverified, and sends what waited. */
  accept(): Promise<void>
}
