import { checkContent, contentLimits } from './content/limits.ts'
import { SottoClientError } from './errors.ts'
import type { Role } from './membership/membership.ts'
import type { Message, MessageContent } from './message.ts'
import type { ConversationSnapshot, CoreApi, Draft, MemberSnapshot, MessageSnapshot } from './sync/core-api.ts'

export interface ConversationPorts {
  readonly core: CoreApi
  readonly message: (snapshot: MessageSnapshot) => Message
  readonly now: () => number
  readonly random: (bytes: number) => Uint8Array
}

const pageSize = 50

/**
 * A conversation of two, or a group. Its members are kept up to date (event `conversation`).
 *
 * @example
 * const chat = await sotto.conversation('bob')
 * await chat.send('hello')
 * for await (const message of chat.messages({ limit: 20 })) console.log(message.from, message.text)
 *
 * @example
 * // A line of a list of conversations, and what stands above the open one.
 * console.log(chat.id, chat.kind, chat.peer, chat.name, chat.unread, chat.lastMessage?.text, chat.updatedAt)
 * console.log(team.state, team.members.map(({ userId, role, verified }) => `${userId}, ${role}${verified ? ', verified' : ''}`))
 * if (chat.blockedBy.length > 0) console.log('waiting for a word about', chat.blockedBy)
 */
export class Conversation {
  private now: ConversationSnapshot
  private readonly ports: ConversationPorts

  /** Made by the SDK alone. */
  constructor(snapshot: ConversationSnapshot, ports: ConversationPorts) {
    this.now = snapshot
    this.ports = ports
  }

  /** The same for everybody in it. */
  get id(): string {
    return this.now.id
  }

  /** `direct`: of two, whose members never change. */
  get kind(): 'direct' | 'group' {
    return this.now.kind
  }

  /** Of a conversation of two: the other. */
  get peer(): string | undefined {
    return this.now.peer
  }

  /** Of a group; of a conversation of two, the other's user id. */
  get name(): string | undefined {
    return this.now.name ?? this.now.peer
  }

  /** As the commits of the group say, whatever the server says. `verified`: on this device, by a safety number. */
  get members(): readonly MemberSnapshot[] {
    return this.now.members
  }

  /** `joining`: this device is being let in; `left`: not in it any more; `broken`: a forbidden change was refused, and it must be reset. */
  get state(): ConversationSnapshot['state'] {
    return this.now.state
  }

  /** Users whose identity has changed: messages wait until it is accepted. */
  get blockedBy(): readonly string[] {
    return this.now.blockedBy
  }

  /** Messages of others since the last `markRead`. */
  get unread(): number {
    return this.now.unread
  }

  /** The newest of `messages`. */
  get lastMessage(): Message | undefined {
    return this.now.lastMessage === undefined ? undefined : this.ports.message(this.now.lastMessage)
  }

  /** When something last happened in it. */
  get updatedAt(): Date {
    return new Date(this.now.updatedAt)
  }

  /**
   * Sends a message. Resolves once it is durably queued on this device; `status` tells how it goes on.
   * @throws SottoClientError `invalid_content`, `content_too_large`, `not_a_member`.
   * @example
   * await chat.send('see you at 8')
   * await chat.send({ text: 'or at 9?', replyTo: message.id, expiresInMs: 86_400_000 })
   * await chat.send({ custom: { type: 'application/vnd.example.place+json', data: { lat: 48.14, lon: 11.58 } } })
   */
  async send(content: string | MessageContent): Promise<Message> {
    const given = typeof content === 'string' ? { text: content } : content
    const { text, replyTo, custom, expiresInMs } = given
    const reply = replyTo === undefined ? {} : { replyTo }
    if (text === undefined && custom === undefined)
      throw new SottoClientError('invalid_content', 'a message has a text or something custom')
    if (text === undefined) return this.put({ kind: 'custom', custom: custom!, ...reply }, expiresInMs)
    return this.put({ kind: 'text', text, ...reply, ...(custom === undefined ? {} : { custom }) }, expiresInMs)
  }

  /**
   * One reaction for each user and message: a later one takes the place of an earlier one.
   * @throws SottoClientError `invalid_content`.
   * @example await chat.react(message.id, '👍')
   */
  async react(messageId: string, emoji: string): Promise<void> {
    await this.put({ kind: 'reaction', to: messageId, emoji })
  }

  /** Takes one's own reaction away. @example await chat.unreact(message.id) */
  async unreact(messageId: string): Promise<void> {
    await this.put({ kind: 'reaction', to: messageId })
  }

  /**
   * Only one's own messages.
   * @throws SottoClientError `not_permitted`, `invalid_content`.
   * @example await chat.edit(message.id, 'hi')
   */
  async edit(messageId: string, text: string): Promise<void> {
    await this.put({ kind: 'edit', replaces: messageId, text })
  }

