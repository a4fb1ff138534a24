import { lastSeqOf } from './received.ts'
import type { Timers } from './timers.ts'
import type { EntryFrame } from './transport.ts'

export interface Ack {
  readonly mailbox: string
  readonly seq: number
}

/** Acks of one request. */
export const acksMax = 1_000
/** How long acks are gathered, and how many calls at most. */
const gatherMs = 5
const gatherMax = 64
/** Mailboxes that are remembered. What is forgotten may come again, which the reader notices. */
const mailboxesMax = 4_096

/** What the device has stored: the highest seq of each mailbox, told once more on each new connection. */
export class Acks {
  /** Called after each `ack`. */
  heard: () => void = () => {}
  readonly #timers: Timers
  /** In the order of their last change. */
  readonly #known = new Map<string, number>()
  readonly #pending = new Set<string>()
  #send: ((acks: readonly Ack[]) => void) | undefined
  #gathered = 0
  #cancel: (() => void) | undefined

  constructor(timers: Timers) {
    this.#timers = timers
  }

  ack(mailbox: string, seq: number): void {
    const known = this.#known.get(mailbox)
    if (known === undefined || seq > known) {
      this.#known.delete(mailbox)
      this.#known.set(mailbox, seq)
      this.#note(mailbox)
      if (this.#known.size > mailboxesMax) this.#forgetOldest()
    }
    this.heard()
  }

  /** Whether an entry was acknowledged before. Then the server has not heard of it, and is told again. */
  covers(entry: EntryFrame): boolean {
    const known = this.#known.get(entry.mailbox)
    if (known === undefined || lastSeqOf(entry) > known) return false
    this.#note(entry.mailbox)
    return true
  }

  has(mailbox: string, seq: number): boolean {
    return (this.#known.get(mailbox) ?? 0) >= seq
  }

  /** A new connection: everything is told again, and from now on what comes. */
  attach(send: (acks: readonly Ack[]) => void): void {
    this.again()
    this.#send = send
    this.flush()
  }

  detach(): void {
    this.#send = undefined
    this.#stopGathering()
  }

  again(): void {
    for (const mailbox of this.#known.keys()) this.#pending.add(mailbox)
  }

  flush(): void {
    const send = this.#send
    if (send === undefined) return
    const acks = this.take()
    if (acks.length > 0) send(acks)
  }

  /** What has not been told on this connection; it counts as told from now on. */
  take(): Ack[] {
    this.#stopGathering()
    const acks: Ack[] = []
    for (const mailbox of this.#pending) {
      const seq = this.#known.get(mailbox)
      if (seq !== undefined) acks.push({ mailbox, seq })
    }
    this.#pending.clear()
    return acks
  }

  /** The server refuses it for good, for a group that the device has left perhaps. */
  forget({ mailbox, seq }: Ack): void {
    if (this.#known.get(mailbox) === seq) this.#known.delete(mailbox)
  }

  #note(mailbox: string): void {
    this.#pending.add(mailbox)
    if (this.#send === undefined) return
    this.#gathered += 1
    if (this.#gathered >= gatherMax) this.flush()
    else this.#cancel ??= this.#timers.after(gatherMs, () => this.flush())
  }

  #stopGathering(): void {
    this.#gathered = 0
    this.#cancel?.()
    this.#cancel = undefined
  }

  #forgetOldest(): void {
    for (const mailbox of this.#known.keys()) {
      this.#known.delete(mailbox)
      this.#pending.delete(mailbox)
      return
    }
  }
}
