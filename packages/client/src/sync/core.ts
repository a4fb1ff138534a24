import type { Clock } from '../clock.ts'
import { SottoClientError } from '../errors.ts'
import type { Contact } from '../identity/identity.ts'
import { lateExport, lazily } from '../lazily.ts'
import type { MlsEngine } from '../mls/engine.ts'
import type { OpenStorage } from '../storage/storage.ts'
import type { ConnectionState, Transport } from '../transport/transport.ts'
import { Background } from './background.ts'
import { base64Url } from './base64.ts'
import { ContactBook } from './contact-book.ts'
import { conversationSnapshot } from './conversation-snapshot.ts'
import { isStale } from './conversation-state.ts'
import type { CoreApi, CoreEvent, CoreMethod, CoreMethods, SelfSnapshot } from './core-api.ts'
import { methodsOf } from './core-methods.ts'
import { Inbox } from './inbox.ts'
import { LateChanges } from './late-changes.ts'
import { finishRevocations, followOwnList, type OwnDevice } from './late-own-device.ts'
import { Memory } from './memory.ts'
import { Outbox } from './outbox.ts'
import { Outcomes } from './outcomes.ts'
import type { Parts, Settings } from './parts.ts'
import { Pump } from './pump.ts'
import { Receiver } from './receiver.ts'
import type { DeviceRecord } from './records.ts'
import { rejection } from './rejection.ts'
import { sweepExpired } from './rows.ts'
import { receiveSignal } from './signals.ts'
import { Timers } from './timers.ts'
import type { Transaction } from './transaction.ts'
import { SeenDigests } from './transcript.ts'
import { checkRestored } from './waking.ts'

const loadHandshakes = lateExport(() => import('./handshakes.ts'), 'handshakesOf')

const digestsKept = 256
const sweepMs = 30_000
const upkeepMs = 6 * 3_600_000

export interface CoreOptions {
  readonly storage: OpenStorage
  readonly engine: MlsEngine
  readonly clock: Clock
  readonly transport: Transport
  readonly self: DeviceRecord
  readonly settings: Settings
}

/** The one writer of a device's storage, and everything that it does. */
export class Core implements CoreApi {
  private readonly listeners = new Set<(event: CoreEvent) => void>()
  private readonly parts: Parts
  private readonly pump: Pump
  private readonly receiver: Receiver
  private readonly background: Background
  private readonly changes: LateChanges
  private readonly methods: CoreMethods
  private state: ConnectionState = 'connecting'
  private isSynced = false
  /** The storage is known to be no older copy: until then nothing is encrypted. */
  private isSafe = false
  /** That the server has ended the session for good. */
  private sessionEnd: CoreEvent | undefined
  private closing: Promise<void> | undefined
  private forgetSynced: () => void = () => {}
  private readonly changedConversations = new Set<string>()

  constructor({ storage, engine, clock, transport, self, settings }: CoreOptions) {
    const memory = new Memory(
      storage,
      engine,
      (event) => this.emit(event),
      (id) => this.conversationChanged(id),
    )
    const timers = new Timers(clock)
    const changed = (transaction: Transaction, before: Contact | undefined, after: Contact) =>
      this.contactChanged(transaction, before, after)
    const parts = {
      memory,
      engine,
      transport,
      clock,
      timers,
      contacts: new ContactBook({ memory, engine, transport, clock, changed, sleep: (delayMs) => timers.sleep(delayMs) }),
      outcomes: new Outcomes(),
      outbox: new Outbox(),
      inbox: new Inbox(memory),
      digests: new SeenDigests(digestsKept),
      erased: new Set<string>(),
      self,
      settings,
      handshakes: lazily(async () => {
        const [handshakesOf] = await Promise.all([loadHandshakes(), engine.prepare()])
        return handshakesOf(this.parts)
      }),
      ready: () => this.state === 'online' && this.isSynced && this.isSafe,
      caughtUp: () => this.parts.ready() && this.receiver.isIdle,
      online: () => this.state === 'online',
      ended: () => this.sessionEnd !== undefined,
      sent: (id: string) => this.pump.done(id),
      incident: (kind, conversationId, detail, userId) =>
        this.emit({ type: 'error', incident: { kind, conversationId, userId, detail } }),
    } as Omit<Parts, 'ask'>
    this.parts = Object.assign(parts, { ask: undefined as unknown as Parts['ask'] }) as Parts
    this.pump = new Pump(this.parts)
    this.changes = new LateChanges(this.parts)
    this.background = new Background(this.parts, this.changes, this.pump)
    Object.assign(this.parts, { ask: this.background })
    this.receiver = new Receiver(this.parts)
    this.methods = methodsOf(this.parts, this.changes, this.ownDevice())
  }

