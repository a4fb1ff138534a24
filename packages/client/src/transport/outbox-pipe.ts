import type { Accepted, MsgBody } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol/errors'
import { ceilingMs, retryAfterMs } from './backoff.ts'
import { Pace } from './pace.ts'
import { isOutcomeUnknown } from './refusal.ts'
import { Pauses, type Timers } from './timers.ts'

/** Unanswered messages on a socket. */
const windowMax = 16
/** What may wait: an outbox on disk holds the rest. */
const waitingMax = 4_096
const waitingCharsMax = 64 * 1024 * 1024
/** A doubtful message that gets no answer over HTTP either tries the socket again. */
const doubtTriesMax = 3

export interface OutboxParts {
  readonly timers: Timers
  /** A number from 0 to 1. */
  readonly fraction: () => number
  /** `POST /messages`. */
  readonly post: (text: string, signal: AbortSignal) => Promise<Accepted>
}

interface Waiting {
  readonly id: string
  /** The frame, made once: what is sent again is the same. */
  readonly text: string
  isInFlight: boolean
  /** The socket did not say whether it can take this one: HTTP does. */
  isDoubtful: boolean
  readonly resolve: (accepted: Accepted) => void
  readonly reject: (error: unknown) => void
}

/** Messages on their way: in order, until each is accepted or refused for good, whatever happens to the connection. */
export class OutboxPipe {
  readonly #parts: OutboxParts
  readonly #pace: Pace
  readonly #pauses: Pauses
  readonly #queue: Waiting[] = []
  #chars = 0
  #inFlight = 0
  #link: ((text: string) => void) | undefined
  #isPolling = false
  #posting: AbortController | undefined
  /** Cancels the wait after which sending goes on. */
  #waking: (() => void) | undefined
  /** After a refusal for now: those in flight are answered first, so that none overtakes. */
  #isSettling = false
  #settleMs = 0
  /** After that, one at a time until one is accepted. */
  #isCareful = false
  #attempt = 0
  #end: Error | undefined

  constructor(parts: OutboxParts) {
    this.#parts = parts
    this.#pace = new Pace(parts.timers)
    this.#pauses = new Pauses(parts.timers)
  }

