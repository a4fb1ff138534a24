import type { Clock } from '../clock.ts'

/** A clock for tests that stands still until it is told otherwise. */
export interface ManualClock extends Clock {
  advance(ms: number): void
  /** Backwards too. */
  set(ms: number): void
}

/** 2025-01-01T00:00:00Z */
export const firstInstant = 1_735_689_600_000

export function manualClock(startMs: number = firstInstant): ManualClock {
  let now = startMs
  let drawn = 0
  return {
    now: () => now,
    // Counted, not drawn: the same in each run, and never the same twice.
    random: (bytes) => Buffer.from(`${++drawn}`.padStart(bytes, '0')).toString('base64url'),
    advance(ms) {
      now += ms
    },
    set(ms) {
      now = ms
    },
  }
}
