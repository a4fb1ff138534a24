/**
 * Message ids that look like UUIDs to the server (36 characters, the first ones scattered as random ids are) and
 * carry the sender's stream and a counter for us: `mmmmmmmm-ssss-4rrr-8rrr-rrrrcccccccc`, where m is the counter
 * mixed, s the stream, r the salt of the run, c the counter.
 */

export const idLength = 36

const hexDigits = Buffer.from('0123456789abcdef')
const streamAt = 9
const counterAt = 28

/** Template of a stream's ids. `salt`: 10 hexadecimal digits, fresh for each run; `stream` below 65,536. */
export function idTemplate(salt: string, stream: number): string {
  const s = stream.toString(16).padStart(4, '0')
  return `00000000-${s}-4${salt.slice(0, 3)}-8${salt.slice(3, 6)}-${salt.slice(6, 10)}00000000`
}

/** Writes the counter into the id that begins at `at`. */
export function stampId(bytes: Buffer, at: number, counter: number, stream: number): void {
  writeHex8(bytes, at, mix(counter, stream))
  writeHex8(bytes, at + counterAt, counter)
}

export function counterOfId(bytes: Buffer, at: number): number {
  return readHex(bytes, at + counterAt, 8)
}

export function streamOfId(bytes: Buffer, at: number): number {
  return readHex(bytes, at + streamAt, 4)
}

/** One to one for each stream, and without visible order. */
function mix(counter: number, stream: number): number {
  let x = Math.imul(counter ^ Math.imul(stream + 1, 0x85ebca6b), 0x9e3779b1)
  x ^= x >>> 15
  return Math.imul(x, 0x2c1b3c6d) >>> 0
}

function writeHex8(bytes: Buffer, at: number, value: number): void {
  for (let i = 0; i < 8; i++) bytes[at + i] = hexDigits[(value >>> (28 - 4 * i)) & 15]!
}

function readHex(bytes: Buffer, at: number, digits: number): number {
  let value = 0
  for (let i = 0; i < digits; i++) {
    const byte = bytes[at + i]!
    value = value * 16 + (byte > 0x39 ? byte - 0x57 : byte - 0x30)
  }
  return value
}
