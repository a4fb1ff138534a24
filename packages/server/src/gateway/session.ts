import {
  type ClientFrame,
  closeCodes,
  type ErrorCode,
  errorFrame,
  type HelloFrame,
  type Limits,
  type MsgFrame,
  parseClientFrame,
  SottoError,
} from '@sotto/protocol'
import { actingDevice } from '../auth/acting-device.ts'
import type { Authenticator, Identity } from '../auth/authenticator.ts'
import type { Bus } from '../bus/bus.ts'
import type { Clock } from '../clock.ts'
import { mayWrite } from '../groups/may-write.ts'
import { acknowledge } from '../messages/acknowledge.ts'
import { draftOf, recipientOf } from '../messages/draft.ts'
import { send } from '../messages/send.ts'
import { signal } from '../messages/signal.ts'
import type { Log } from '../observability/log.ts'
import type { Counts } from '../observability/metrics.ts'
import type { Appended, Device, Entry, Store } from '../store/store.ts'
import { closeCodeOf } from './close-code.ts'
import { Feed, type FeedSink } from './feed.ts'
import { keysLowFrame } from './feed-frames.ts'
import type { Hub } from './hub.ts'
import type { TokenBucket, TokenBuckets } from './rate.ts'
import type { Registered, Sessions } from './sessions.ts'

/** The socket of a session. */
export interface SocketLike {
  readonly isCongested: boolean
  text(json: string): void
  entry(entry: Entry, framed: Buffer | null): void
  /** Stops reading; what has arrived already may still come. */
  pause(): void
  resume(): void
  /** Sends what waits, then closes. */
  close(code: number, reason: string): void
}

export interface SessionParts {
  readonly store: Store
  readonly bus: Bus
  readonly hub: Hub
  readonly sessions: Sessions
  readonly authenticator: Authenticator
  readonly clock: Clock
  readonly limits: Limits
  readonly log: Log
  readonly counts: Counts
  /** By device number: for messages, and for signals. */
  readonly sends: TokenBuckets
  readonly signals: TokenBuckets
}

/** How long a socket may be held back for sending too fast before its messages are refused. */
const throttledMsMax = 5_000
/** The unreadable frame in a row that closes the socket. */
const badFramesMax = 3

/**
 * One socket's conversation: hello, then frames until it closes (docs/socket.md). Frames are taken one after another,
 * in order; only what was decided to be sent is waited for beside the next ones.
 */
export class Session implements Registered, FeedSink {
  readonly id: string
  readonly isReliable: boolean
  readonly openedAt: number
  userId = ''
  deviceId = ''
  /** When the token expires; Infinity before there is one. */
  expiresAt = Number.POSITIVE_INFINITY
  private device: Device | null = null
  private sends: TokenBucket | null = null
  private feed: Feed | null = null
  private state: 'hello' | 'open' | 'closed' = 'hello'
  private isWelcomed = false
  private readonly waiting: string[] = []
  private isBusy = false
  private badFrames = 0
  private throttledSince = 0
  private readonly parts: SessionParts
  private readonly socket: SocketLike
  /** What the handshake says of the device: undefined where it is silent. */
  private readonly requestedDevices: readonly (string | undefined)[]

  constructor(parts: SessionParts, socket: SocketLike, isReliable: boolean, requestedDevices: readonly (string | undefined)[]) {
    this.parts = parts
    this.socket = socket
    this.isReliable = isReliable
    this.requestedDevices = requestedDevices
    this.openedAt = parts.clock.now()
    this.id = parts.clock.random(9)
  }

  get isAuthenticated(): boolean {
    return this.state === 'open'
  }

  get isClosed(): boolean {
    return this.state === 'closed'
  }

  get isCongested(): boolean {
    return this.socket.isCongested
  }

  /** The handshake carried credentials. */
  async open(identify: () => Promise<Identity>): Promise<void> {
    this.isBusy = true
    // Until it is known who writes nothing is read: what a client may send at once, a stranger may not.
    this.socket.pause()
    try {
      await this.begin(await identify(), this.requestedDevices)
    } catch (error) {
      this.fail(error)
    }
    this.isBusy = false
    this.socket.resume()
    this.takeWaiting()
  }

  /** A text frame has arrived. */
  receive(text: string): void {
    if (this.state === 'closed') return
    this.parts.counts.framesIn++
    if (this.isBusy || this.waiting.length > 0) {
      this.waiting.push(text)
      if (this.waiting.length === 1) this.socket.pause()
      return
    }
    this.take(text)
  }

  /** A frame that cannot be read at all. */
  receiveUnreadable(detail: string): void {
    if (this.state !== 'closed') this.refuse(new SottoError('bad_frame', detail), undefined)
  }

  /** The socket can take more. */
  drained(): void {
    this.feed?.resume()
  }

