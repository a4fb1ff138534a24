import type { Timers } from './timers.ts'

/** A part of what the server permits, so that its own count of the same messages never runs out first. */
const share = 0.9

/**
 * How fast a device sends: a mirror of the server's token bucket (SENDS_BURST, SENDS_PER_SECOND). A refusal among several
 * messages in flight would let later ones overtake; whoever keeps the pace is not refused.
 */
export class Pace {
  readonly #timers: Timers
  #burst = Number.POSITIVE_INFINITY
  #perMs = Number.POSITIVE_INFINITY
  #held = Number.POSITIVE_INFINITY
  #at = 0

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** What the server permits; anything that is no positive number: no bound. What was used up before stays so. */
  limit(burst: number | undefined, perSecond: number | undefined): void {
    const isBound = burst !== undefined && perSecond !== undefined && burst > 0 && perSecond > 0
    this.#refill()
    this.#burst = isBound ? burst : Number.POSITIVE_INFINITY
    this.#perMs = isBound ? (perSecond * share) / 1_000 : Number.POSITIVE_INFINITY
    this.#held = Math.min(this.#held, this.#burst)
  }

  /** 0: one message may leave. Else the milliseconds until it may. */
  take(): number {
    this.#refill()
    if (this.#held >= 1) {
      this.#held -= 1
      return 0
    }
    return Math.ceil((1 - this.#held) / this.#perMs)
  }

  /** The server counts otherwise. */
  empty(): void {
    this.#refill()
    if (this.#burst !== Number.POSITIVE_INFINITY) this.#held = 0
  }

  #refill(): void {
    const now = this.#timers.now()
    const elapsedMs = now - this.#at
    this.#at = now
    if (elapsedMs > 0) this.#held = Math.min(this.#burst, this.#held + elapsedMs * this.#perMs)
  }
}
