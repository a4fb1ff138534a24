/**
 * Client frames with a masking key of zero: valid (RFC 6455 asks for a mask, browsers choose it), and the payload
 * needs no masking on either side, so that neither the generator nor any server under load pays for it.
 */

const textFrame = 0x81
const maskBit = 0x80

/** Bytes that stand before a payload of `length` bytes (below 65,536). */
export function clientHeader(length: number, first: number = textFrame): Buffer {
  if (length > 0xffff) throw new RangeError('a load frame is below 64 KiB')
  return length < 126
    ? Buffer.from([first, maskBit | length, 0, 0, 0, 0])
    : Buffer.from([first, maskBit | 126, length >> 8, length & 255, 0, 0, 0, 0])
}

/** A text frame. */
function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  return Buffer.concat([clientHeader(payload.length), payload])
}

/** `ack` as a latin1 string, which Node.js writes without allocating a buffer. Names and numbers are ASCII. */
export function ackText(mailbox: string, seq: number): string {
  const text = `{"type":"ack","mailbox":"${mailbox}","seq":${seq}}`
  return `\x81${String.fromCharCode(maskBit | text.length)}\0\0\0\0${text}`
}

export interface MessageShape {
  readonly to: string
  readonly scope: 'direct' | 'group'
  readonly ciphertext: string
}

export interface MessageFrame {
  readonly bytes: Buffer
  /** Where the id and the recipient begin. */
  readonly idAt: number
  readonly toAt: number
}

/** A `msg` frame as an SDK sends it. */
export function messageFrame(id: string, { to, scope, ciphertext }: MessageShape): MessageFrame {
  const contentType = 'application/octet-stream'
  const bytes = clientFrame(JSON.stringify({ type: 'msg', id, to, scope, ciphertext, contentType, timestamp: Date.now() }))
  return { bytes, idAt: bytes.indexOf(`"id":"${id}"`) + 6, toAt: bytes.indexOf(`"to":"${to}"`) + 6 }
}
