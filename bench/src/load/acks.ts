import { ackText } from './client-frames.ts'
import { isText } from './frame-members.ts'
import type { LoadSocket } from './socket.ts'
import { type Gathered, onceATick } from './tick.ts'

/** When a receiver acknowledges: after so many entries, or so long after the first of fewer. */
export interface AckPolicy {
  readonly entries: number
  readonly afterMs: number
}

interface Position {
  readonly mailbox: string
  readonly bytes: Buffer
  seq: number
  acked: number
}

/** What one device has received and acknowledged. Fails on a seq that does not follow its predecessor in the mailbox. */
export class Acks implements Gathered {
  marked = false
  readonly #socket: LoadSocket
  readonly #entries: number
  readonly #positions = new Map<string, Position>()
  #last: Position | undefined
  #pending = 0

  constructor(socket: LoadSocket, entries: number) {
    this.#socket = socket
    this.#entries = entries
  }

  /** Notes an entry of the mailbox named by `bytes[start, end)`. */
  received(bytes: Buffer, start: number, end: number, seq: number): void {
    let position = this.#last
    if (position === undefined || !isText(bytes, start, end, position.bytes)) {
      position = this.#find(bytes.toString('latin1', start, end), seq)
      this.#last = position
    }
    if (seq !== position.seq + 1) throw new Error(`seq ${seq} came after ${position.seq} in mailbox ${position.mailbox}`)
    position.seq = seq
    this.#pending += 1
    if (this.#pending >= this.#entries) onceATick(this)
  }

  /** Acknowledges what is left, however little. */
  settle(): void {
    if (this.#pending > 0) onceATick(this)
  }

  flush(): void {
    let text = ''
    for (const position of this.#positions.values()) {
      if (position.seq === position.acked) continue
      position.acked = position.seq
      text += ackText(position.mailbox, position.seq)
    }
    this.#pending = 0
    if (text !== '') this.#socket.writeLatin1(text)
  }

  /** A mailbox begins wherever its first entry is. */
  #find(mailbox: string, seq: number): Position {
    const known = this.#positions.get(mailbox)
    if (known !== undefined) return known
    const position = { mailbox, bytes: Buffer.from(mailbox), seq: seq - 1, acked: seq - 1 }
    this.#positions.set(mailbox, position)
    return position
  }
}

/** Acknowledges leftovers of all devices every `afterMs`. Returns what ends it. */
export function settleEvery(afterMs: number, all: readonly Acks[]): () => void {
  const timer = setInterval(() => {
    for (const acks of all) acks.settle()
  }, afterMs)
  return () => clearInterval(timer)
}
