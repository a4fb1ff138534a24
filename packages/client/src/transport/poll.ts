import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import { type Ack, type Acks, acksMax } from './acks.ts'
import type { Call } from './http.ts'
import { lastSeqOf, readEntry } from './received.ts'
import type { Timers } from './timers.ts'
import type { EntryFrame } from './transport.ts'

/** Entries of one page, and how long the server may wait for the first. */
const pageEntries = 256
const waitMs = 25_000
/** How long acks of a page are waited for: a server that has not been told sends the same page again. */
const ackMsMin = 1_000
const ackMsMax = 16_000
/** Acks that follow each other sooner are told together. */
const gatherMs = 100

export interface PollParts {
  readonly acks: Acks
  readonly timers: Timers
  readonly ask: (call: Call, signal: AbortSignal) => Promise<unknown>
  /** The server has answered. */
  readonly online: () => void
  readonly entry: (entry: EntryFrame) => void
  readonly synced: () => void
}

export interface Polling {
  /** Rejects with what ended it; resolves after `stop`. */
  readonly ended: Promise<void>
  readonly isStopped: boolean
  /** Asks anew: the request under way may hang. */
  poke(): void
  stop(): void
}

/** The reliable stream without a socket: pages of entries, each asked for once the one before is acknowledged. */
export function startPolling(parts: PollParts): Polling {
  const { acks, timers } = parts
  const stopping = new AbortController()
  let asking = new AbortController()
  /** The last seq of each mailbox that was handed over, to tell what is new in a page. */
  const handed = new Map<string, number>()

  async function run(): Promise<void> {
    let isSynced = false
    let idle = 0
    acks.again()
    for (;;) {
      await tell(acks.take())
      const page = await nextPage(isSynced ? waitMs : 0)
      if (page === undefined) continue
      parts.online()
      const fresh = page.messages.filter(handOver).length
      if (!page.more && !isSynced) {
        isSynced = true
        parts.synced()
      }
      if (page.messages.length === 0) continue
      idle = fresh > 0 ? 0 : idle + 1
      const ackMs = Math.min(ackMsMax, ackMsMin * 2 ** Math.min(idle, 8))
      await acknowledged(ackMs)
      // A server that repeats itself whatever it is told is not asked without a pause.
      if (idle > 1) await nextAck(ackMs)
    }
  }

  /** Undefined: `poke` was called. */
  async function nextPage(wait: number): Promise<{ messages: unknown[]; more: boolean } | undefined> {
    stopping.signal.throwIfAborted()
    asking = new AbortController()
    const { signal } = asking
    try {
      const answer = await parts.ask({ name: 'GET /messages', query: { limit: pageEntries, waitMs: wait } }, signal)
      stopping.signal.throwIfAborted()
      const { messages, more } = (answer ?? {}) as { messages?: unknown; more?: unknown }
      if (!Array.isArray(messages)) throw new SottoClientError('offline', 'the answer cannot be read')
      return { messages, more: more === true }
    } catch (error) {
      stopping.signal.throwIfAborted()
      if (signal.aborted) return undefined
      throw error
    }
  }

  function handOver(value: unknown): boolean {
    const entry = readEntry(value)
    if (entry === undefined || acks.covers(entry)) return false
    const last = lastSeqOf(entry)
    if ((handed.get(entry.mailbox) ?? 0) >= last) return false
    handed.set(entry.mailbox, last)
    parts.entry(entry)
    return true
  }

  /** One that is refused does not hold back the others. */
  async function tell(told: readonly Ack[]): Promise<void> {
    for (let from = 0; from < told.length; from += acksMax) {
      const some = told.slice(from, from + acksMax)
      try {
        await parts.ask({ name: 'POST /messages/ack', text: JSON.stringify({ acks: some }) }, stopping.signal)
      } catch (error) {
        if (!(error instanceof SottoError) || (error.code !== 'bad_request' && error.code !== 'forbidden')) throw error
        const half = Math.ceil(some.length / 2)
        if (half === some.length) acks.forget(some[0]!)
        else {
          await tell(some.slice(0, half))
          await tell(some.slice(half))
        }
      }
    }
  }

  /** Waits until everything handed over is acknowledged, or nothing more comes for a while. */
  async function acknowledged(ms: number): Promise<void> {
    for (let left = ms; !stopping.signal.aborted; left = gatherMs) {
      if ([...handed].every(([mailbox, seq]) => acks.has(mailbox, seq))) return
      if (!(await nextAck(left))) return
    }
  }

  function nextAck(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const over = (isHeard: boolean) => {
        cancel()
        acks.heard = () => {}
        stopping.signal.removeEventListener('abort', stopped)
        resolve(isHeard)
      }
      const stopped = () => over(false)
      const cancel = timers.after(ms, stopped)
      acks.heard = () => over(true)
      stopping.signal.addEventListener('abort', stopped)
    })
  }

  const ended = run().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error
  })
  // Whoever waits for it hears of it.
  ended.catch(() => {})
  return {
    ended,
    get isStopped() {
      return stopping.signal.aborted
    },
    poke: () => asking.abort(),
    stop() {
      stopping.abort()
      asking.abort()
    },
  }
}
