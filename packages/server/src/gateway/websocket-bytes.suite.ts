/** Frames of RFC 6455 as bytes, written and read by hand: for tests, so that they can be wrong in every way. */

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** A frame as it was read. */
export interface WireFrame {
  readonly isFinal: boolean
  /** The three reserved bits. */
  readonly reserved: number
  readonly opcode: number
  readonly isMasked: boolean
  readonly payload: Buffer
}

export interface FrameOptions {
  readonly isFinal?: boolean
  readonly reserved?: number
  readonly opcode?: number
  /** A client masks what it sends; a server must refuse what is not. */
  readonly isMasked?: boolean
  /** In the place of the payload's own length. */
  readonly length?: number | bigint
}

const maskKey = Buffer.from([0x5a, 0x13, 0xc7, 0x88])

/** One frame as a client sends it; by default a whole text. */
export function clientFrame(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { isFinal = true, reserved = 0, opcode = opcodes.text, isMasked = true } = options
  const body = Buffer.from(payload as string)
  const length = BigInt(options.length ?? body.length)
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode
  const head = Buffer.concat([Buffer.from([first]), lengthBytes(length)])
  if (!isMasked) return Buffer.concat([head, body])
  head[1]! |= 0x80
  return Buffer.concat([head, maskKey, body.map((byte, at) => byte ^ maskKey[at % 4]!)])
}

function lengthBytes(length: bigint): Buffer {
  if (length < 126n) return Buffer.from([Number(length)])
  if (length < 65_536n) return Buffer.from([126, Number(length >> 8n), Number(length & 0xffn)])
  const bytes = Buffer.alloc(9, 127)
  bytes.writeBigUInt64BE(length, 1)
  return bytes
}

/** The first frame in the bytes and where it ends; undefined when it is not all there. */
function frameAt(bytes: Buffer, at: number): { readonly frame: WireFrame; readonly end: number } | undefined {
  if (bytes.length < at + 2) return undefined
  const short = bytes[at + 1]! & 0x7f
  const lengthEnd = at + 2 + (short === 126 ? 2 : short === 127 ? 8 : 0)
  if (bytes.length < lengthEnd) return undefined
  const length = short === 126 ? bytes.readUInt16BE(at + 2) : short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short
  const isMasked = (bytes[at + 1]! & 0x80) !== 0
  const start = lengthEnd + (isMasked ? 4 : 0)
  if (bytes.length < start + length) return undefined
  const first = bytes[at]!
  const payload = bytes.subarray(start, start + length)
  const frame = { isFinal: first >= 0x80, reserved: (first >> 4) & 7, opcode: first & 15, isMasked, payload }
  return { frame, end: start + length }
}

/** Every whole frame in the bytes, and what is left over. */
export function framesIn(bytes: Buffer): { readonly frames: WireFrame[]; readonly rest: Buffer } {
  const frames: WireFrame[] = []
  let at = 0
  for (let found = frameAt(bytes, at); found !== undefined; found = frameAt(bytes, at)) {
    frames.push(found.frame)
    at = found.end
  }
  return { frames, rest: bytes.subarray(at) }
}
