import type { Clock } from '../clock.ts'
import { SottoClientError } from '../errors.ts'
import type { SottoOptions } from '../options.ts'
import type { OpenStorage } from '../storage/storage.ts'
import type { CoreApi, CoreEvent, CoreMethod, CoreMethods, SelfSnapshot } from '../sync/core-api.ts'
import { openDevice } from '../sync/open-device.ts'
import { type Call, Calls } from './calls.ts'
import { Leader } from './leader.ts'
import { arrived, crossed, pack, type TabMessage, unpack } from './tab-messages.ts'
import { mayBeOf } from './token-user.ts'
import type { TabChannel, TabPorts } from './web.ts'

const retryFirstMs = 1_000
const retryMaxMs = 30_000

/**
 * The core of a storage that several tabs share. The tab that has the storage's lock leads: it runs the core. The others
 * follow: they ask the leader, hear what it hears, and wait for the lock, which the browser hands on however a leader ends.
 * What a leader has not answered is asked again of the next one; every method may be asked twice.
 */
export class TabCore implements CoreApi {
  private readonly options: SottoOptions
  private readonly clock: Clock
  private readonly tabId = crypto.randomUUID()
  private readonly channel: TabChannel
  private readonly stopWatching: () => void
  private readonly calls = new Calls()
  private readonly listeners = new Set<(event: CoreEvent) => void>()
  private readonly opening = Promise.withResolvers<void>()
  private isOpen = false
  /** This tab leads. */
  private leader: Leader | undefined
  /** Id of the leader that this tab hears. */
  private following: string | undefined
  /** It has the lock, and leads or is about to. */
  private hasStorage = false
  private last: SelfSnapshot = { userId: '', deviceId: '', state: 'connecting' }
  /** Its place in the queue for the lock, and what it does with it. */
  private turn = new AbortController()
  private sleeping: PromiseWithResolvers<void> | undefined
  private closing: Promise<void> | undefined
  private readonly working: Promise<void>

  private constructor(options: SottoOptions, clock: Clock, channel: TabChannel, ports: TabPorts) {
    this.options = options
    this.clock = clock
    this.channel = channel
    channel.onmessage = ({ data }) => this.receive(unpack(data))
    this.stopWatching = ports.watchPage(
      () => this.sleep(),
      () => this.wake(),
    )
    this.post({ kind: 'hello' })
    this.working = this.work()
  }

  /** Resolves once this tab leads, or hears a leader. @throws what opening the device throws, `invalid_option`, `storage_in_use`. */
  static async open(options: SottoOptions, clock: Clock, channel: TabChannel, ports: TabPorts): Promise<TabCore> {
    const tab = new TabCore(options, clock, channel, ports)
    try {
      await tab.opening.promise
    } catch (error) {
      await tab.close()
      throw error
    }
    return tab
  }

  get self(): SelfSnapshot {
    if (this.closing !== undefined) return { ...this.last, state: 'closed' }
    return this.leader?.self ?? this.last
  }

  async call<name extends CoreMethod>(
    method: name,
    ...args: Parameters<CoreMethods[name]>
  ): Promise<Awaited<ReturnType<CoreMethods[name]>>> {
    if (this.closing !== undefined) throw new SottoClientError('closed')
    const { call, answer } = this.calls.add(method, args)
    this.ask(call)
    return (await answer) as Awaited<ReturnType<CoreMethods[name]>>
  }

