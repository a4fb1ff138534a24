import type { BusEvent } from '../bus/bus.ts'
import { keysLowFrame } from './feed-frames.ts'

/** What the registry knows of a session. */
export interface Registered {
  readonly userId: string
  readonly deviceId: string
  readonly isReliable: boolean
  /** Unique in all processes. */
  readonly id: string
  revoked(): void
  replaced(): void
  /** A frame that may be lost: whoever does not keep up with reading goes without. */
  hint(json: string): void
}

/** The authenticated sessions of this process, by user. */
export class Sessions {
  private readonly byUser = new Map<string, Registered[]>()
  count = 0

  of(userId: string): readonly Registered[] {
    return this.byUser.get(userId) ?? []
  }

  add(session: Registered): void {
    const list = this.byUser.get(session.userId)
    if (list === undefined) this.byUser.set(session.userId, [session])
    else list.push(session)
    this.count++
  }

  remove(session: Registered): void {
    const list = this.byUser.get(session.userId)
    const at = list?.indexOf(session) ?? -1
    if (list === undefined || at < 0) return
    list.splice(at, 1)
    if (list.length === 0) this.byUser.delete(session.userId)
    this.count--
  }

  /** Passes on what the bus says. */
  hear(event: BusEvent): void {
    if (event.type === 'signal') {
      this.signal(event)
      return
    }
    for (const session of [...this.of(event.userId)]) {
      if (event.deviceId !== null && session.deviceId !== event.deviceId) continue
      if (event.type === 'revoked') session.revoked()
      else if (event.type === 'replaced') {
        if (session.isReliable && session.id !== event.session) session.replaced()
      } else session.hint(keysLowFrame(event))
    }
  }

  private signal({ to, frame, from }: Extract<BusEvent, { type: 'signal' }>): void {
    for (const { userId, deviceId } of to) {
      for (const session of this.of(userId)) {
        const isMeant = deviceId === null || session.deviceId === deviceId
        const isSender = userId === from.userId && session.deviceId === from.deviceId
        if (isMeant && !isSender) session.hint(frame)
      }
    }
  }
}
