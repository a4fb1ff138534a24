const textFrame = 0x81

/** A text frame as a string of bytes (latin1): header and UTF-8 payload, to be joined with others and written as `latin1`. */
export function frameText(json: string): string {
  const length = Buffer.byteLength(json)
  const bytes = length === json.length ? json : Buffer.from(json).toString('latin1')
  return header(length) + bytes
}

/** The same as a buffer. */
export function frameBytes(json: string): Buffer {
  return Buffer.from(frameText(json), 'latin1')
}

function header(length: number): string {
  if (length < 126) return String.fromCharCode(textFrame, length)
  if (length < 65_536) return String.fromCharCode(textFrame, 126, length >> 8, length & 255)
  return String.fromCharCode(textFrame, 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255)
}
