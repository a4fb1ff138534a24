import type { DatabaseSync } from 'node:sqlite'
import type { Limits } from '@sotto/protocol'
import { prepared } from './statements.ts'

/** How fast tokens may be taken: `burst` at once, then `perMs` a millisecond. */
export interface Rate {
  readonly burst: number
  readonly perMs: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The rates whose state must outlive the process. */
export function claimsPairRate(limits: Limits): Rate {
  return { burst: limits.CLAIMS_PAIR_BURST, perMs: limits.CLAIMS_PAIR_PER_HOUR / hourMs }
}

export function claimsTargetRate(limits: Limits): Rate {
  return { burst: limits.CLAIMS_TARGET_BURST, perMs: limits.CLAIMS_TARGET_PER_SECOND / 1_000 }
}

export function addsPairRate(limits: Limits): Rate {
  return { burst: limits.ADDS_PAIR_PER_DAY, perMs: limits.ADDS_PAIR_PER_DAY / dayMs }
}

/** Names a bucket. The users in it stand where `eraseAccount` looks for them. */
export function bucketName(
  limit: 'CLAIMS_PAIR' | 'CLAIMS_TARGET' | 'KEY_PACKAGES_PAIR' | 'KEY_PACKAGES_TARGET' | 'ADDS_PAIR',
  users: readonly string[],
  device?: string,
): string {
  return JSON.stringify(device === undefined ? [limit, users] : [limit, users, device])
}

/**
 * Takes `n` tokens, all or none, in one step. Returns 0 when they were taken, else after how many milliseconds
 * they could be (Infinity: never, more than the burst). Fails closed: a rate that is not positive gives nothing, nor
 * does a clock that jumped back.
 */
export function take(db: DatabaseSync, name: string, rate: Rate, now: number, n = 1): number {
  return takeAll(db, [{ name, rate }], now, n).waitMs
}

export interface Bucket {
  readonly name: string
  readonly rate: Rate
}

/** The same from several buckets at once: from all of them, or from none, and `slowest` is the one to wait for. */
export function takeAll<B extends Bucket>(
  db: DatabaseSync,
  buckets: readonly B[],
  now: number,
  n = 1,
): { readonly waitMs: number; readonly slowest: B | undefined } {
  let waitMs = 0
  let slowest: B | undefined
  for (const bucket of buckets) {
    const wait = waitOf(fullAtAfter(fullAt(db, bucket.name), bucket.rate, now, n), bucket.rate, now, n)
    if (wait > waitMs) {
      waitMs = wait
      slowest = bucket
    }
  }
  if (waitMs > 0) return { waitMs: Math.ceil(waitMs), slowest }
  for (const { name, rate } of buckets) {
    prepared(db, 'INSERT OR REPLACE INTO buckets(name, full_at, fill_ms) VALUES (?, ?, ?)').run(
      name,
      fullAtAfter(fullAt(db, name), rate, now, n),
      fillMs(rate),
    )
  }
  return { waitMs, slowest }
}

/**
 * Forgets the buckets that are full again: they are as good as new. One that would be full later than an empty one comes
 * from a clock that was ahead: it counts as empty from now on.
 */
export function sweepBuckets(db: DatabaseSync, now: number): number {
  prepared(db, 'UPDATE buckets SET full_at = ?1 + fill_ms WHERE full_at > ?1 + fill_ms').run(now)
  return Number(prepared(db, 'DELETE FROM buckets WHERE full_at <= ?').run(now).changes)
}

/** How long an empty bucket takes to be full. */
function fillMs({ burst, perMs }: Rate): number {
  return burst / perMs
}

function fullAt(db: DatabaseSync, name: string): number {
  const row = prepared(db, 'SELECT full_at FROM buckets WHERE name = ?').get(name) as { full_at: number } | undefined
  return row?.full_at ?? 0
}

/** When the bucket would be full again if `n` tokens were taken now. */
function fullAtAfter(fullAt: number, rate: Rate, now: number, n: number): number {
  return Math.min(Math.max(fullAt, now), now + fillMs(rate)) + n / rate.perMs
}

/** How long until so much may have been taken. */
function waitOf(fullAt: number, rate: Rate, now: number, n: number): number {
  if (!(rate.perMs > 0 && rate.burst >= n)) return Number.POSITIVE_INFINITY
  const wait = fullAt - (now + fillMs(rate))
  // Less than a microsecond is rounding, not a token.
  return wait < 1e-3 ? 0 : wait
}
