import { closeCodes, SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import { lateExport } from '../lazily.ts'
import { type Acks, acksMax } from './acks.ts'
import { type Ended, nextTry } from './backoff.ts'
import type { Http } from './http.ts'
import type { OutboxPipe } from './outbox-pipe.ts'
import type { Polling } from './poll.ts'
import type { Received } from './received.ts'
import { refusalOf } from './refusal.ts'
import { type OpenSocket, openSocket, type SocketEnd } from './socket.ts'
import { Pauses, type Timers } from './timers.ts'
import type { Tokens } from './tokens.ts'
import type { ConnectionState, EntryFrame, TransportListeners, TransportOptions } from './transport.ts'

/** Sockets that fail in a row before HTTP is tried. */
const socketFailuresMax = 3
/** How often a socket is tried while polls work, and how soon at the earliest. */
const probeMs = 180_000
const probeMsMin = 10_000
/** How long what was left behind may still reach the server, and end the session that came after it. */
const adriftMs = 120_000
const closeMsMax = 2_000

const loadPoll = lateExport(() => import('./poll.ts'), 'startPolling')

export type EndReason = Parameters<TransportListeners['ended']>[0]

export interface ConnectionParts {
  /** `wss://host/prefix/ws` */
  readonly address: string
  readonly deviceId: string
  readonly mode: NonNullable<TransportOptions['mode']>
  readonly tokens: Tokens
  readonly timers: Timers
  /** A number from 0 to 1. */
  readonly fraction: () => number
  readonly http: Http
  readonly acks: Acks
  readonly outbox: OutboxPipe
  /** It has ended by what the server said. */
  readonly finished: (reason: EndReason) => void
}

/** How one try went: what to do next, or the reason for which there is no next. */
interface Attempt {
  readonly ended: Ended | EndReason
  /** How long it was online. */
  readonly lastedMs?: number | undefined
  readonly error?: Error | undefined
  /** Sockets do not work here, as far as this try can tell. */
  readonly isBlocked?: boolean
}

/** Keeps the one way to the server open: tries, waits, tries again, until it is told to end. */
export class Connection {
  state: ConnectionState = 'offline'
  /** As the last welcome named them. */
  limits: Readonly<Record<string, number>> | undefined
  userId: string | undefined
  /** Why it is not online, or was not before. */
  lastError: Error | undefined
  readonly #parts: ConnectionParts
  readonly #pauses: Pauses
  readonly #probes: Pauses
  #listeners: TransportListeners | undefined
  #isOver = false
  /** For which the server has ended it. */
  #reason: EndReason | undefined
  #socket: OpenSocket | undefined
  #polling: Polling | undefined
  #socketFailures = 0
  #triedSocketAt = Number.NEGATIVE_INFINITY
  #adriftAt = Number.NEGATIVE_INFINITY

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.#pauses = new Pauses(parts.timers)
    this.#probes = new Pauses(parts.timers)
  }

  start(listeners: TransportListeners): void {
    if (this.#listeners !== undefined) return
    this.#listeners = listeners
    const reason = this.#reason
    // What a request was told before.
    if (reason !== undefined) this.#safely(() => listeners.ended(reason))
    if (this.#isOver) return
    void this.#run(listeners)
  }

  wake(): void {
    this.#pauses.wake()
    this.#socket?.probe()
    if (this.#polling !== undefined) {
      this.#polling.poke()
      this.#adriftAt = this.#parts.timers.now()
    }
    if (this.#parts.timers.now() - this.#triedSocketAt >= probeMsMin) this.#probes.wake()
  }

  /** Ephemeral: only an open socket takes it. */
  send(text: string): void {
    this.#socket?.send(text)
  }

  /** It ends, for good, by what the server says. */
  finish(reason: EndReason): void {
    if (this.#isOver) return
    this.#reason = reason
    this.#over()
    this.#socket?.fail(new Error(reason))
    this.#polling?.stop()
    this.#parts.finished(reason)
    this.#safely(() => this.#listeners?.ended(reason))
  }

  /** Tells what acks wait, and closes. Never rejects. */
  async close(): Promise<void> {
    if (this.#isOver) return
    const { acks, http } = this.#parts
    const polling = this.#polling
    if (polling === undefined || polling.isStopped) acks.flush()
    this.#over()
    polling?.stop()
    // A request that told of some may just have been cut short.
    if (polling !== undefined) acks.again()
    const told = polling === undefined ? [] : acks.take().slice(-acksMax)
    const call = { name: 'POST /messages/ack', text: JSON.stringify({ acks: told }) } as const
    await Promise.all([
      this.#socket?.close(),
      told.length === 0 ? undefined : http.ask(call, undefined, closeMsMax).catch(() => {}),
    ])
  }

  #over(): void {
    this.#isOver = true
    this.#become('closed')
    this.#pauses.wake()
    this.#probes.wake()
  }

  async #run(listeners: TransportListeners): Promise<void> {
    const { mode, timers, fraction } = this.#parts
    let way: 'socket' | 'poll' = mode === 'poll' ? 'poll' : 'socket'
    for (let attempt = 0; !this.#isOver; ) {
      this.#become('connecting')
      const tried = way === 'socket' ? await this.#overSocket(listeners, () => {}) : await this.#overHttp(listeners)
      if (this.#isOver) return
      const { ended, lastedMs, error } = tried
      this.lastError = error
      if (typeof ended === 'string') {
        this.finish(ended)
        return
      }
      const next = nextTry(attempt, ended, lastedMs, fraction())
      attempt = next.attempt
      if (mode === 'auto') {
        const before = way
        if (way === 'socket') way = this.#socketFailures >= socketFailuresMax ? 'poll' : 'socket'
        else if (lastedMs === undefined || timers.now() - this.#triedSocketAt >= probeMs) way = 'socket'
        if (before === 'socket' && way === 'poll') continue
      }
      if (ended.kind === 'token' && next.delayMs === 0) continue
      this.#become('offline')
      await this.#pauses.pause(next.delayMs)
    }
  }

  /** One session over a socket, from its token to its end. */
  async #overSocket(listeners: TransportListeners, opened: () => void): Promise<Attempt> {
    const { address, deviceId, mode, tokens, timers, acks, outbox } = this.#parts
    this.#triedSocketAt = timers.now()
    let token: string
    try {
      token = await tokens.current()
    } catch (error) {
      return { ended: { kind: 'lost' }, error: asError(error) }
    }
    if (this.#isOver) return { ended: { kind: 'lost' } }
    let onlineAt: number | undefined
    const socket = openSocket({
      address,
      deviceId,
      token,
      tokens,
      timers,
      opened,
      welcomed: ({ userId, limits }) => {
        if (this.userId !== undefined && this.userId !== userId) {
          tokens.refused(token)
          socket.fail(new SottoError('forbidden', 'the token is of another user'))
          return
        }
        onlineAt = timers.now()
        this.userId = userId
        this.limits = Object.freeze(limits)
        this.#become('online')
        acks.attach((told) => {
          for (const { mailbox, seq } of told) socket.send(JSON.stringify({ type: 'ack', mailbox, seq }))
        })
        outbox.attach((text) => socket.send(text), limits)
        // A page may stay open longer than its files are there, and come into a network without sockets.
        if (mode === 'auto') void loadPoll().catch(() => {})
      },
      received: (received) => {
        try {
          this.#received(listeners, received)
        } catch (error) {
          // An entry that could not be taken has to come again.
          socket.fail(asError(error))
        }
      },
    })
    this.#socket = socket
    const end = await socket.ended
    this.#socket = undefined
    if (onlineAt !== undefined) {
      // What made the server close may be among the messages under way.
      if (end.code === closeCodes.badFrame || end.code === closeCodes.tooLarge) outbox.doubt()
      outbox.detach()
      acks.detach()
    }
    if (end.isAdrift) this.#adriftAt = timers.now()
    const isBlocked = end.stage !== 'open' && end.code === undefined
    this.#socketFailures = isBlocked ? this.#socketFailures + 1 : 0
    return {
      ended: this.#meaning(end),
      lastedMs: onlineAt === undefined ? undefined : timers.now() - onlineAt,
      error: end.error,
    }
  }

  #received(listeners: TransportListeners, received: Received): void {
    const { acks, outbox } = this.#parts
    if (received.is === 'entry') {
      if (!acks.covers(received.frame)) listeners.entry(received.frame)
      return
    }
    const { frame } = received
    switch (frame.type) {
      case 'accepted':
        outbox.accepted(frame)
        return
      case 'error':
        if (frame.id !== undefined) outbox.refused(frame.id, refusalOf(frame))
        else if (frame.code === 'bad_request' || frame.code === 'bad_frame') outbox.doubt()
        return
      case 'synced':
        this.#safely(() => listeners.synced())
        return
      case 'signal':
        this.#safely(() => listeners.signal(frame))
        return
      case 'keys_low':
        this.#safely(() => listeners.keysLow(frame))
        return
    }
  }

  #meaning({ code, error, token }: SocketEnd): Ended | EndReason {
    const { tokens } = this.#parts
    if (code === closeCodes.restarting) return { kind: 'restarting' }
    if (code === closeCodes.unauthenticated) {
      tokens.refused(token)
      return tokens.areUseless ? 'unauthenticated' : { kind: 'token' }
    }
    if (code === closeCodes.deviceRevoked) return 'device_revoked'
    if (code === closeCodes.replaced) return this.#replaced()
    if (error instanceof SottoError) return refusedFor(error)
    return { kind: 'lost' }
  }

  /** A newer session has begun: somebody else's, unless one of our own was left behind on its way. */
  #replaced(): Ended | EndReason {
    const isOwn = this.#parts.timers.now() - this.#adriftAt < adriftMs
    this.#adriftAt = Number.NEGATIVE_INFINITY
    return isOwn ? { kind: 'lost' } : 'replaced'
  }

  /** Long polls, until they fail or a socket opens. */
  async #overHttp(listeners: TransportListeners): Promise<Attempt> {
    const { mode, timers, acks, outbox, http } = this.#parts
    let startPolling: Awaited<ReturnType<typeof loadPoll>>
    try {
      startPolling = await loadPoll()
    } catch (error) {
      return { ended: { kind: 'lost' }, error: asError(error) }
    }
    if (this.#isOver) return { ended: { kind: 'lost' } }
    let onlineAt: number | undefined
    const polling = startPolling({
      acks,
      timers,
      ask: (call, signal) => http.ask(call, signal),
      online: () => {
        if (onlineAt !== undefined) return
        onlineAt = timers.now()
        this.#become('online')
        outbox.attachHttp()
      },
      entry: (entry: EntryFrame) => listeners.entry(entry),
      synced: () => this.#safely(() => listeners.synced()),
    })
    this.#polling = polling
    const over = polling.ended.then(
      () => ({ error: undefined }),
      (error: unknown) => ({ error }),
    )
    const leave = () => {
      if (polling.isStopped) return
      polling.stop()
      this.#adriftAt = timers.now()
    }
    try {
      for (;;) {
        const sleeping = new AbortController()
        const ended = await Promise.race([over, this.#probes.pause(probeMs, sleeping.signal)])
        sleeping.abort()
        if (ended !== undefined) return this.#polled(ended.error, onlineAt)
        if (mode !== 'auto' || this.#isOver) continue
        const socket = await this.#overSocket(listeners, leave)
        if (polling.isStopped) return socket
      }
    } finally {
      this.#polling = undefined
      outbox.detach()
    }
  }

  #polled(error: unknown, onlineAt: number | undefined): Attempt {
    const { tokens, timers } = this.#parts
    const lastedMs = onlineAt === undefined ? undefined : timers.now() - onlineAt
    const tried = { lastedMs, error: asError(error) }
    if (!(error instanceof SottoError)) {
      this.#adriftAt = timers.now()
      return { ...tried, ended: { kind: 'lost' } }
    }
    if (error.code === 'device_revoked') return { ...tried, ended: 'device_revoked' }
    if (error.extra.close === closeCodes.replaced) return { ...tried, ended: this.#replaced() }
    if (error.code === 'unauthenticated' || error.code === 'token_expired') {
      return { ...tried, ended: tokens.areUseless ? 'unauthenticated' : { kind: 'token' } }
    }
    return { ...tried, ended: refusedFor(error) }
  }

  #become(state: ConnectionState): void {
    if (this.state === state || this.state === 'closed') return
    this.state = state
    this.#safely(() => this.#listeners?.state(state))
  }

  /** Listeners are not ours: what they throw must not end what called them. */
  #safely(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.lastError = asError(error)
    }
  }
}

function refusedFor({ extra }: SottoError): Ended {
  return extra.retryAfterMs === undefined ? { kind: 'refused' } : { kind: 'refused', retryAfterMs: extra.retryAfterMs }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new SottoClientError('offline', undefined, { cause: error })
}