  get self(): SelfSnapshot {
    return {
      userId: this.parts.self.userId,
      deviceId: this.parts.self.deviceId,
      state: this.closing === undefined ? this.state : 'closed',
    }
  }

  /** Loads what is stored and begins to connect. */
  async start(): Promise<void> {
    const { memory, outbox, inbox, transport, contacts, handshakes, self } = this.parts
    await memory.load()
    await Promise.all([outbox.load(memory.storage, memory.conversations.keys()), inbox.load()])
    if (contacts.of(self.userId) === undefined) await contacts.refresh(self.userId, { force: true })
    transport.start({
      entry: (frame) => this.receiver.push(frame),
      synced: () => this.synced(),
      signal: (frame) => void receiveSignal(this.parts, frame).catch(() => {}),
      keysLow: () => this.background.keyPackages(),
      state: (state) => this.stateChanged(state),
      ended: (reason) => this.ended(reason),
    })
    if ((await memory.storage.range('keyPackages', { limit: 1 })).length === 0) await (await handshakes()).keyPackages.begin()
    this.sweepLater()
    this.upkeepLater()
  }

  async call<name extends CoreMethod>(
    method: name,
    ...args: Parameters<CoreMethods[name]>
  ): Promise<Awaited<ReturnType<CoreMethods[name]>>> {
    if (this.closing !== undefined) throw new SottoClientError('closed')
    const run = this.methods[method] as (...given: Parameters<CoreMethods[name]>) => ReturnType<CoreMethods[name]>
    try {
      return await run(...args)
    } catch (error) {
      // What fails because the storage was closed under it was not the storage's fault.
      if (this.closing !== undefined) throw new SottoClientError('closed', undefined, { cause: error })
      throw rejection(error)
    }
  }

