import type { Entry, Subscription, Window } from '../store/store.ts'
import type { Listener } from './hub.ts'
import { closedAt } from './subscription-windows.ts'
import type { Load } from './window.ts'

/** The feed that a source belongs to. */
export interface Offered {
  offered(source: Source, entry: Entry, framed: Buffer | null): void
}

/** One mailbox of a feed. */
export class Source implements Listener {
  readonly mailbox: string
  readonly kind: Subscription['kind']
  /** The last seq that was sent, or need not be. */
  position: number
  /** The last seq known to exist. */
  head: number
  readonly backlogTo: number
  windows: readonly Window[]
  /** The seq of the device mailbox up to which that must have been sent before anything of this one is; 0: none. */
  after: number
  /** Nothing but the future lies between the position and the end of the window. */
  isOpen: boolean
  isReading = false
  hasEnded = false
  readonly load: Load = { entries: 0, bytes: 0 }
  /** What the next entry needs; 0: not known. */
  nextBytes = 0
  /** Where the log said that the user was removed; 0: nowhere yet. */
  private removal = 0
  private readonly feed: Offered
  /** Sent and unacknowledged: seq and bytes in turn; the first `heldFrom` numbers are spent. */
  private held: number[] = []
  private heldFrom = 0

  constructor(feed: Offered, { mailbox, kind, cursor, head, windows, after }: Subscription) {
    this.feed = feed
    this.mailbox = mailbox
    this.kind = kind
    this.position = cursor
    this.head = head
    this.backlogTo = head
    this.windows = windows
    this.after = after
    this.isOpen = isOpenAt(windows, cursor)
  }

  get isBehind(): boolean {
    return this.position < this.head && !this.hasEnded
  }

  offer(entry: Entry, framed: Buffer | null): void {
    this.feed.offered(this, entry, framed)
  }

  /** Everything up to `seq` was sent, or need not be. */
  moveTo(seq: number): void {
    this.position = seq
    this.nextBytes = 0
    if (!this.isOpen) this.isOpen = !this.hasEnded && isOpenAt(this.windows, seq)
  }

  setWindows(windows: readonly Window[]): void {
    // The store may have answered before the removal that was read meanwhile.
    this.windows = closedAt(windows, this.removal)
    this.isOpen = isOpenAt(this.windows, this.position)
    this.hasEnded = false
  }

  /** The log says that the user was removed at `seq`. */
  closeAt(seq: number): void {
    this.removal = seq
    this.setWindows(this.windows)
  }

  end(): void {
    this.hasEnded = true
    this.isOpen = false
  }

  /** An entry was sent and waits for its acknowledgement. */
  hold(seq: number, bytes: number, session: Load): void {
    this.held.push(seq, bytes)
    this.load.entries++
    this.load.bytes += bytes
    session.entries++
    session.bytes += bytes
  }

  /** Everything up to `seq` was acknowledged. */
  release(seq: number, session: Load): void {
    const { held } = this
    let at = this.heldFrom
    while (at < held.length && held[at]! <= seq) {
      const bytes = held[at + 1]!
      this.load.entries--
      this.load.bytes -= bytes
      session.entries--
      session.bytes -= bytes
      at += 2
    }
    if (at === held.length) {
      this.held = []
      this.heldFrom = 0
    } else this.heldFrom = at
  }
}

function isOpenAt(windows: readonly Window[], position: number): boolean {
  const last = windows.at(-1)
  return last !== undefined && last.to === Number.POSITIVE_INFINITY && position >= last.from
}
