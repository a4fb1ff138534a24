import { type MessageShape, messageFrame } from './client-frames.ts'
import { idTemplate, stampId } from './message-id.ts'
import type { LoadSocket } from './socket.ts'
import { type Gathered, onceATick } from './tick.ts'

export interface OutboxShape extends MessageShape {
  /** Messages that may be in flight: as many frames are built beforehand, and only their ids change. */
  readonly depth: number
  readonly salt: string
  readonly stream: number
}

/**
 * A sender's frames: a ring of `depth` in one buffer, written from where they lie, those of one turn in one write.
 * A slot is used again only after its message is complete, so no byte changes while it is being sent.
 */
export class Outbox implements Gathered {
  marked = false
  /** Messages sent so far; also the counter that the next one's id carries. */
  sent = 0
  readonly #socket: LoadSocket
  readonly #frames: Buffer
  readonly #frameBytes: number
  readonly #depth: number
  readonly #stream: number
  readonly #idAt: number
  readonly #toAt: number
  #flushed = 0

  constructor(socket: LoadSocket, shape: OutboxShape) {
    const frame = messageFrame(idTemplate(shape.salt, shape.stream), shape)
    this.#socket = socket
    this.#depth = shape.depth
    this.#stream = shape.stream
    this.#frameBytes = frame.bytes.length
    this.#idAt = frame.idAt
    this.#toAt = frame.toAt
    this.#frames = Buffer.allocUnsafeSlow(this.#frameBytes * shape.depth)
    for (let slot = 0; slot < shape.depth; slot++) frame.bytes.copy(this.#frames, slot * this.#frameBytes)
  }

  /** Sends the next message, to `to` if given (of the same length as the first). The caller keeps to the depth. */
  send(to?: string): void {
    const at = (this.sent % this.#depth) * this.#frameBytes
    stampId(this.#frames, at + this.#idAt, this.sent, this.#stream)
    if (to !== undefined) this.#frames.write(to, at + this.#toAt, 'latin1')
    this.sent += 1
    onceATick(this)
  }

  flush(): void {
    const count = this.sent - this.#flushed
    const slot = this.#flushed % this.#depth
    const toEnd = Math.min(count, this.#depth - slot)
    const first = this.#run(slot, slot + toEnd)
    if (toEnd === count) this.#socket.write(first)
    else this.#socket.writeTwo(first, this.#run(0, count - toEnd))
    this.#flushed = this.sent
  }

  #run(from: number, to: number): Buffer {
    return this.#frames.subarray(from * this.#frameBytes, to * this.#frameBytes)
  }
}
