import type { SottoEventHandler, SottoEventName, SottoEvents } from './events.ts'

const retryFirstMs = 500
const retryMaxMs = 30_000
/** Messages that were handled and may not be noted as such on disk yet: after a crash they are handed over again. */
const unnotedMax = 32

/** Calls the application's handlers; messages one after another, until they have been handled. */
export class Dispatcher {
  private readonly handlers = new Map<SottoEventName, Set<SottoEventHandler<SottoEventName>>>()
  private readonly queues = new Map<string, (() => Promise<void>)[]>()
  private readonly failed: (detail: string) => void
  /** Ids of messages that wait for the handlers, or are with them. */
  private readonly delivering = new Set<string>()
  private readonly noting = new Set<Promise<void>>()
  private ended = false
  private readonly waking = new Set<() => void>()

  /** @param failed told when a handler of anything but `error` has thrown. */
  constructor(failed: (detail: string) => void) {
    this.failed = failed
  }

  on<name extends SottoEventName>(name: name, handler: SottoEventHandler<name>): () => void {
    const handlers = this.handlers.get(name) ?? new Set()
    this.handlers.set(name, handlers)
    const own = handler as SottoEventHandler<SottoEventName>
    handlers.add(own)
    return () => handlers.delete(own)
  }

  has(name: SottoEventName): boolean {
    return (this.handlers.get(name)?.size ?? 0) > 0
  }

  emit<name extends SottoEventName>(name: name, event: SottoEvents[name]): void {
    for (const handler of this.handlers.get(name) ?? []) this.tell(name, handler, event)
  }

  /** This handler alone, unless it was taken off. */
  tell<name extends SottoEventName>(name: name, handler: SottoEventHandler<name>, event: SottoEvents[name]): void {
    if (!this.handlers.get(name)?.has(handler as SottoEventHandler<SottoEventName>)) return
    try {
      void Promise.resolve(handler(event)).catch((error: unknown) => this.threw(name, error))
    } catch (error) {
      this.threw(name, error)
    }
  }

  /**
   * Hands a message over until every handler has resolved, then calls `handled`. Those of one `lane` keep their order. One
   * that comes once more before it is handled is the same.
   * @param ready what a handler may rely on; asked first.
   */
  deliver(
    lane: string,
    event: SottoEvents['message'],
    handled: () => Promise<void>,
    ready: () => Promise<void> = async () => {},
  ): void {
    if (this.delivering.has(event.id)) return
    this.delivering.add(event.id)
    const queue = this.queues.get(lane)
    const task = () => this.handOver(event, handled, ready)
    if (queue !== undefined) {
      queue.push(task)
      return
    }
    this.queues.set(lane, [task])
    void this.drain(lane)
  }

  end(): void {
    this.ended = true
    for (const wake of this.waking) wake()
  }

  private async drain(lane: string): Promise<void> {
    const queue = this.queues.get(lane)!
    for (let task = queue.shift(); task !== undefined && !this.ended; task = queue.shift()) await task()
    this.queues.delete(lane)
  }

  /** Resolves when the next message may be handed over: while this one is being noted, so that one write notes many. */
  private async handOver(event: SottoEvents['message'], handled: () => Promise<void>, ready: () => Promise<void>): Promise<void> {
    const resolved = await this.persist(async () => {
      await ready()
      // Nobody listens any more: it waits for the next who does.
      if (!this.has('message')) return false
      await Promise.all([...(this.handlers.get('message') ?? [])].map((handler) => handler(event)))
      return true
    })
    if (resolved !== true) {
      this.delivering.delete(event.id)
      return
    }
    const noting = this.persist(handled).then(() => {
      this.delivering.delete(event.id)
      this.noting.delete(noting)
    })
    this.noting.add(noting)
    if (this.noting.size >= unnotedMax) await Promise.race(this.noting)
  }

  /** Tries until it succeeds; undefined when the end comes first. */
  private async persist<result>(attempt: () => Promise<result>): Promise<result | undefined> {
    for (let waitMs = retryFirstMs; !this.ended; waitMs = Math.min(waitMs * 2, retryMaxMs)) {
      try {
        return await attempt()
      } catch (error) {
        if (this.ended) return undefined
        this.threw('message', error)
        await this.pause(waitMs)
      }
    }
    return undefined
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.waking.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, delayMs)
      this.waking.add(wake)
    })
  }

  private threw(name: SottoEventName, error: unknown): void {
    if (name !== 'error') this.failed(`a handler of '${name}' threw: ${error instanceof Error ? error.message : String(error)}`)
  }
}
