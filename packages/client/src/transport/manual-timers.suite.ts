import type { Timers } from './timers.ts'

/** Timers whose time passes only when a test says so. */
export interface ManualTimers extends Timers {
  /** Calls what falls due, in order. */
  advance(ms: number): void
  /** How many wait. */
  readonly waiting: number
  /** When the next falls due. */
  readonly nextInMs: number
}

export function manualTimers(): ManualTimers {
  let now = 0
  let order = 0
  const due = new Map<number, { readonly at: number; readonly call: () => void }>()
  return {
    now: () => now,
    after(ms, call) {
      const id = ++order
      due.set(id, { at: now + ms, call })
      return () => due.delete(id)
    },
    advance(ms) {
      const end = now + ms
      for (;;) {
        const [next] = [...due].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)
        if (next === undefined) break
        const [id, { at, call }] = next
        due.delete(id)
        now = Math.max(now, at)
        call()
      }
      now = end
    },
    get waiting() {
      return due.size
    },
    get nextInMs() {
      return Math.min(...[...due.values()].map(({ at }) => at)) - now
    },
  }
}
