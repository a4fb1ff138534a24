/** The order of an answer that spans mailboxes: by time, then mailbox, then seq. Within a mailbox it is the order of seqs. */
export interface Position {
  readonly receivedAt: number
  readonly mailbox: string
  readonly seq: number
}

/** Below zero when `a` comes before `b`. */
export function comparePositions(a: Position, b: Position): number {
  if (a.receivedAt !== b.receivedAt) return a.receivedAt - b.receivedAt
  if (a.mailbox !== b.mailbox) return a.mailbox < b.mailbox ? -1 : 1
  return a.seq - b.seq
}

export interface PageLimit {
  readonly entries: number
  readonly bytes: number
}

interface Placed<item> {
  readonly position: Position
  readonly item: item
  readonly bytes: number
}

/**
 * The first entries of many mailboxes, of which each is read in its own order. Holds no more than a page, whatever is
 * offered: what falls out at its end bounds all that may still come in.
 */
export class FirstPage<item> {
  readonly #limit: PageLimit
  readonly #placed: Placed<item>[] = []
  #bytes = 0
  #cut: Position | undefined

  constructor(limit: PageLimit) {
    this.#limit = limit
  }

  /** `false`: neither this nor anything after it belongs to the page. */
  offer(position: Position, item: item, bytes: number): boolean {
    if (this.#cut !== undefined && comparePositions(position, this.#cut) >= 0) return false
    this.#placed.splice(this.#placeOf(position), 0, { position, item, bytes })
    this.#bytes += bytes
    while (this.#isOver()) {
      const last = this.#placed.pop() as Placed<item>
      this.#bytes -= last.bytes
      this.#cut = last.position
    }
    return true
  }

  get items(): readonly item[] {
    return this.#placed.map(({ item }) => item)
  }

  /** The last position of the page, when there is more after it. */
  get end(): Position | undefined {
    return this.#cut === undefined ? undefined : this.#placed.at(-1)?.position
  }

  /** One entry is always let in, however large, so that every page makes progress. */
  #isOver(): boolean {
    const { length } = this.#placed
    return length > this.#limit.entries || (length > 1 && this.#bytes > this.#limit.bytes)
  }

  #placeOf(position: Position): number {
    let low = 0
    let high = this.#placed.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (comparePositions((this.#placed[middle] as Placed<item>).position, position) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
