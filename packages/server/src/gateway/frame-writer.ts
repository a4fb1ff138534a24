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

/** Pieces of a payload from which on they are written as they are: others may hold them too. */
const sharedBytes = 16 * 1024

/** What waits to be written to one socket: texts and payloads that have no header yet, and frames that have. */
export class Outbox {
  private parts: (string | Buffer | readonly Buffer[])[] = []
  /** Positions of `parts` that are frames already. */
  private framed: Set<number> | null = null
  private bytesMax = 0
  /** Of these, what is written without a copy. */
  private bytesShared = 0

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

  /** A payload in pieces, one behind the other: large ones are not copied. */
  pieces(pieces: readonly Buffer[]): void {
    this.parts.push(pieces)
    this.bytesMax += lengthOf(pieces) + headerBytesMax
    for (const piece of pieces) if (piece.length >= sharedBytes) this.bytesShared += piece.length
  }

  frame(frame: Buffer): void {
    this.framed ??= new Set()
    this.framed.add(this.parts.length)
    this.parts.push(frame)
    this.bytesMax += frame.length
  }

  /** Everything as few chunks: one, but for what is not copied. */
  take(): readonly Buffer[] {
    const { parts, framed, bytesMax, bytesShared } = this
    this.parts = []
    this.framed = null
    this.bytesMax = 0
    this.bytesShared = 0
    const only = parts[0]!
    if (parts.length === 1 && Buffer.isBuffer(only)) return [framed === null ? frameOf(only) : only]
    const chunk = allocate(bytesMax - bytesShared)
    const chunks: Buffer[] = []
    let start = 0
    let at = 0
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!
      if (typeof part === 'string') at = writeText(chunk, at, part)
      else if (Buffer.isBuffer(part)) {
        if (framed === null || !framed.has(i)) at = writeHeader(chunk, at, part.length)
        chunk.set(part, at)
        at += part.length
      } else {
        at = writeHeader(chunk, at, lengthOf(part))
        for (const piece of part) {
          if (piece.length >= sharedBytes) {
            chunks.push(chunk.subarray(start, at), piece)
            start = at
          } else {
            chunk.set(piece, at)
            at += piece.length
          }
        }
      }
    }
    if (at > start) chunks.push(chunk.subarray(start, at))
    return chunks
  }
}

function lengthOf(pieces: readonly Buffer[]): number {
  let length = 0
  for (const piece of pieces) length += piece.length
  return length
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
