import type { Clock } from '../clock.ts'

/** Whole numbers. */
export interface Rate {
  /** What may be taken at once after a rest. */
  readonly burst: number
  readonly perSecond: number
}

/** Buckets count thousandths, so that a millisecond adds a whole number of them and no fraction is ever lost. */
const thousandths = 1_000

/** A token bucket: full at first, refilled steadily, never beyond its burst. */
export class TokenBucket {
  readonly #rate: Rate
  readonly #clock: Pick<Clock, 'now'>
  #held: number
  #at: number

  constructor(rate: Rate, clock: Pick<Clock, 'now'>) {
    this.#rate = rate
    this.#clock = clock
    this.#held = rate.burst * thousandths
    this.#at = clock.now()
  }

  /**
   * Takes `count` tokens (more than the burst counts as the burst) and answers 0, or takes nothing and answers the
   * milliseconds, a whole number of at least 1, after which they will be there.
   */
  take(count = 1): number {
    this.#refill()
    const wanted = Math.min(count, this.#rate.burst) * thousandths
    if (this.#held >= wanted) {
      this.#held -= wanted
      return 0
    }
    return Math.ceil((wanted - this.#held) / this.#rate.perSecond)
  }

  /** A clock that was set back adds nothing and takes nothing away. */
  #refill(): void {
    const now = this.#clock.now()
    const elapsedMs = Math.max(0, now - this.#at)
    this.#at = now
    this.#held = Math.min(this.#rate.burst * thousandths, this.#held + elapsedMs * this.#rate.perSecond)
  }
}

/**
 * A bucket for each key, for `keysMax` keys at most: beyond that the one that was asked for longest ago is forgotten,
 * which gives its key a full bucket again.
 */
export class TokenBuckets {
  readonly #rate: Rate
  readonly #clock: Pick<Clock, 'now'>
  readonly #keysMax: number
  /** In the order of their last use. */
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(rate: Rate, clock: Pick<Clock, 'now'>, keysMax: number) {
    this.#rate = rate
    this.#clock = clock
    this.#keysMax = keysMax
  }

  /** As `TokenBucket.take`, from the bucket of `key`. */
  take(key: string, count = 1): number {
    return this.of(key).take(count)
  }

  /** The bucket of `key`, for somebody who takes from it often. */
  of(key: string): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#rate, this.#clock)
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > this.#keysMax) {
      for (const [oldest] of this.#buckets) {
        this.#buckets.delete(oldest)
        break
      }
    }
    return bucket
  }

  get size(): number {
    return this.#buckets.size
  }
}
