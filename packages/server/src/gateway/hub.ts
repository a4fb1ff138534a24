import type { Entry } from '../store/store.ts'
import { frameOf } from './frame-writer.ts'

/** Somebody who reads a mailbox. */
export interface Listener {
  /** An entry was committed. `framed`: it stands ready to be written, because several will. */
  offer(entry: Entry, framed: Buffer | null): void
}

/** Receivers from which on a frame is built once for all. */
const sharedFrom = 4

/** Who reads which mailbox in this process: where committed entries wake their readers. */
export class Hub {
  private readonly listeners = new Map<string, Listener[]>()

  listen(mailbox: string, listener: Listener): void {
    const list = this.listeners.get(mailbox)
    if (list === undefined) this.listeners.set(mailbox, [listener])
    else list.push(listener)
  }

  unlisten(mailbox: string, listener: Listener): void {
    const list = this.listeners.get(mailbox)
    const at = list?.indexOf(listener) ?? -1
    if (list === undefined || at < 0) return
    if (list.length === 1) this.listeners.delete(mailbox)
    else {
      // The order of listeners means nothing.
      list[at] = list.at(-1)!
      list.pop()
    }
  }

  /** Offers committed entries, in order. */
  wake(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const list = this.listeners.get(entry.mailbox)
      if (list === undefined) continue
      const framed = list.length >= sharedFrom ? frameOf(entry.json) : null
      // A listener may leave while it is offered something.
      for (let i = list.length - 1; i >= 0; i--) list[i]?.offer(entry, framed)
    }
  }
}
