import { randomBytes } from 'node:crypto'

/** Time and chance. The only caller of Date.now and of randomness, so that tests can replace both. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number
  /** Unpredictable, URL-safe, `bytes` bytes of entropy. */
  random(bytes: number): string
}

export const systemClock: Clock = {
  now: () => Date.now(),
  random: (bytes) => randomBytes(bytes).toString('base64url'),
}
