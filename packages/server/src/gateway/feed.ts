import type { GoneReason, Limits } from '@sotto/protocol'
import { entryBytes } from '../store/entry-bytes.ts'
import type { Device, Entry, Item, Store, Subscription } from '../store/store.ts'
import { goneFrame, ownFrame } from './feed-frames.ts'
import { closesFor, groupNews } from './group-news.ts'
import type { DeviceListener, Hub } from './hub.ts'
import { Source } from './source.ts'
import { nextStep } from './subscription-windows.ts'
import { isLarge, type Load, room } from './window.ts'

/** Where a feed writes to. */
export interface FeedSink {
  /** What waits to be written is more than a reader in good health would leave. */
  readonly isCongested: boolean
  /** `framed`: the same entry, ready to be written. */
  entry(entry: Entry, framed: Buffer | null): void
  text(json: string): void
  /** The feed cannot go on; the session has to end. */
  failed(error: unknown): void
}

export interface FeedParts {
  readonly store: Pick<Store, 'subscriptions' | 'read' | 'acknowledge' | 'delivered'>
  readonly hub: Hub
  readonly limits: Limits
}

/**
 * Delivery to one session (docs/design.md): a loop over the logs of its mailboxes. Each mailbox is *behind* (to be
 * read from the store) or *waiting* (the next committed entry is offered by the hub). An offer that is not exactly the
 * next entry only says that there is more: there is no second path.
 */
export class Feed implements DeviceListener {
  private readonly sources = new Map<string, Source>()
  /** Of the device's own mailbox: Welcomes stand in it, which go before what they are for. */
  private first: Source | null = null
  /** Mailboxes that have to be read from the store; those of one rank in the order of their turns. */
  private readonly behind = new Set<Source>()
  /** Whose next entry is so large that the others wait for it. */
  private large: Source | null = null
  private readonly load: Load = { entries: 0, bytes: 0 }
  private readonly parts: FeedParts
  private readonly device: Device
  private readonly sink: FeedSink
  private readonly isReliable: boolean
  /** Groups that this user was added to, to be subscribed to. */
  private readonly joining = new Set<string>()
  private isJoining = false
  private isSubscribed = false
  private isPumping = false
  private isClosed = false
  /** Mailboxes whose backlog at connect time has not been sent; null: `synced` was said. */
  private backlog: Set<Source> | null = null

  constructor(parts: FeedParts, device: Device, isReliable: boolean, sink: FeedSink) {
    this.parts = parts
    this.device = device
    this.isReliable = isReliable
    this.sink = sink
  }

  /** From when this resolves on nothing is missed: a session that was not told so before cannot count on it. */
  async subscribe(): Promise<void> {
    const { store, hub } = this.parts
    hub.listenFor(this.device, this)
    // Where a basic session begins is asked for before its windows are: what changes in between is read in the log.
    const heads = this.isReliable ? null : headsOf(await store.subscriptions(this.device))
    const subscriptions = await store.subscriptions(this.device)
    if (this.isClosed) return
    for (const subscription of subscriptions) {
      const { mailbox, cursor } = subscription
      this.add(subscription, Math.max(cursor, heads?.get(mailbox) ?? 0))
    }
    if (this.isReliable) this.backlog = new Set(this.behind)
    this.isSubscribed = true
    if (this.joining.size > 0) this.startJoining()
  }

  /** A commit has opened a window for this device. */
  opened(groupId: string): void {
    this.joining.add(groupId)
    this.startJoining()
  }

  /** Begins to send: everything unacknowledged first if the session is reliable, else what came since `subscribe`. */
  begin(): void {
    this.pump()
  }

  close(): void {
    this.isClosed = true
    this.parts.hub.unlistenFor(this.device, this)
    for (const source of this.sources.values()) this.parts.hub.unlisten(source.mailbox, source)
    this.sources.clear()
    this.behind.clear()
  }

  /** Everything up to `seq` is stored by the device. Throws `bad_request`, `forbidden`. */
  acknowledge(mailbox: string, seq: number): void | Promise<void> {
    const done = this.parts.store.acknowledge(this.device, [{ mailbox, seq }])
    if (done instanceof Promise) return done.then(() => this.acknowledged(mailbox, seq))
    this.acknowledged(mailbox, seq)
  }

  /** The socket can take more. */
  resume(): void {
    this.pump()
  }

