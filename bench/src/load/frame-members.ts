export const frameTypes = { other: 0, msg: 1, accepted: 2, own: 3 } as const
export type FrameTypeNo = (typeof frameTypes)[keyof typeof frameTypes]

/** What the load generator needs of a frame. Offsets are into the scanned bytes; -1: the frame has no such member. */
export interface FrameMembers {
  type: FrameTypeNo
  idStart: number
  mailboxStart: number
  mailboxEnd: number
  seq: number
}

export function noMembers(): FrameMembers {
  return { type: frameTypes.other, idStart: -1, mailboxStart: -1, mailboxEnd: -1, seq: -1 }
}

const quote = 0x22
const backslash = 0x5c
const names = {
  type: Buffer.from('type'),
  id: Buffer.from('id'),
  mailbox: Buffer.from('mailbox'),
  seq: Buffer.from('seq'),
}
const hotTypes: readonly (readonly [FrameTypeNo, Buffer])[] = [
  [frameTypes.msg, Buffer.from('msg')],
  [frameTypes.accepted, Buffer.from('accepted')],
  [frameTypes.own, Buffer.from('own')],
]

/**
 * Reads `type`, `id`, `mailbox` and `seq` of a JSON object in whatever order they stand, byte by byte and no further
 * than needed: several times cheaper than JSON.parse. Values that are objects or arrays end the scan (no frame on the
 * hot path has any); the type found so far stands.
 */
export function scanMembers(bytes: Buffer, start: number, end: number, into: FrameMembers): void {
  into.type = frameTypes.other
  into.idStart = -1
  into.mailboxStart = -1
  into.mailboxEnd = -1
  into.seq = -1
  let missing = 4
  let at = start + 1
  while (missing > 0 && at < end && bytes[at] === quote) {
    const name = at + 1
    const nameEnd = stringEnd(bytes, name, end)
    const value = nameEnd + 2
    let valueEnd: number
    if (bytes[value] === quote) {
      valueEnd = stringEnd(bytes, value + 1, end)
      if (isText(bytes, name, nameEnd, names.type)) {
        into.type = typeNo(bytes, value + 1, valueEnd)
        if (into.type === frameTypes.other) return
        missing -= 1
      } else if (isText(bytes, name, nameEnd, names.id)) {
        into.idStart = value + 1
        missing -= 1
      } else if (isText(bytes, name, nameEnd, names.mailbox)) {
        into.mailboxStart = value + 1
        into.mailboxEnd = valueEnd
        missing -= 1
      }
      valueEnd += 1
    } else {
      valueEnd = value
      let number = 0
      for (; valueEnd < end; valueEnd++) {
        const byte = bytes[valueEnd]!
        if (byte === 0x2c || byte === 0x7d) break
        if (byte === 0x7b || byte === 0x5b) return
        number = number * 10 + byte - 0x30
      }
      if (isText(bytes, name, nameEnd, names.seq)) {
        into.seq = number
        missing -= 1
      }
    }
    at = valueEnd + 1
  }
}

/** Whether `bytes[start, end)` is exactly `text`. */
export function isText(bytes: Buffer, start: number, end: number, text: Buffer): boolean {
  const length = text.length
  if (end - start !== length) return false
  for (let i = 0; i < length; i++) if (bytes[start + i] !== text[i]) return false
  return true
}

function typeNo(bytes: Buffer, start: number, end: number): FrameTypeNo {
  for (const [no, text] of hotTypes) if (isText(bytes, start, end, text)) return no
  return frameTypes.other
}

/** The offset of the quote that closes the string whose first character is at `at`. */
function stringEnd(bytes: Buffer, at: number, end: number): number {
  let i = at
  while (i < end) {
    const byte = bytes[i]
    if (byte === quote) return i
    i += byte === backslash ? 2 : 1
  }
  return end
}
