import type { Limits } from '@sotto/protocol'
import { closeCodes, SottoError } from '@sotto/protocol'
import type { Bus } from '../bus/bus.ts'
import type { Caller } from '../caller.ts'
import type { Clock } from '../clock.ts'
import type { Device, Item, Store, Subscription } from '../store/store.ts'
import { goneFrame, ownFrame } from './feed-frames.ts'
import { closesFor } from './group-news.ts'
import type { DeviceListener, Hub, Listener } from './hub.ts'
import type { Registered, Sessions } from './sessions.ts'
import { closedAt, nextStep } from './subscription-windows.ts'

export interface PollParts {
  readonly store: Store
  readonly bus: Bus
  readonly hub: Hub
  readonly sessions: Sessions
  readonly clock: Clock
  readonly limits: Limits
}

export interface Polled {
  readonly frames: readonly Buffer[]
  /** There is more that the page had no room for. */
  readonly more: boolean
}

/**
 * The reliable stream without a socket (`GET /messages`): everything unacknowledged, in pages; waits up to `waitMs` for
 * something to come. It is the device's reliable session while it lasts: sockets are closed, and a newer session ends it.
 */
export async function poll(
  parts: PollParts,
  caller: Pick<Caller, 'userId' | 'deviceId' | 'signal'>,
  { limit, waitMs }: { readonly limit: number; readonly waitMs: number },
): Promise<Polled> {
  const { store, bus, hub, sessions, clock } = parts
  const { userId, deviceId } = caller
  const device = await store.openDevice({ userId, deviceId, holds: true })
  const wait = new Wait(userId, deviceId, clock.random(9))
  const end = () => wait.end()
  if (caller.signal.aborted) wait.end()
  caller.signal.addEventListener('abort', end, { once: true })
  sessions.add(wait)
  bus.publish({ type: 'replaced', userId, deviceId, session: wait.id })
  const heard: string[] = []
  hub.listenFor(device, wait)
  const timer = setTimeout(end, waitMs)
  try {
    for (;;) {
      wait.isWoken = false
      const subscriptions = await store.subscriptions(device)
      for (const { mailbox } of subscriptions) {
        if (heard.includes(mailbox)) continue
        hub.listen(mailbox, wait)
        heard.push(mailbox)
      }
      const page = await pageOf(parts, device, subscriptions, limit)
      if (page.frames.length > 0 || wait.hasEnded || waitMs === 0) {
        if (wait.refusal !== null) throw wait.refusal
        return page
      }
      await wait.forNews()
    }
  } finally {
    clearTimeout(timer)
    caller.signal.removeEventListener('abort', end)
    sessions.remove(wait)
    hub.unlistenFor(device, wait)
    for (const mailbox of heard) hub.unlisten(mailbox, wait)
  }
}

async function pageOf(
  { store, limits }: PollParts,
  device: Device,
  subscriptions: readonly Subscription[],
  limit: number,
): Promise<Polled> {
  const frames: Buffer[] = []
  let bytes = 0
  for (const { mailbox, kind, cursor, head, windows: known } of subscriptions) {
    let windows = known
    let at = cursor
    while (at < head) {
      if (frames.length >= limit || bytes >= limits.WINDOW_BYTES) return { frames, more: true }
      const step = nextStep(windows, at)
      if (step.do === 'end') break
      if (step.do === 'skip') {
        const to = Math.min(step.to, head)
        frames.push(Buffer.from(goneFrame(mailbox, at + 1, to, 'notMember')))
        at = to
        continue
      }
      const room = { entries: limit - frames.length, bytes: limits.WINDOW_BYTES - bytes }
      const items = await store.read(mailbox, at, room)
      if (items.length === 0) break
      for (const item of items) {
        if (item.seq > step.to) break
        const frame = frameOf(item, step.to, device)
        frames.push(frame)
        bytes += frame.length
        at = 'gone' in item ? Math.min(item.to, step.to) : item.seq
        // A removal since the windows were asked for.
        if (kind === 'group' && !('gone' in item) && closesFor(item, device)) {
          windows = closedAt(windows, at)
          break
        }
      }
    }
  }
  return { frames, more: false }
}

function frameOf(item: Item, windowEnd: number, device: Device): Buffer {
  if ('gone' in item) return Buffer.from(goneFrame(item.mailbox, item.seq, Math.min(item.to, windowEnd), item.gone))
  return item.sender === device.no ? Buffer.from(ownFrame(item)) : item.json
}

/** A poll that waits for news, as the hub and the registry of sessions see it. */
class Wait implements Listener, DeviceListener, Registered {
  readonly userId: string
  readonly deviceId: string
  readonly id: string
  readonly isReliable = true
  isWoken = false
  hasEnded = false
  refusal: SottoError | null = null
  private wake: (() => void) | null = null

  constructor(userId: string, deviceId: string, id: string) {
    this.userId = userId
    this.deviceId = deviceId
    this.id = id
  }

  offer(): void {
    this.isWoken = true
    this.wake?.()
  }

  opened(): void {
    this.offer()
  }

  /** Resolves once something was committed, or nothing will be waited for any more. */
  async forNews(): Promise<void> {
    if (this.isWoken || this.hasEnded) return
    await new Promise<void>((resolve) => {
      this.wake = resolve
    })
    this.wake = null
  }

  end(): void {
    this.hasEnded = true
    this.wake?.()
  }

  revoked(): void {
    this.refusal = new SottoError('device_revoked')
    this.end()
  }

  replaced(): void {
    this.refusal = new SottoError(
      'forbidden',
      `replaced by a newer session of this device (as close code ${closeCodes.replaced})`,
      { close: closeCodes.replaced },
    )
    this.end()
  }

  /** Signals and hints are for sockets. */
  hint(): void {}
}
