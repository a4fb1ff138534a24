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

  get conversationId(): string {
    return this.now.conversationId
  }

  /** User id of the author, authenticated. */
  get from(): string {
    return this.now.from
  }

  get fromDevice(): string {
    return this.now.fromDevice
  }

  /** Written by this user, on whatever device. */
  get own(): boolean {
    return this.now.own
  }

  get text(): string | undefined {
    return this.now.text
  }

  get custom(): Custom | undefined {
    return this.now.custom
  }

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

  get editedAt(): Date | undefined {
    return this.now.editedAt === undefined ? undefined : new Date(this.now.editedAt)
  }

  get deleted(): boolean {
    return this.now.deleted
  }

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

  /** Called by the SDK. */
  update(snapshot: MessageSnapshot): void {
    this.now = snapshot
  }

  toJSON(): MessageSnapshot {
    return this.now
  }
}
