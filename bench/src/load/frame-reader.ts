/** Where a WebSocket frame's payload lies: `bytes[start, end)`, valid only during the call. */
export type FrameSink = (opcode: number, bytes: Buffer, start: number, end: number) => void

export const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const

/**
 * Cuts a stream of a server's frames (RFC 6455: unmasked) into frames, without copying those that arrive whole.
 * Throws on what the server never sends: masked, fragmented or oversized frames.
 */
export class FrameReader {
  #rest: Buffer | undefined

  /** `bytes[0, length)` is what has arrived; the reader keeps no reference to it. */
  push(bytes: Buffer, length: number, sink: FrameSink): void {
    let from = bytes
    let end = length
    if (this.#rest !== undefined) {
      from = Buffer.concat([this.#rest, bytes.subarray(0, length)])
      end = from.length
      this.#rest = undefined
    }
    const consumed = cut(from, end, sink)
    if (consumed < end) this.#rest = Buffer.from(from.subarray(consumed, end))
  }
}

/** The offset of the first byte that belongs to no complete frame. */
function cut(bytes: Buffer, end: number, sink: FrameSink): number {
  let at = 0
  while (at + 2 <= end) {
    const first = bytes[at]!
    const second = bytes[at + 1]!
    if ((first & 0xf0) !== 0x80 || second > 127) throw new Error('a fragmented, compressed or masked frame from the server')
    let length = second
    let payload = at + 2
    if (second === 126) {
      payload = at + 4
      if (payload > end) return at
      length = (bytes[at + 2]! << 8) | bytes[at + 3]!
    } else if (second === 127) {
      payload = at + 10
      if (payload > end) return at
      if (bytes.readUInt32BE(at + 2) !== 0) throw new Error('a frame of more than 4 GiB from the server')
      length = bytes.readUInt32BE(at + 6)
    }
    const next = payload + length
    if (next > end) return at
    sink(first & 0x0f, bytes, payload, next)
    at = next
  }
  return at
}