  send(message: MsgBody & { readonly id: string }, signal?: AbortSignal): Promise<Accepted> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    if (signal?.aborted) return Promise.reject(signal.reason)
    const text = JSON.stringify({ ...message, type: 'msg' })
    const isFull = this.#queue.length >= waitingMax || (this.#chars + text.length > waitingCharsMax && this.#chars > 0)
    if (isFull) return Promise.reject(new SottoError('limit_reached', 'too many messages wait to be sent'))
    return new Promise((resolve, reject) => {
      const aborted = () => {
        this.#drop(waiting)
        reject(signal?.reason)
        this.#proceed()
      }
      const waiting: Waiting = {
        id: message.id,
        text,
        isInFlight: false,
        isDoubtful: false,
        resolve: (accepted) => {
          signal?.removeEventListener('abort', aborted)
          resolve(accepted)
        },
        reject: (error) => {
          signal?.removeEventListener('abort', aborted)
          reject(error)
        },
      }
      signal?.addEventListener('abort', aborted)
      this.#queue.push(waiting)
      this.#chars += text.length
      this.#pump()
    })
  }

  /** A socket is open: everything unanswered leaves again, then what waits. */
  attach(link: (text: string) => void, limits: Readonly<Record<string, number>>): void {
    this.detach()
    this.#pace.limit(limits.SENDS_BURST, limits.SENDS_PER_SECOND)
    this.#link = link
    this.#pump()
  }

  /** There is no socket: one message after another over HTTP. */
  attachHttp(): void {
    this.detach()
    this.#isPolling = true
    this.#pump()
  }

  detach(): void {
    this.#link = undefined
    this.#isPolling = false
    this.#posting?.abort()
    this.#waking?.()
    this.#waking = undefined
    this.#isSettling = false
    this.#settleMs = 0
    this.#isCareful = false
    this.#inFlight = 0
    for (const waiting of this.#queue) waiting.isInFlight = false
  }

  /** The server could not make sense of a frame and did not say which: HTTP names what is wrong with a message. */
  doubt(): void {
    const last = this.#queue.findLastIndex(({ isInFlight }) => isInFlight)
    for (let index = 0; index <= last; index++) this.#queue[index]!.isDoubtful = true
    this.#pump()
  }

  accepted(accepted: Accepted): void {
    const waiting = this.#flying(accepted.id)
    if (waiting === undefined) return
    this.#drop(waiting)
    this.#attempt = 0
    if (!this.#isSettling) this.#isCareful = false
    waiting.resolve(accepted)
    this.#proceed()
  }

  /** An `error` frame with an id. */
  refused(id: string, error: SottoError): void {
    const waiting = this.#flying(id)
    if (waiting === undefined) return
    if (isForNow(error)) {
      waiting.isInFlight = false
      this.#inFlight -= 1
      this.#isSettling = true
      this.#settleMs = Math.max(this.#settleMs, this.#delayMs(error))
      if (error.code === 'rate_limited') this.#pace.empty()
    } else {
      this.#drop(waiting)
      waiting.reject(error)
    }
    this.#proceed()
  }

  /** Nothing leaves any more, and everything that waits is rejected. */
  close(error: Error): void {
    this.detach()
    this.#end = error
    this.#chars = 0
    for (const waiting of this.#queue.splice(0)) waiting.reject(error)
  }

  /** An answer has come. */
  #proceed(): void {
    if (this.#isSettling && this.#inFlight === 0) {
      this.#isSettling = false
      this.#isCareful = true
      this.#pumpAfter(this.#settleMs)
      this.#settleMs = 0
    } else this.#pump()
  }

  #pump(): void {
    const [head] = this.#queue
    if (head === undefined) return
    if (this.#isPolling || head.isDoubtful) {
      void this.#postAll()
      return
    }
    const link = this.#link
    if (link === undefined || this.#isSettling || this.#waking !== undefined) return
    const max = this.#isCareful ? 1 : windowMax
    for (const waiting of this.#queue) {
      if (this.#inFlight >= max) return
      if (waiting.isInFlight) continue
      const waitMs = this.#pace.take()
      if (waitMs > 0) {
        this.#pumpAfter(waitMs)
        return
      }
      waiting.isInFlight = true
      this.#inFlight += 1
      link(waiting.text)
    }
  }

  #pumpAfter(ms: number): void {
    this.#waking?.()
    this.#waking = this.#parts.timers.after(ms, () => {
      this.#waking = undefined
      this.#pump()
    })
  }

  /** Those that HTTP has to take, from the head on. Never rejects. */
  async #postAll(): Promise<void> {
    if (this.#posting !== undefined) return
    const posting = new AbortController()
    this.#posting = posting
    let tries = 0
    while (!posting.signal.aborted) {
      const head = this.#queue[0]
      if (head === undefined || !(this.#isPolling || head.isDoubtful)) break
      try {
        const accepted = await this.#parts.post(head.text, posting.signal)
        this.#drop(head)
        head.resolve(accepted)
        this.#attempt = 0
        tries = 0
      } catch (error) {
        if (posting.signal.aborted) break
        if (error instanceof SottoError && !isForNow(error)) {
          this.#drop(head)
          head.reject(error)
          tries = 0
          continue
        }
        tries += 1
        if (!this.#isPolling && tries >= doubtTriesMax) for (const waiting of this.#queue) waiting.isDoubtful = false
        else await this.#pauses.pause(this.#delayMs(error), posting.signal)
      }
    }
    this.#posting = undefined
    this.#pump()
  }

  #delayMs(error: unknown): number {
    const asked = error instanceof SottoError ? retryAfterMs(error.extra.retryAfterMs) : 0
    // With a rate there is nothing to back off from: it says when.
    if (asked > 0 && error instanceof SottoError && error.code === 'rate_limited') return asked
    const spread = ceilingMs(this.#attempt) * this.#parts.fraction()
    this.#attempt += 1
    return asked + Math.floor(spread)
  }

  #flying(id: string): Waiting | undefined {
    let seen = 0
    for (const waiting of this.#queue) {
      if (seen >= this.#inFlight) return undefined
      if (!waiting.isInFlight) continue
      if (waiting.id === id) return waiting
      seen += 1
    }
    return undefined
  }

  #drop(waiting: Waiting): void {
    const index = this.#queue.indexOf(waiting)
    if (index < 0) return
    this.#queue.splice(index, 1)
    this.#chars -= waiting.text.length
    if (waiting.isInFlight) this.#inFlight -= 1
  }
}

/** The same has to be sent again later. Tokens are not the message's fault: the connection sees to them. */
function isForNow(error: SottoError): boolean {
  const { code } = error
  return isOutcomeUnknown(error) || code === 'rate_limited' || code === 'unauthenticated' || code === 'token_expired'
}
