/** Text frames from server to client: unmasked, never fragmented (RFC 6455 section 5.2). */

const textFrame = 0x81
const headerBytesMax = 10

/** Writes the header of a text frame and returns its end. */
function writeHeader(to: Buffer, at: number, length: number): number {
  to[at] = textFrame
  if (length < 126) {
    to[at + 1] = length
    return at + 2
  }
  if (length < 65_536) {
    to[at + 1] = 126
    to[at + 2] = length >>> 8
    to[at + 3] = length & 0xff
    return at + 4
  }
  to[at + 1] = 127
  to.writeUInt32BE(0, at + 2)
  to.writeUInt32BE(length, at + 6)
  return at + 10
}

function headerBytes(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10
}

const slabBytes = 64 * 1024

/** Where chunks are cut from: few large pieces of memory instead of many small ones. Far smaller than a window, which a chunk that nobody reads may pin. */
let slab = Buffer.allocUnsafeSlow(slabBytes)
let slabUsed = 0

function allocate(bytes: number): Buffer {
  if (bytes > slabBytes / 4) return Buffer.allocUnsafeSlow(bytes)
  if (slabUsed + bytes > slabBytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes)
    slabUsed = 0
  }
  const start = slabUsed
  slabUsed += bytes
  return slab.subarray(start, slabUsed)
}

/** A payload as one frame, ready to be written to any number of sockets. */
export function frameOf(payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes(payload.length) + payload.length)
  frame.set(payload, writeHeader(frame, 0, payload.length))
  return frame
}

/** What waits to be written to one socket: texts and payloads that have no header yet, and frames that have. */
export class Outbox {
  private parts: (string | Buffer)[] = []
  /** Positions of `parts` that are frames already. */
  private framed: Set<number> | null = null
  private bytesMax = 0

  get isEmpty(): boolean {
    return this.parts.length === 0
  }

  /** At most so many bytes wait. */
  get bytes(): number {
    return this.bytesMax
  }

  text(text: string): void {
    this.parts.push(text)
    this.bytesMax += Buffer.byteLength(text) + headerBytesMax
  }

  payload(payload: Buffer): void {
    this.parts.push(payload)
    this.bytesMax += payload.length + headerBytesMax
  }

  frame(frame: Buffer): void {
    this.framed ??= new Set()
    this.framed.add(this.parts.length)
    this.parts.push(frame)
    this.bytesMax += frame.length
  }

  /** Everything as one chunk; a single shared frame is not copied. */
  take(): Buffer {
    const { parts, framed, bytesMax } = this
    this.parts = []
    this.framed = null
    this.bytesMax = 0
    const only = parts[0]!
    if (parts.length === 1 && typeof only !== 'string') return framed === null ? frameOf(only) : only
    const chunk = allocate(bytesMax)
    let at = 0
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!
      if (typeof part === 'string') at = writeText(chunk, at, part)
      else {
        if (framed === null || !framed.has(i)) at = writeHeader(chunk, at, part.length)
        chunk.set(part, at)
        at += part.length
      }
    }
    return chunk.subarray(0, at)
  }
}

function writeText(to: Buffer, at: number, text: string): number {
  // Nearly every text is ASCII: its length is known before it is written.
  const start = at + headerBytes(text.length)
  const length = to.write(text, start)
  if (length === text.length) {
    writeHeader(to, at, length)
    return start + length
  }
  const moved = at + headerBytes(length)
  if (moved !== start) to.copyWithin(moved, start, start + length)
  writeHeader(to, at, length)
  return moved + length
}
