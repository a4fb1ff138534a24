/** Timers of the runtime: passed in, so that tests can let time pass. */
export interface Timers {
  /** Milliseconds of a clock that never jumps; its zero means nothing. */
  now(): number
  /** Calls once, after `ms`. What it answers cancels. */
  after(ms: number, call: () => void): () => void
}

/** Timers of browsers and Node.js fire at once beyond this. */
const timerMsMax = 2 ** 31 - 1

export const systemTimers: Timers = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, Math.min(ms, timerMsMax))
    return () => clearTimeout(timer)
  },
}

/** Waits that can be cut short, all at once. */
export class Pauses {
  readonly #timers: Timers
  readonly #sleeping = new Set<() => void>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Resolves after `ms`, when `wake` is called, or once `signal` aborts. Never rejects. */
  async pause(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return
    await new Promise<void>((resolve) => {
      const over = () => {
        this.#sleeping.delete(over)
        cancel()
        signal?.removeEventListener('abort', over)
        resolve()
      }
      const cancel = this.#timers.after(ms, over)
      this.#sleeping.add(over)
      signal?.addEventListener('abort', over)
    })
  }

  wake(): void {
    for (const over of [...this.#sleeping]) over()
  }
}