  /**
   * Only one's own messages; everybody's copy loses its content.
   * @throws SottoClientError `not_permitted`.
   * @example await chat.delete(message.id)
   */
  async delete(messageId: string): Promise<void> {
    // What nobody has got is not deleted at others'.
    if (await this.ports.core.call('discard', this.id, messageId)) return
    await this.put({ kind: 'delete', replaces: messageId })
  }

  /**
   * Sends a message again that has `failed`; it goes to the end of the conversation.
   * @throws SottoClientError `invalid_content` where it has not failed.
   * @example if (message.status === 'failed') await chat.retry(message.id)
   */
  async retry(messageId: string): Promise<void> {
    await this.ports.core.call('retry', this.id, messageId)
  }

  /**
   * Everything up to this message, or everything, has been read; tells the senders if read receipts are on.
   * @example await chat.markRead()
   */
  async markRead(messageId?: string): Promise<void> {
    await this.ports.core.call('markRead', this.id, messageId)
  }

  /**
   * Tells those who are online now that this user is typing, or has stopped. Never stored, never an error.
   * @example
   * chat.typing()
   * chat.typing(false)
   */
  typing(active = true): void {
    void this.ports.core.call('typing', this.id, active).catch(() => {})
  }

  /**
   * The history on this device, newest first.
   * @param page `before`: id of a message; `limit`: how many at most (all by default).
   * @example for await (const message of chat.messages({ limit: 50 })) console.log(message.from, message.text)
   */
  async *messages(page: { readonly before?: string; readonly limit?: number } = {}): AsyncGenerator<Message, void, undefined> {
    const { before } = page
    let from: string | undefined
    let left = page.limit ?? Number.POSITIVE_INFINITY
    // What waits to be sent stands above all else, and below once it is: by then it may have been shown.
    const waiting = new Set<string>()
    while (left > 0) {
      const limit = Math.min(left, pageSize)
      const snapshots = await this.ports.core.call('history', this.id, { before, from, limit })
      for (const snapshot of snapshots) {
        if (waiting.has(snapshot.id)) continue
        if (snapshot.status === 'queued' || snapshot.status === 'failed') waiting.add(snapshot.id)
        yield this.ports.message(snapshot)
        left--
      }
      if (snapshots.length < limit) return
      from = snapshots.at(-1)!.order
    }
  }

  /**
   * They read what is sent from now on, and nothing of before. The owner's and the admins' to do.
   * @throws SottoClientError `not_permitted`, `no_such_user`.
   * @example await team.add(['dave'])
   */
  async add(userIds: readonly string[]): Promise<void> {
    await this.ports.core.call('add', this.id, userIds)
  }

  /**
   * From the epoch after it, the user can read nothing.
   * @throws SottoClientError `not_permitted`.
   * @example await team.remove('carol')
   */
  async remove(userId: string): Promise<void> {
    await this.ports.core.call('remove', this.id, userId)
  }

  /**
   * `owner` hands the group over; the former owner becomes an admin.
   * @throws SottoClientError `not_permitted`, `not_a_member`.
   * @example await team.setRole('bob', 'admin')
   */
  async setRole(userId: string, role: Role): Promise<void> {
    await this.ports.core.call('setRole', this.id, userId, role)
  }

  /**
   * The name is content: members read it, the server does not. The owner's and the admins' to give.
   * @throws SottoClientError `not_permitted`, `invalid_content`.
   * @example await team.rename('Crew')
   */
  async rename(name: string): Promise<void> {
    checkContent({ kind: 'state', revision: 1, name })
    await this.ports.core.call('rename', this.id, name)
  }

  /**
   * Its history stays on this device.
   * @throws SottoClientError `owner_must_transfer` while there are others.
   * @example
   * await team.setRole('bob', 'owner')
   * await team.leave()
   */
  async leave(): Promise<void> {
    await this.ports.core.call('leave', this.id)
  }

  /** Called by the SDK alone. @internal */
  update(snapshot: ConversationSnapshot): void {
    this.now = snapshot
  }

  /** A plain copy, to be stored or sent elsewhere. @example const copy = structuredClone(chat.toJSON()) */
  toJSON(): ConversationSnapshot {
    return this.now
  }

  private async put(content: Draft['content'], expiresInMs?: number): Promise<Message> {
    checkContent(content)
    if (expiresInMs !== undefined && (!Number.isSafeInteger(expiresInMs) || expiresInMs < 1))
      throw new SottoClientError('invalid_content', 'expiresInMs is a whole number of milliseconds')
    const draft = { salt: this.ports.random(contentLimits.saltBytes), sentAt: this.ports.now(), content }
    const sent = expiresInMs === undefined ? draft : { ...draft, expiresInMs }
    return this.ports.message(await this.ports.core.call('send', this.id, sent))
  }
}
