/** Time and chance as the SDK uses them: passed in everywhere, so that tests can choose them. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number
  /** Bytes from a cryptographically secure generator. */
  random(bytes: number): Uint8Array
}

export const systemClock: Clock = {
  now: () => Date.now(),
  random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
}
