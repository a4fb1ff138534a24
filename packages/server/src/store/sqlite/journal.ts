import { hash } from 'node:crypto'

/**
 * The journal's records: what a commit appended, packed one after another, little-endian.
 *
 * `u32 length (of all that follows), u8 kind, u8 id bytes, u8 device bytes, u8 0, u32 mailbox, u32 seq, u32 sender,
 *  f64 receivedAt, f64 expiresAt (0: with the retention), f64 expiresInMs, u32 digest part (bytes from the end of json),
 *  id, device, json`
 */
export interface JournalRecord {
  readonly kind: number
  readonly mailbox: number
  readonly seq: number
  readonly sender: number
  readonly receivedAt: number
  readonly expiresAt: number
  readonly expiresInMs: number
  /** How many bytes at the end of `json` a resend must repeat. */
  readonly digestBytes: number
  /** The sender's message id; empty: the entry is the server's own. */
  readonly id: string
  /** The one device that the message was narrowed to, or empty. */
  readonly device: string
  readonly json: Buffer
}

const recordHeaderBytes = 48
const lengthBytes = 4

/** The most bytes that a record with these texts can need. */
export function recordBytesMax(id: string, device: string, text: string): number {
  return recordHeaderBytes + 3 * (id.length + device.length + text.length)
}

export interface RecordHeader {
  readonly kind: number
  readonly mailbox: number
  readonly seq: number
  readonly sender: number
  readonly receivedAt: number
  readonly expiresAt: number
  readonly expiresInMs: number
  readonly id: string
  readonly device: string
}

/**
 * Writes a record at `offset`, with `text` as its json. `digestText` is the end of `text` that a resend must repeat.
 * Returns where the json begins; it ends where `endOfRecord` says.
 */
export function writeRecord(
  to: Buffer,
  view: DataView,
  offset: number,
  header: RecordHeader,
  text: string,
  digestLength: number,
): number {
  let end = offset + recordHeaderBytes
  const idBytes = header.id === '' ? 0 : to.write(header.id, end)
  end += idBytes
  const deviceBytes = header.device === '' ? 0 : to.write(header.device, end)
  end += deviceBytes
  const jsonBytes = to.write(text, end)
  const jsonAt = end
  end += jsonBytes
  const ascii = jsonBytes === text.length
  view.setUint32(offset, end - offset - lengthBytes, true)
  view.setUint32(offset + 4, header.kind | (idBytes << 8) | (deviceBytes << 16), true)
  view.setUint32(offset + 8, header.mailbox, true)
  view.setUint32(offset + 12, header.seq, true)
  view.setUint32(offset + 16, header.sender, true)
  view.setFloat64(offset + 20, header.receivedAt, true)
  view.setFloat64(offset + 28, header.expiresAt, true)
  view.setFloat64(offset + 36, header.expiresInMs, true)
  view.setUint32(offset + 44, ascii ? digestLength : Buffer.byteLength(text.slice(text.length - digestLength)), true)
  return jsonAt
}

/** Where the record at `offset` ends. */
export function endOfRecord(view: DataView, offset: number): number {
  return offset + lengthBytes + view.getUint32(offset, true)
}

/** Reads the record at `offset`; its json is a view, not a copy. */
function readRecord(from: Buffer, view: DataView, offset: number): JournalRecord {
  const packed = view.getUint32(offset + 4, true)
  const idAt = offset + recordHeaderBytes
  const deviceAt = idAt + ((packed >>> 8) & 0xff)
  const jsonAt = deviceAt + ((packed >>> 16) & 0xff)
  return {
    kind: packed & 0xff,
    mailbox: view.getUint32(offset + 8, true),
    seq: view.getUint32(offset + 12, true),
    sender: view.getUint32(offset + 16, true),
    receivedAt: view.getFloat64(offset + 20, true),
    expiresAt: view.getFloat64(offset + 28, true),
    expiresInMs: view.getFloat64(offset + 36, true),
    digestBytes: view.getUint32(offset + 44, true),
    id: idAt === deviceAt ? '' : from.toString('utf8', idAt, deviceAt),
    device: deviceAt === jsonAt ? '' : from.toString('utf8', deviceAt, jsonAt),
    json: from.subarray(jsonAt, endOfRecord(view, offset)),
  }
}

/** Every record of a journal row, in order. */
export function recordsOf(data: Uint8Array): JournalRecord[] {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const records: JournalRecord[] = []
  for (let offset = 0; offset < buffer.length; offset = endOfRecord(view, offset)) records.push(readRecord(buffer, view, offset))
  return records
}

const digestBytesKept = 16

/**
 * The digest that tells a resend from another message under the same id (docs/socket.md): 128 bits of SHA-256.
 * @param content in the message's own bytes; it begins with its recipient, so that no content is a prefixed digest.
 */
export function contentDigest(device: string, expiresInMs: number, content: Uint8Array | string): Buffer {
  // One call of a one-shot hash for nearly every message: three times as fast as a stream of parts.
  let digest = hash('sha256', content, 'binary')
  if (device !== '' || expiresInMs !== 0) digest = hash('sha256', `${device}\n${expiresInMs}\n${digest}`, 'binary')
  return Buffer.from(digest.slice(0, digestBytesKept), 'binary')
}