  /** The hub has an entry of this mailbox. */
  offered(source: Source, entry: Entry, framed: Buffer | null): void {
    if (entry.seq > source.head) source.head = entry.seq
    const isNext = entry.seq === source.position + 1 && source.isOpen && !source.isReading
    const isFree = isNext && this.isReady(source) && !this.givesWay(source)
    if (isFree && this.hasRoom(source, entryBytes(entry))) this.send(source, entry, framed)
    else this.fallBehind(source)
  }

  private add(subscription: Subscription, position: number): void {
    const source = new Source(this, subscription)
    source.moveTo(position)
    if (source.kind === 'device') this.first = source
    this.sources.set(source.mailbox, source)
    this.parts.hub.listen(source.mailbox, source)
    if (source.isBehind) this.behind.add(source)
  }

  private fallBehind(source: Source): void {
    if (source.isBehind) this.behind.add(source)
    this.pump()
  }

  private acknowledged(mailbox: string, seq: number): void {
    const source = this.sources.get(mailbox)
    if (source === undefined) return
    source.release(seq, this.load)
    if (seq > source.position) source.moveTo(seq)
    if (this.behind.size > 0) this.pump()
  }

  /** The Welcome that a group is read with has been sent. */
  private isReady(source: Source): boolean {
    return source.after === 0 || this.first === null || this.first.position >= source.after
  }

  /**
   * Where the others went on, an entry of more than half of the window would wait for ever: they leave it the session, until all
   * that was sent is acknowledged and it goes. But for the device mailbox, which nothing stands before.
   */
  private givesWay(source: Source): boolean {
    if (this.large === null) return false
    if (!this.isLarge(this.large)) this.large = this.firstLarge()
    if (this.large === null || this.large === source) return false
    return source.kind !== 'device' || this.large.kind === 'device'
  }

  private isLarge(source: Source): boolean {
    return this.isReliable && source.isBehind && isLarge(this.parts.limits, source.nextBytes) && this.isReady(source)
  }

  private firstLarge(): Source | null {
    let first: Source | null = null
    for (const source of this.behind) {
      if (this.isLarge(source) && (first === null || rank(source) < rank(first))) first = source
    }
    return first
  }

  private hasRoom(source: Source, bytes: number): boolean {
    if (this.sink.isCongested) return false
    if (!this.isReliable) return true
    const left = room(this.parts.limits, source.kind === 'device', this.load, source.load)
    return left.entries > 0 && (left.bytes >= bytes || this.load.entries === 0)
  }

  /** Starts the loop unless it runs: it sees everything that is behind before it ends. */
  private pump(): void {
    if (this.isPumping || this.isClosed) return
    if (this.nextBehind() === undefined) {
      this.sayIfSynced()
      return
    }
    this.isPumping = true
    this.run()
      .catch((error) => this.sink.failed(error))
      .finally(() => {
        this.isPumping = false
      })
      .then(() => this.pumpAgain())
  }

  /** What changed between the last look of the loop and its end. */
  private pumpAgain(): void {
    if (!this.isClosed && this.nextBehind() !== undefined) this.pump()
  }

  private async run(): Promise<void> {
    for (;;) {
      const source = this.nextBehind()
      if (source === undefined) return this.sayIfSynced()
      source.isReading = true
      try {
        await this.advance(source)
      } finally {
        source.isReading = false
      }
      // Others of its rank are next.
      if (this.behind.delete(source)) this.behind.add(source)
      if (this.isClosed) return
    }
  }

  /** A mailbox that is behind and has room: the device's first, then the user's, then groups in turn. */
  private nextBehind(): Source | undefined {
    let next: Source | undefined
    for (const source of this.behind) {
      if (!source.isBehind) this.behind.delete(source)
      else if (
        this.isReady(source) &&
        !this.givesWay(source) &&
        this.hasRoom(source, source.nextBytes) &&
        (next === undefined || rank(source) < rank(next))
      )
        next = source
    }
    return next
  }

  /** One step of one mailbox. */
  private async advance(source: Source): Promise<void> {
    const step = nextStep(source.windows, source.position)
    if (step.do === 'end') {
      source.end()
      this.parts.hub.unlisten(source.mailbox, source)
      return
    }
    if (step.do === 'skip') {
      const to = Math.min(step.to, source.head)
      this.gone(source, source.position + 1, to, 'notMember')
      return
    }
    const { limits, store } = this.parts
    const limit = this.isReliable
      ? room(limits, source.kind === 'device', this.load, source.load)
      : { entries: limits.WINDOW_ENTRIES, bytes: limits.WINDOW_BYTES }
    const page = store.read(source.mailbox, source.position, { entries: limit.entries, bytes: Math.max(1, limit.bytes) })
    const items = page instanceof Promise ? await page : page
    if (this.isClosed) return
    for (const item of items) if (!this.deliver(source, item)) break
    // Nothing there although the head says so: what was announced has been erased with its mailbox.
    if (items.length === 0) source.head = Math.min(source.head, source.position)
  }