  listen(listener: (event: CoreEvent) => void): () => void {
    this.listeners.add(listener)
    const { sessionEnd } = this
    // It may have come while the device was being opened.
    if (sessionEnd !== undefined) queueMicrotask(() => this.listeners.has(listener) && listener(sessionEnd))
    return () => this.listeners.delete(listener)
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  private async end(): Promise<void> {
    const { memory, transport, timers, outcomes } = this.parts
    this.receiver.end()
    this.pump.end()
    timers.end()
    outcomes.end()
    await memory.idle()
    await transport.close()
    await memory.idle()
    await memory.storage.close()
    this.emit({ type: 'state', state: 'closed' })
    this.listeners.clear()
  }

  private ownDevice(): OwnDevice {
    return {
      parts: this.parts,
      changes: this.changes,
      replaced: (self) => {
        this.parts.self = self
      },
    }
  }

  private stateChanged(state: ConnectionState): void {
    if (this.closing !== undefined || state === this.state) return
    const { transport, self, incident } = this.parts
    if (state === 'online' && transport.userId !== undefined && transport.userId !== self.userId) {
      incident('session_ended', undefined, `the token is of ${transport.userId}, the storage of ${self.userId}`)
      void transport.close()
      return
    }
    this.state = state
    if (state !== 'online') {
      this.isSynced = false
      this.forgetSynced()
    }
    this.emit({ type: 'state', state })
  }

  /** The backlog of this connection has arrived; once it is stored, this device knows all that there is. */
  private synced(): void {
    this.forgetSynced()
    this.forgetSynced = this.receiver.afterArrived(() => {
      if (this.closing !== undefined) return
      this.isSynced = true
      this.wake()
    })
  }

  /** Connected, with the backlog read. */
  private wake(): void {
    void this.awake().catch((error: unknown) => {
      this.failedBackground('waking up', error)
      this.parts.timers.after(2_000, () => {
        if (this.state === 'online') this.wake()
      })
    })
  }

  private failedBackground(what: string, error: unknown): void {
    if (this.closing !== undefined || this.sessionEnd !== undefined) return
    this.parts.incident('background_failed', undefined, `${what}: ${error instanceof Error ? error.message : String(error)}`)
  }

  private async awake(): Promise<void> {
    const { memory, outbox, contacts, self } = this.parts
    if (!this.isSafe) {
      if (contacts.of(self.userId) === undefined && (await contacts.refresh(self.userId, { force: true })) === undefined)
        throw new SottoClientError('offline', 'the device list of this user could not be fetched')
      await checkRestored(this.parts)
      this.isSafe = true
      this.background.discover()
      this.background.keyPackages()
    }
    this.background.resume()
    void this.followOwn().catch((error: unknown) => this.failedBackground('following the own identity', error))
    void finishRevocations(this.ownDevice()).catch((error: unknown) => this.failedBackground('revoking devices', error))
    for (const conversation of memory.conversations.values()) {
      if (conversation.rejoin || conversation.status === 'joining') this.background.rejoin(conversation.id)
      if (conversation.departed.length > 0) this.background.doubt(conversation.id)
      if (conversation.status === 'broken') this.background.reset(conversation.id)
    }
    this.freshen()
    for (const conversationId of outbox.conversations()) this.background.pump(conversationId)
  }

  private async followOwn(): Promise<void> {
    const { contacts, self } = this.parts
    const contact = await contacts.refresh(self.userId, { force: true })
    if (typeof contact === 'object') await followOwnList(this.ownDevice(), contact)
  }

  private ended(reason: 'device_revoked' | 'replaced' | 'unauthenticated'): void {
    const { userId } = this.parts.self
    this.sessionEnd = { type: 'error', incident: { kind: 'session_ended', conversationId: undefined, userId, detail: reason } }
    this.emit(this.sessionEnd)
    this.stateChanged('offline')
  }

  private contactChanged(transaction: Transaction, before: Contact | undefined, after: Contact): void {
    const { userId } = after
    const known = new Set((before?.list.devices ?? []).map(({ deviceId }) => deviceId))
    if (before !== undefined) {
      for (const { deviceId, name, addedAt } of after.list.devices) {
        if (known.has(deviceId)) continue
        transaction.emit({ type: 'deviceAdded', userId, device: { deviceId, name, addedAt, current: false } })
      }
      const now = new Set(after.list.devices.map(({ deviceId }) => deviceId))
      for (const deviceId of known) if (!now.has(deviceId)) transaction.emit({ type: 'deviceRemoved', userId, deviceId })
    }
    transaction.afterwards(() => {
      if (userId === this.parts.self.userId)
        followOwnList(this.ownDevice(), after).catch((error: unknown) =>
          this.failedBackground('following the own identity', error),
        )
      for (const conversation of this.parts.memory.conversations.values()) {
        if (!conversation.roster.members.has(userId)) continue
        this.conversationChanged(conversation.id)
        this.background.tidy(conversation.id)
        this.background.pump(conversation.id)
      }
    })
    if (after.change !== undefined && after.change.list.hash !== before?.change?.list.hash && userId !== this.parts.self.userId) {
      const { list, endorsed } = after.change
      transaction.emit({ type: 'identityChanged', userId, identityKey: base64Url(list.identityKey), endorsed })
    }
  }

  /** Told once for all changes of the same moment. */
  private conversationChanged(conversationId: string): void {
    if (this.changedConversations.size === 0) queueMicrotask(() => void this.tellChanged())
    this.changedConversations.add(conversationId)
  }

  private async tellChanged(): Promise<void> {
    const ids = [...this.changedConversations]
    this.changedConversations.clear()
    if (this.listeners.size === 0) return
    for (const id of ids) {
      const conversation = this.parts.memory.conversations.get(id)
      if (conversation === undefined || conversation.status === 'creating') continue
      const snapshot = await conversationSnapshot(this.parts, conversation).catch(() => undefined)
      if (snapshot !== undefined) this.emit({ type: 'conversation', conversation: snapshot })
    }
  }

  private freshen(): void {
    for (const conversation of this.parts.memory.conversations.values()) {
      if (isStale(conversation, this.parts.clock.now())) this.background.freshen(conversation.id)
    }
  }

  /** What is due though nothing happens: fresh keys, key packages before they expire. */
  private upkeepLater(): void {
    this.parts.timers.after(upkeepMs, () => {
      if (this.parts.ready()) {
        this.freshen()
        this.background.keyPackages()
      }
      this.upkeepLater()
    })
  }

  private sweepLater(): void {
    this.parts.timers.after(sweepMs, () => {
      void this.parts.memory
        .transact((transaction) => sweepExpired(transaction, this.parts.clock.now()))
        .catch(() => {})
        .finally(() => this.sweepLater())
    })
  }

  private emit(event: CoreEvent): void {
    for (const listener of this.listeners) listener(event)
  }
}
