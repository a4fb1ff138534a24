import { SottoClientError } from '../errors.ts'
import type { OpenStorage } from '../storage/storage.ts'
import type { CoreApi, CoreEvent, CoreMethod, SelfSnapshot } from '../sync/core-api.ts'
import { asBefore, type Result } from './repeats.ts'
import { type CallMessage, crossed, type TabMessage } from './tab-messages.ts'

/** Calls of all other tabs that are being worked on at once. */
const servedMax = 50_000

interface LeaderOptions {
  readonly core: CoreApi
  readonly storage: OpenStorage
  readonly post: (message: TabMessage) => void
  /** What happens, for this very tab. */
  readonly emit: (event: CoreEvent) => void
}

/** The tab that has the storage open: runs the core, for itself and for the others. */
export class Leader {
  readonly id = crypto.randomUUID()
  /** Resolves once it leads no more and the storage is free. */
  readonly over: Promise<void>
  private readonly core: CoreApi
  private readonly storage: OpenStorage
  private readonly post: (message: TabMessage) => void
  private readonly serving = new Set<string>()
  private readonly stopListening: () => void
  private isOver = false
  private readonly ended: () => void

  constructor({ core, storage, post, emit }: LeaderOptions) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    this.ended = resolve
    this.core = core
    this.storage = storage
    this.post = post
    this.stopListening = core.listen((event) => {
      emit(event)
      post({ kind: 'event', leader: this.id, event })
    })
  }

  get self(): SelfSnapshot {
    return this.isOver ? { ...this.core.self, state: 'connecting' } : this.core.self
  }

  announce(): void {
    if (!this.isOver) this.post({ kind: 'leads', leader: this.id, self: this.core.self })
  }

  /** Answers another tab; leaves it to the next leader where this one can no longer know. */
  serve({ from, id, again, method, args }: CallMessage): void {
    const key = `${from} ${id}`
    // Asked again while it is being worked on.
    if (this.isOver || this.serving.has(key)) return
    if (this.serving.size >= servedMax) {
      const error = crossed(new SottoClientError('overloaded', 'too many calls of other tabs are under way'))
      return this.post({ kind: 'answer', to: from, id, outcome: { ok: false, error } })
    }
    this.serving.add(key)
    void this.run(method, args, again).then((result) => {
      this.serving.delete(key)
      if (result === undefined) return
      const outcome = result.ok ? result : { ok: false as const, error: crossed(result.error) }
      this.post({ kind: 'answer', to: from, id, outcome })
    })
  }

  /** Undefined: it came to an end meanwhile, the next leader is to be asked. */
  async run(method: CoreMethod, args: readonly unknown[], again: boolean): Promise<Result | undefined> {
    const ask = this.core.call.bind(this.core) as (method: CoreMethod, ...args: readonly unknown[]) => Promise<unknown>
    let result: Result
    try {
      result = { ok: true, value: await ask(method, ...args) }
    } catch (error) {
      // The storage was taken away: the lock by force, or the database deleted.
      if (error instanceof SottoClientError && error.code === 'storage_closed') this.drop()
      if (this.isOver) return undefined
      result = { ok: false, error }
    }
    return again ? await asBefore(this.core, method, args, result).catch(() => result) : result
  }

  /** Writes down what is under way, then lets go of the storage. */
  async close(): Promise<void> {
    await this.finish(() => this.core.close())
  }

  /** Lets go of the storage as fast as can be: what is not on disk yet has not happened, as after a crash. */
  drop(): void {
    void this.finish(() => Promise.allSettled([this.storage.close({ atOnce: true }), this.core.close()]))
  }

  private async finish(how: () => Promise<unknown>): Promise<void> {
    if (this.isOver) return await this.over
    this.isOver = true
    this.stopListening()
    try {
      await how()
    } finally {
      this.ended()
    }
  }
}