  listen(listener: (event: CoreEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  private async end(): Promise<void> {
    this.stopWatching()
    this.turn.abort()
    this.sleeping?.resolve()
    await this.leader?.close()
    this.calls.fail(new SottoClientError('closed'))
    await this.working
    this.channel.close()
    this.emit({ type: 'state', state: 'closed' })
    this.listeners.clear()
  }

  /** Waits for its turn to lead, and leads, again and again. */
  private async work(): Promise<void> {
    for (let failures = 0; this.closing === undefined; ) {
      if (this.sleeping !== undefined) {
        await this.sleeping.promise
        continue
      }
      const turn = new AbortController()
      this.turn = turn
      try {
        const leader = await this.takeTurn(turn.signal)
        failures = 0
        await leader?.over
      } catch (error) {
        if (turn.signal.aborted) continue
        if (!this.isOpen && this.following === undefined) return this.opening.reject(error)
        this.failed(error)
        await pause(Math.min(retryFirstMs * 2 ** failures++, retryMaxMs), turn.signal)
      } finally {
        this.stepDown()
      }
    }
  }

  private async takeTurn(signal: AbortSignal): Promise<Leader | undefined> {
    const storage = await this.options.storage.open({ wait: true, signal })
    this.hasStorage = true
    // A page that is about to sleep must not take the lock along.
    const letGo = () => void storage.close({ atOnce: true })
    signal.addEventListener('abort', letGo)
    try {
      if (signal.aborted) return await storage.close().then(() => undefined)
      const core = await openDevice(this.options, this.clock, storage)
      if (!signal.aborted) return this.lead(core, storage)
      await core.close()
      return undefined
    } catch (error) {
      await storage.close()
      this.hasStorage = false
      throw error
    } finally {
      signal.removeEventListener('abort', letGo)
    }
  }

  private lead(core: CoreApi, storage: OpenStorage): Leader {
    const leader = new Leader({
      core,
      storage,
      post: (message) => this.post(message),
      emit: (event) => this.emit(event),
    })
    this.leader = leader
    this.following = undefined
    leader.announce()
    this.attended(core.self)
    return leader
  }

  private stepDown(): void {
    this.hasStorage = false
    if (this.leader === undefined) return
    this.last = { ...this.leader.self, state: 'connecting' }
    this.leader = undefined
    if (this.closing !== undefined) return
    this.emit({ type: 'state', state: 'connecting' })
    // Somebody else may lead by now.
    this.post({ kind: 'hello' })
  }

  /** Somebody new leads. */
  private attended(self: SelfSnapshot): void {
    const { state } = this.last
    this.last = self
    for (const call of this.calls.all()) this.ask(call)
    if (!this.isOpen) {
      this.isOpen = true
      return this.opening.resolve()
    }
    if (state !== self.state) this.emit({ type: 'state', state: self.state })
    this.emit({ type: 'reloaded' })
  }

  private ask(call: Call): void {
    const { leader, tabId } = this
    const { id, method, args, asked: again } = call
    if (leader === undefined && this.following === undefined) return
    call.asked = true
    if (leader !== undefined) {
      void leader.run(method, args, again).then((result) => {
        if (result?.ok === true) this.calls.take(id)?.resolve(result.value)
        else if (result !== undefined) this.calls.take(id)?.reject(result.error)
      })
      return
    }
    try {
      this.post({ kind: 'call', from: tabId, id, again, method, args })
    } catch (error) {
      this.calls.take(id)?.reject(error)
    }
  }

  private receive(message: ReturnType<typeof unpack>): void {
    if (message === undefined || this.sleeping !== undefined || this.closing !== undefined) return
    if (message === 'other_version') {
      if (this.hasStorage) return
      const detail = 'A tab with another version of this application has the storage open: close or reload it.'
      return this.opening.reject(new SottoClientError('storage_in_use', detail))
    }
    switch (message.kind) {
      case 'hello':
        return this.leader?.announce()
      case 'leads':
        return this.hasStorage ? undefined : this.follow(message.leader, message.self)
      case 'call':
        return this.leader?.serve(message)
      case 'answer': {
        const call = message.to === this.tabId ? this.calls.take(message.id) : undefined
        const { outcome } = message
        return outcome.ok ? call?.resolve(outcome.value) : call?.reject(arrived(outcome.error))
      }
      case 'event':
        return message.leader === this.following ? this.emit(message.event) : undefined
    }
  }

  private follow(leader: string, self: SelfSnapshot): void {
    if (this.following === leader) return
    this.following = leader
    if (this.isOpen) return this.attended(self)
    this.last = self
    void mayBeOf(this.options.token, self.userId).then((isSame) => {
      if (this.isOpen) return
      if (isSame) return this.attended(this.last)
      const detail = `the storage belongs to ${self.userId}, the token to somebody else`
      this.opening.reject(new SottoClientError('invalid_option', detail))
    })
  }

  /** The page stops running: others must not wait for it. */
  private sleep(): void {
    if (this.sleeping !== undefined || this.closing !== undefined) return
    this.sleeping = Promise.withResolvers()
    this.following = undefined
    this.turn.abort()
    this.leader?.drop()
  }

  private wake(): void {
    const { sleeping } = this
    if (sleeping === undefined) return
    this.sleeping = undefined
    sleeping.resolve()
    this.post({ kind: 'hello' })
  }

  /** It had its turn and could not lead: what waits cannot be answered, others may be luckier. */
  private failed(error: unknown): void {
    const detail = `this tab could not take over: ${crossed(error).message}`
    this.calls.fail(error)
    this.emit({ type: 'error', incident: { kind: 'background_failed', conversationId: undefined, userId: undefined, detail } })
  }

  private post(message: TabMessage): void {
    this.channel.postMessage(pack(message))
  }

  private emit(event: CoreEvent): void {
    if (event.type === 'state') this.last = { ...this.last, state: event.state }
    for (const listener of this.listeners) listener(event)
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, delayMs)
    signal.addEventListener('abort', done)
  })
}
