import type { Duplex } from 'node:stream'
import { type Gathered, onceATick } from '../load/tick.ts'

/** Gathers the frames for a socket and writes them once a tick, in one write. */
export class GatheredStream implements Gathered {
  marked = false
  readonly #stream: Duplex
  #waiting = ''

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  /** A frame as `frameText` makes it. */
  send(frame: string): void {
    this.#waiting += frame
    onceATick(this)
  }

  flush(): void {
    this.#stream.write(this.#waiting, 'latin1')
    this.#waiting = ''
  }
}
