import type { Clock } from '../clock.ts'

/** Timers that end with the instance. */
export class Timers {
  private readonly running = new Set<{ readonly cancel: () => void }>()
  private readonly clock: Clock
  private ended = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  get hasEnded(): boolean {
    return this.ended
  }

  /** The answer cancels. */
  after(delayMs: number, task: () => void): () => void {
    if (this.ended) return () => {}
    const timer = setTimeout(() => {
      this.running.delete(handle)
      task()
    }, delayMs)
    const handle = {
      cancel: () => {
        clearTimeout(timer)
        this.running.delete(handle)
      },
    }
    this.running.add(handle)
    return handle.cancel
  }

  /** Resolves after the delay, at once when the instance ends. */
  sleep(delayMs: number): Promise<void> {
    if (this.ended) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => handle.cancel(), delayMs)
      const handle = {
        cancel: () => {
          clearTimeout(timer)
          this.running.delete(handle)
          resolve()
        },
      }
      this.running.add(handle)
    })
  }

  /** A number between 0 and `belowMs`, so that many devices do not all act at once. */
  jitter(belowMs: number): number {
    const [byte0 = 0, byte1 = 0] = this.clock.random(2)
    return Math.floor(((byte0 * 256 + byte1) / 65_536) * belowMs)
  }

  end(): void {
    this.ended = true
    for (const { cancel } of [...this.running]) cancel()
  }
}