  /** The socket has closed, for whatever reason. */
  closed(): void {
    if (this.state === 'closed') return
    const wasOpen = this.state === 'open'
    this.state = 'closed'
    this.waiting.length = 0
    this.feed?.close()
    if (wasOpen) {
      this.parts.sessions.remove(this)
      this.parts.counts.sessions[this.isReliable ? 'reliable' : 'basic']--
    }
  }

  close(code: number, reason: string): void {
    if (this.state === 'closed') return
    this.closed()
    this.socket.close(code, reason)
  }

  revoked(): void {
    this.end(new SottoError('device_revoked'))
  }

  replaced(): void {
    this.close(closeCodes.replaced, 'replaced')
  }

  expired(): void {
    this.end(new SottoError('token_expired'))
  }

  text(json: string): void {
    this.parts.counts.framesOut++
    this.socket.text(json)
  }

  hint(json: string): void {
    if (this.isWelcomed && !this.socket.isCongested) this.text(json)
  }

  entry(entry: Entry, framed: Buffer | null): void {
    const { counts } = this.parts
    counts.framesOut++
    counts.entriesDelivered++
    this.socket.entry(entry, framed)
  }

  failed(error: unknown): void {
    this.fail(error)
  }

  private take(text: string): void {
    let id: string | undefined
    try {
      const frame = parseClientFrame(text)
      this.badFrames = 0
      if (frame.type === 'msg') id = frame.id
      const busy = this.handle(frame)
      if (busy !== undefined) this.wait(busy, id)
    } catch (error) {
      this.refuse(error, id)
    }
  }

  /** Holds later frames back until something is done. */
  private wait(busy: Promise<unknown>, id: string | undefined): void {
    this.isBusy = true
    busy
      .catch((error) => this.refuse(error, id))
      .finally(() => {
        this.isBusy = false
        this.takeWaiting()
      })
  }

  private takeWaiting(): void {
    const held = this.waiting.length > 0
    while (this.waiting.length > 0 && !this.isBusy && this.state !== 'closed') this.take(this.waiting.shift()!)
    if (held && this.waiting.length === 0) this.socket.resume()
  }

  /** A promise: the next frame has to wait for it. */
  private handle(frame: ClientFrame): Promise<unknown> | undefined {
    if (frame.type === 'hello') return this.hello(frame)
    const { device } = this
    if (device === null) {
      this.end(new SottoError('unauthenticated', 'the first frame must be a hello'))
      return undefined
    }
    switch (frame.type) {
      case 'msg':
        return this.message(device, frame)
      case 'ack': {
        this.parts.counts.acks++
        if (this.isReliable) return this.feed!.acknowledge(frame.mailbox, frame.seq) ?? undefined
        return acknowledge(this.parts.store, device, [frame])
      }
      case 'signal':
        return this.signal(device, frame)
      case 'ping':
        this.text(`{"type":"pong","serverTime":${this.parts.clock.now()}}`)
        return undefined
    }
  }

  private async hello({ token, device }: HelloFrame): Promise<void> {
    if (token === undefined) throw new SottoError('unauthenticated', 'hello: a token is needed')
    const identity = await this.parts.authenticator.verify(token)
    if (this.device === null) {
      // A session that has begun but cannot deliver must not go on.
      await this.begin(identity, [device, ...this.requestedDevices]).catch((error) => this.fail(error))
      return
    }
    const deviceId = actingDevice(identity.deviceId, device ?? this.deviceId)
    if (identity.userId !== this.userId || deviceId !== this.deviceId) {
      throw new SottoError('forbidden', 'hello: the token is for another user or device than this socket')
    }
    this.expiresAt = identity.expiresAt
  }

  private async begin(identity: Identity, requested: readonly (string | undefined)[]): Promise<void> {
    const { store, sessions, bus, clock, limits, counts } = this.parts
    const deviceId = actingDevice(identity.deviceId, ...requested)
    const { userId } = identity
    this.checkSockets(userId, deviceId)
    const device = await store.openDevice({ userId, deviceId, holds: this.isReliable })
    if (this.state === 'closed') return
    // Others may have come meanwhile.
    this.checkSockets(userId, deviceId)
    this.state = 'open'
    this.userId = userId
    this.deviceId = deviceId
    this.expiresAt = identity.expiresAt
    this.device = device
    sessions.add(this)
    counts.sessions[this.isReliable ? 'reliable' : 'basic']++
    if (this.isReliable) bus.publish({ type: 'replaced', userId, deviceId, session: this.id })
    const feed = new Feed(this.parts, device, this.isReliable, this)
    this.feed = feed
    await feed.subscribe()
    if (this.isClosed) return
    // Whoever has been welcomed gets everything from then on: what came before may be pulled.
    this.text(JSON.stringify({ type: 'welcome', userId, deviceId, serverTime: clock.now(), limits }))
    this.isWelcomed = true
    feed.begin()
    const low = await store.keysLow(device)
    if (low !== undefined) this.text(keysLowFrame(low))
  }