  /** `false`: nothing after this may be sent now. */
  private deliver(source: Source, item: Item): boolean {
    const last = 'gone' in item ? item.to : item.seq
    // An acknowledgement may have moved the position on meanwhile.
    if (last <= source.position) return true
    const step = nextStep(source.windows, source.position)
    if (step.do !== 'read') return false
    if ('gone' in item) {
      this.gone(source, source.position + 1, Math.min(item.to, step.to), item.gone)
      return true
    }
    const bytes = entryBytes(item)
    if (!this.hasRoom(source, bytes)) {
      source.nextBytes = bytes
      if (this.isLarge(source)) this.large = this.firstLarge()
      return false
    }
    this.send(source, item, null)
    return true
  }

  private gone(source: Source, from: number, to: number, reason: GoneReason): void {
    source.moveTo(to)
    if (!this.isReliable) return
    source.hold(to, 0, this.load)
    this.sink.text(goneFrame(source.mailbox, from, to, reason))
    this.sayIfSynced()
  }

  private send(source: Source, entry: Entry, framed: Buffer | null): void {
    source.moveTo(entry.seq)
    const isOwn = entry.sender === this.device.no
    if (this.isReliable) {
      source.hold(entry.seq, entryBytes(entry), this.load)
      if (isOwn) this.sink.text(ownFrame(entry))
      else this.sink.entry(entry, framed)
      if (this.backlog !== null) this.sayIfSynced()
    } else {
      if (!isOwn) this.sink.entry(entry, framed)
      this.parts.store.delivered(source.mailbox, entry.seq)
    }
    // What has waited for a Welcome.
    if (source === this.first && this.behind.size > 0) this.pump()
    this.followNews(source, entry)
  }

  /** The log itself says when this reader's window of a group opens and closes. */
  private followNews(source: Source, entry: Entry): void {
    const news = groupNews(entry)
    if (news === null) return
    if (source.kind === 'group' && closesFor(entry, this.device)) source.closeAt(entry.seq)
    if (source.kind === 'user' && news.added.includes(this.device.userId)) {
      this.joining.add(news.groupId)
      this.startJoining()
    }
  }

  private startJoining(): void {
    if (!this.isJoining && this.isSubscribed) this.joinSoon().catch((error) => this.sink.failed(error))
  }

  /** However many groups a backlog tells of, they are asked for together. */
  private async joinSoon(): Promise<void> {
    this.isJoining = true
    await new Promise((resolve) => setImmediate(resolve))
    while (this.joining.size > 0 && !this.isClosed) {
      const asked = new Set(this.joining)
      // What is added from here on may be newer than the answer.
      this.joining.clear()
      const subscriptions = await this.parts.store.subscriptions(this.device)
      if (this.isClosed) return
      for (const subscription of subscriptions) {
        if (subscription.groupId !== null && asked.has(subscription.groupId)) this.join(subscription)
      }
    }
    this.isJoining = false
  }

  private join(subscription: Subscription): void {
    const known = this.sources.get(subscription.mailbox)
    if (known === undefined) this.add(subscription, subscription.cursor)
    else {
      const isEnded = known.hasEnded
      known.setWindows(subscription.windows)
      known.head = Math.max(known.head, subscription.head)
      known.after = subscription.after
      if (isEnded) this.parts.hub.listen(known.mailbox, known)
      if (known.isBehind) this.behind.add(known)
    }
    this.pump()
  }

  private sayIfSynced(): void {
    if (this.backlog === null) return
    for (const source of this.backlog) {
      if (source.isBehind && source.position < source.backlogTo) return
      this.backlog.delete(source)
    }
    this.backlog = null
    this.sink.text('{"type":"synced"}')
  }
}

const ranks = { device: 0, user: 1, group: 2 } as const

function rank({ kind }: Source): number {
  return ranks[kind]
}

function headsOf(subscriptions: readonly Subscription[]): Map<string, number> {
  return new Map(subscriptions.map(({ mailbox, head }) => [mailbox, head]))
}
