import { type Clock, systemClock } from './clock.ts'
import { Conversation } from './conversation.ts'
import { Dispatcher } from './dispatcher.ts'
import { SottoClientError } from './errors.ts'
import type { SottoEventHandler, SottoEventName } from './events.ts'
import { Message } from './message.ts'
import { checkOptions, type SottoOptions } from './options.ts'
import { reload, type ShownSoFar } from './reload.ts'
import { SafetyNumber } from './safety-number.ts'
import { base64Url } from './sync/base64.ts'
import type {
  ConnectionStateName,
  ConversationSnapshot,
  CoreApi,
  CoreEvent,
  DeviceSnapshot,
  Incident,
  MessageSnapshot,
} from './sync/core-api.ts'
import { openCore } from './tabs/open-core.ts'

const groupIdBytes = 16
const seenMin = 1_000

/**
 * One user on one device: conversations, end-to-end encrypted.
 *
 * @example
 * const sotto = await Sotto.open({ url, token: async () => jwt, storage: memoryStorage() })
 * console.log(sotto.userId, sotto.deviceId, sotto.state) // 'alice', 'd3x…', 'connecting'
 * sotto.on('message', async (message) => console.log(message.from, message.text))
 * const chat = await sotto.conversation('bob')
 * await chat.send('hello')
 */
export class Sotto {
  private readonly core: CoreApi
  private readonly clock: Clock
  private readonly dispatcher: Dispatcher
  private readonly chats = new Map<string, Conversation>()
  private readonly seen = new Map<string, WeakRef<Message>>()
  /** So many of `seen` are looked through: the more are held, the more seldom. */
  private seenMax = seenMin
  /** The server has ended the session for good: whoever listens later is told too. */
  private sessionEnd: Incident | undefined

  private constructor(core: CoreApi, clock: Clock) {
    this.core = core
    this.clock = clock
    this.dispatcher = new Dispatcher((detail) =>
      this.dispatcher.emit('error', { kind: 'handler_failed', conversationId: undefined, userId: undefined, detail }),
    )
    core.listen((event) => this.receive(event))
  }

  /**
   * Opens this device of the user whom the token names; the first time, the device makes its keys and registers.
   * @throws SottoClientError `link_required` when the user has an identity elsewhere and neither `link` nor `reset` is given;
   * `storage_in_use`, `storage_unreadable`, `invalid_option`, `offline` and `code_unavailable` (only the first time),
   * `unauthenticated`.
   * @example
   * const sotto = await Sotto.open({ url, token: async () => jwt, storage, device: { name: 'Laptop' } })
   */
  static async open(options: SottoOptions): Promise<Sotto> {
    checkOptions(options)
    const clock = options.clock ?? systemClock
    const sotto = new Sotto(await openCore(options, clock), clock)
    await sotto.load()
    return sotto
  }

  /** The user whom the token named when this device was first opened. */
  get userId(): string {
    return this.core.self.userId
  }

  /** Of this installation: chosen when its storage was first opened, unless the token names one. */
  get deviceId(): string {
    return this.core.self.deviceId
  }

  /** `offline`: no server, or none that takes the token; messages wait meanwhile. Event `state` tells when it changes. */
  get state(): ConnectionStateName {
    return this.core.self.state
  }

  /**
   * Calls `handler` for every event of this name; the answer ends it.
   * @example
   * const off = sotto.on('update', (message) => console.log(message.id, message.status))
   * off()
   */
  on<name extends SottoEventName>(name: name, handler: SottoEventHandler<name>): () => void {
    const first = name === 'message' && !this.dispatcher.has('message')
    const off = this.dispatcher.on(name, handler)
    // After the handlers that are set in the same breath.
    if (first) queueMicrotask(() => void this.core.call('deliver').catch(() => {}))
    const { sessionEnd } = this
    if (name === 'error' && sessionEnd !== undefined)
      queueMicrotask(() => this.dispatcher.tell('error', handler as SottoEventHandler<'error'>, sessionEnd))
    if (name === 'identityChanged') queueMicrotask(() => void this.tellChanged().catch(() => {}))
    return off
  }

  /**
   * The conversation with another user: the same one on both sides, whoever begins it.
   * @throws SottoClientError `no_such_user`, `offline` (only the first time).
   * @example const chat = await sotto.conversation('bob')
   */
  async conversation(userId: string): Promise<Conversation> {
    if (typeof userId !== 'string' || userId === '') throw new SottoClientError('invalid_option', 'a user id is a text')
    return this.shown(await this.core.call('direct', userId))
  }

  /**
   * A new group, owned by this user.
   * @throws SottoClientError `no_such_user`: with `extra.userIds`.
   * @example const team = await sotto.createGroup({ name: 'Team', members: ['bob', 'carol'] })
   */
  async createGroup({ name, members }: { readonly name?: string; readonly members: readonly string[] }): Promise<Conversation> {
    const groupId = base64Url(this.clock.random(groupIdBytes))
    return this.shown(await this.core.call('createGroup', { groupId, name, members }))
  }

