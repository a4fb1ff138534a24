import type { Custom } from './content/content.ts'
import type { MessageSnapshot, MessageStatus } from './sync/core-api.ts'

/** What may be sent: text, something of the application's own, or both. */
export interface MessageContent {
  readonly text?: string
  /** Id of a message of the same conversation. */
  readonly replyTo?: string
  /** A media type and a JSON-compatible value, for what the application shows in its own way. */
  readonly custom?: Custom
  /** Everybody deletes it after this time, in milliseconds. */
  readonly expiresInMs?: number
}

/**
 * A message, as it stands now: its members change as receipts, edits and reactions come in (event `update`).
 *
 * @example
 * const message = await chat.send('hello')
 * console.log(message.status) // 'queued', later 'sent', 'delivered', 'read'
 * if (message.status === 'failed') console.log(message.failure) // 'content_too_large'
 * console.log(message.deliveredTo, message.readBy) // ['bob'], []
 *
 * @example
 * // A line of a history.
 * const who = message.own ? 'you' : `${message.from} (${message.fromDevice})`
 * const what = message.deleted ? '(deleted)' : (message.unreadable ?? message.text ?? message.custom?.type)
 * console.log(who, what, message.editedAt && '(edited)', Object.values(message.reactions).join(''))
 *
 * @example
 * // Where it belongs, and when.
 * console.log(message.id, message.conversationId, message.replyTo, message.order)
 * console.log(message.sentAt, message.receivedAt, message.expiresAt)
 */
export class Message {
  private now: MessageSnapshot

  /** Made by the SDK alone. */
  constructor(snapshot: MessageSnapshot) {
    this.now = snapshot
  }

  /** 43 characters, the same for everybody in the conversation. */
  get id(): string {
    return this.now.id
  }

  /** For `Sotto.find`. */
  get conversationId(): string {
    return this.now.conversationId
  }

  /** User id of the author, authenticated. */
  get from(): string {
    return this.now.from
  }

  /** Id of the device that it was written on, authenticated too. */
  get fromDevice(): string {
    return this.now.fromDevice
  }

  /** Written by this user, on whatever device. */
  get own(): boolean {
    return this.now.own
  }

  /** With its edits. Undefined when it is deleted, has expired, cannot be read, or is custom content alone. */
  get text(): string | undefined {
    return this.now.text
  }

  /** Whatever the author sent: look at its type and shape before it is used. */
  get custom(): Custom | undefined {
    return this.now.custom
  }

  /** Id of the message that it answers; that one may not be on this device. */
  get replyTo(): string | undefined {
    return this.now.replyTo
  }

  /**
   * Of one's own messages: `queued` on this device, `sent` once the server has it on disk, `delivered` and `read` once one
   * other user at least has it or has read it; `failed` with a `failure`.
   */
  get status(): MessageStatus | undefined {
    return this.now.status
  }

  /** Why it failed: a code of docs/errors.md. */
  get failure(): string | undefined {
    return this.now.failure
  }

  /** By the author's clock. */
  get sentAt(): Date {
    return new Date(this.now.sentAt)
  }

  /** By the server's clock; undefined while it is queued. */
  get receivedAt(): Date | undefined {
    return this.now.receivedAt === undefined ? undefined : new Date(this.now.receivedAt)
  }

  /** Of the last edit, by the author's clock. */
  get editedAt(): Date | undefined {
    return this.now.editedAt === undefined ? undefined : new Date(this.now.editedAt)
  }

  /** By its author, or because it has expired. */
  get deleted(): boolean {
    return this.now.deleted
  }

  /** When every device deletes it. */
  get expiresAt(): Date | undefined {
    return this.now.expiresAt === undefined ? undefined : new Date(this.now.expiresAt)
  }

  /** Emoji by user id. */
  get reactions(): Readonly<Record<string, string>> {
    return this.now.reactions
  }

  /** Users whose devices have it. */
  get deliveredTo(): readonly string[] {
    return this.now.deliveredTo
  }

  /** Users who have read it and say so. */
  get readBy(): readonly string[] {
    return this.now.readBy
  }

  /** Why it cannot be read: a reason such as `lost_state` or `tampered`; undefined for every message that can. */
  get unreadable(): string | undefined {
    return this.now.unreadable
  }

  /** Sorts the messages of a conversation as everybody sees them, by comparing strings. */
  get order(): string {
    return this.now.order
  }

  /** Called by the SDK alone. @internal */
  update(snapshot: MessageSnapshot): void {
    this.now = snapshot
  }

  /** A plain copy, to be stored or sent elsewhere. @example const copy = structuredClone(message.toJSON()) */
  toJSON(): MessageSnapshot {
    return this.now
  }
}