  /** A session that this one replaces does not count. */
  private checkSockets(userId: string, deviceId: string): void {
    const { sessions, limits } = this.parts
    const stays = (other: Registered) => !(this.isReliable && other.isReliable && other.deviceId === deviceId)
    if (sessions.of(userId).filter(stays).length < limits.USER_SOCKETS) return
    throw new SottoError('rate_limited', 'this user has too many open sockets', { limit: 'USER_SOCKETS' })
  }

  private message(device: Device, frame: MsgFrame): Promise<unknown> | undefined {
    const message = hasId(frame) ? frame : { ...frame, id: this.parts.clock.random(12) }
    this.sends ??= this.parts.sends.of(`${device.no}`)
    const waitMs = this.sends.take()
    if (waitMs > 0) return this.throttle(device, message, waitMs)
    this.throttledSince = 0
    // A group that is not in memory has to be there before the next message is looked at.
    const group = frame.scope === 'group' ? this.parts.store.group(frame.to) : undefined
    if (group instanceof Promise) return group.then(() => this.sendNow(device, message))
    this.sendNow(device, message)
    return undefined
  }

  private sendNow(device: Device, frame: MsgFrame & { id: string }): void {
    send(this.parts, device, frame, mayWrite).then(
      (appended) => this.accepted(frame.id, appended),
      (error) => {
        const code = this.refuse(error, frame.id)
        this.parts.counts.messagesRefused[code]++
      },
    )
  }

  private accepted(id: string, { mailbox, seq, receivedAt, duplicate }: Appended): void {
    const { counts } = this.parts
    if (duplicate) counts.messagesDuplicate++
    else counts.messagesAccepted++
    const tail = duplicate ? ',"duplicate":true}' : '}'
    this.text(
      `{"type":"accepted","id":${JSON.stringify(id)},"mailbox":"${mailbox}","seq":${seq},"receivedAt":${receivedAt}${tail}`,
    )
  }

  /** A device that sends too fast is not read for a while, so that order is kept; after 5 s of that it is refused. */
  private async throttle(device: Device, frame: MsgFrame & { id: string }, waitMs: number): Promise<void> {
    const { clock, sends, counts, store } = this.parts
    const now = clock.now()
    if (this.throttledSince === 0) this.throttledSince = now
    if (now + waitMs - this.throttledSince > throttledMsMax) {
      // A resend is answered before its rate is judged.
      const first = await store.repeated(draftOf(frame, device, recipientOf(frame), now))
      if (first !== undefined) return this.accepted(frame.id, first)
      counts.messagesRefused.rate_limited++
      throw new SottoError('rate_limited', 'this device sends too fast', { limit: 'SENDS_PER_SECOND', retryAfterMs: waitMs })
    }
    for (let ms = waitMs; ms > 0; ms = sends.take(`${device.no}`)) {
      await new Promise((resolve) => setTimeout(resolve, ms))
      if (this.state === 'closed') return
    }
    this.sendNow(device, frame)
  }

  private signal(device: Device, frame: Extract<ClientFrame, { type: 'signal' }>): Promise<void> | undefined {
    const retryAfterMs = this.parts.signals.take(`${device.no}`)
    if (retryAfterMs > 0) {
      throw new SottoError('rate_limited', 'this device signals too fast', { limit: 'SIGNALS_PER_SECOND', retryAfterMs })
    }
    this.parts.counts.signals++
    return signal(this.parts, device, frame)
  }

  /** Answers a frame with an error; closes where the table says so and nothing else can follow. */
  private refuse(error: unknown, id: string | undefined): ErrorCode {
    const refusal = this.asRefusal(error)
    if (this.state === 'closed') return refusal.code
    this.badFrames = refusal.code === 'bad_frame' ? this.badFrames + 1 : 0
    const isFatal =
      this.device === null ||
      refusal.code === 'token_expired' ||
      refusal.code === 'unauthenticated' ||
      refusal.code === 'device_revoked' ||
      this.badFrames >= badFramesMax
    if (isFatal) this.end(refusal)
    else this.text(JSON.stringify(errorFrame(refusal, id)))
    return refusal.code
  }

  private fail(error: unknown): void {
    if (this.state !== 'closed') this.end(this.asRefusal(error))
  }

  private asRefusal(error: unknown): SottoError {
    if (error instanceof SottoError) return error
    this.parts.log.error({ err: error }, 'a socket frame failed')
    return new SottoError('internal')
  }

  private end(error: SottoError): void {
    if (this.state === 'closed') return
    this.text(JSON.stringify(errorFrame(error)))
    this.close(closeCodeOf(error.code), error.code)
  }
}

function hasId(frame: MsgFrame): frame is MsgFrame & { id: string } {
  return frame.id !== undefined
}