  /**
   * All conversations of this device, the one with the newest message first.
   * @example for (const chat of sotto.conversations()) console.log(chat.name, chat.unread)
   */
  conversations(): readonly Conversation[] {
    return [...this.chats.values()].sort((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime())
  }

  /** One of `conversations` by its id. @example console.log(sotto.find(message.conversationId)?.name) */
  find(conversationId: string): Conversation | undefined {
    return this.chats.get(conversationId)
  }

  /** A message of this device's history by its id. @example const again = await sotto.message(message.id) */
  async message(messageId: string): Promise<Message | undefined> {
    const snapshot = await this.core.call('message', messageId)
    return snapshot === undefined ? undefined : this.messageOf(snapshot)
  }

  /**
   * This user's devices, from the list that the user's identity has signed.
   * @example for (const { deviceId, name, current } of await sotto.devices()) console.log(deviceId, name, current)
   */
  async devices(): Promise<readonly DeviceSnapshot[]> {
    return this.core.call('devices')
  }

  /**
   * Takes another device of this user out for good, and gives the user a new identity key: contacts see `identityChanged`.
   * @throws SottoClientError `not_found`, `not_permitted`.
   * @example await sotto.revokeDevice(lost)
   */
  async revokeDevice(deviceId: string): Promise<void> {
    await this.core.call('revokeDevice', deviceId)
  }

  /**
   * Lets a new device in that shows this code (`Sotto.open({ …, link: { onCode } })`).
   * @throws SottoClientError `link_refused`.
   * @example const added = await sotto.linkDevice(code)
   */
  async linkDevice(code: string): Promise<DeviceSnapshot> {
    return this.core.call('linkDevice', code)
  }

  /**
   * What two users compare to know that nobody is in between.
   * @throws SottoClientError `no_such_user`, `offline`.
   * @example const number = await sotto.safetyNumber('bob')
   */
  async safetyNumber(userId: string): Promise<SafetyNumber> {
    const snapshot = await this.core.call('safetyNumber', userId)
    return new SafetyNumber(
      snapshot,
      (scannedOrTyped) => this.core.call('verify', userId, scannedOrTyped),
      () => this.core.call('acceptIdentity', userId, snapshot.identityKey),
    )
  }

  /** Writes down what is under way, ends the connection, releases the storage. Idempotent. @example await sotto.close() */
  async close(): Promise<void> {
    this.dispatcher.end()
    await this.core.close()
  }

  /** What has changed before anybody listened, or before a restart, still waits for an answer. */
  private async tellChanged(): Promise<void> {
    for (const changed of await this.core.call('changedIdentities')) this.receive({ type: 'identityChanged', ...changed })
  }

  private async load(): Promise<void> {
    for (const snapshot of await this.core.call('conversations')) this.shown(snapshot)
  }

  private receive(event: CoreEvent): void {
    switch (event.type) {
      case 'reloaded':
        return void reload(this.shownSoFar()).catch(() => {})
      case 'message': {
        const message = this.messageOf(event.message)
        const { id, conversationId } = message
        const handled = () => this.core.call('handled', id)
        return this.dispatcher.deliver(conversationId, message, handled, () => this.introduced(conversationId))
      }
      case 'update':
        return this.dispatcher.emit('update', this.messageOf(event.message))
      case 'conversation':
        return this.dispatcher.emit('conversation', this.shown(event.conversation))
      case 'unreadable':
        return this.dispatcher.emit('unreadable', { message: this.messageOf(event.message), reason: event.reason })
      case 'identityChanged': {
        const { userId, identityKey, endorsed } = event
        const accept = () => this.core.call('acceptIdentity', userId, identityKey)
        return this.dispatcher.emit('identityChanged', { userId, endorsed, accept })
      }
      case 'state':
        return this.dispatcher.emit('state', event.state)
      case 'error':
        if (event.incident.kind === 'session_ended') this.sessionEnd = event.incident
        return this.dispatcher.emit('error', event.incident)
      case 'receipt':
        return this.dispatcher.emit('receipt', event)
      case 'typing':
        return this.dispatcher.emit('typing', event)
      case 'deviceAdded':
        return this.dispatcher.emit('deviceAdded', event)
      case 'deviceRemoved':
        return this.dispatcher.emit('deviceRemoved', event)
    }
  }

  /** What this tab shows, for reading it again. */
  private shownSoFar(): ShownSoFar {
    const { core, dispatcher, chats, seen } = this
    return {
      core,
      hasHandlers: () => dispatcher.has('message'),
      conversation: (id) => chats.get(id),
      message: (id) => seen.get(id)?.deref(),
      messages: () => [...seen.values()].flatMap((held) => held.deref() ?? []),
      conversationChanged: (snapshot) => this.receive({ type: 'conversation', conversation: snapshot }),
      messageChanged: (snapshot) => this.receive({ type: 'update', message: snapshot }),
    }
  }

  /** A handler finds the conversation of its message, however new that is. */
  private async introduced(conversationId: string): Promise<void> {
    if (this.chats.has(conversationId)) return
    const snapshot = await this.core.call('conversation', conversationId)
    if (!this.chats.has(conversationId)) this.shown(snapshot)
  }

  private shown(snapshot: ConversationSnapshot): Conversation {
    const known = this.chats.get(snapshot.id)
    if (known !== undefined) {
      known.update(snapshot)
      return known
    }
    const { core, clock } = this
    const chat = new Conversation(snapshot, {
      core,
      message: (message) => this.messageOf(message),
      now: () => clock.now(),
      random: (bytes) => clock.random(bytes),
    })
    this.chats.set(snapshot.id, chat)
    return chat
  }

  /** The same object for the same message, as long as somebody holds it. */
  private messageOf(snapshot: MessageSnapshot): Message {
    const known = this.seen.get(snapshot.id)?.deref()
    if (known !== undefined) {
      known.update(snapshot)
      return known
    }
    const message = new Message(snapshot)
    if (this.seen.size >= this.seenMax) this.forgetUnheld()
    this.seen.set(snapshot.id, new WeakRef(message))
    return message
  }

  private forgetUnheld(): void {
    for (const [id, held] of this.seen) if (held.deref() === undefined) this.seen.delete(id)
    this.seenMax = Math.max(seenMin, this.seen.size * 2)
  }
}
