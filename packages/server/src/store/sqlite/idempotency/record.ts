/**
 * A record as it is stored: key, digest, mailboxNo (u32), seq (u32), receivedAt (f64), numbers little-endian, 48 bytes.
 */
export const recordBytes = 48
export const recordWords = recordBytes / 4
export const keyBytes = 16
const digestBytes = 16
const digestAt = 16
const mailboxNoAt = 32
const seqAt = 36
const receivedAtAt = 40

/** What was answered to a message the first time. */
export interface FirstAnswer {
  /** 16 bytes over the content, made by the caller: tells a resend from another message with the same id. */
  readonly digest: Uint8Array
  readonly mailboxNo: number
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

export interface IdempotencyRecord extends FirstAnswer {
  /** 16 bytes: `idempotencyKey`. */
  readonly key: Uint8Array
}

/** Packs a record at a byte offset. Throws RangeError when a member does not fit. */
export function writeRecord(target: Buffer, offset: number, record: IdempotencyRecord): void {
  if (record.key.length !== keyBytes || record.digest.length !== digestBytes) {
    throw new RangeError('the key and the digest of a record are 16 bytes each')
  }
  target.set(record.key, offset)
  target.set(record.digest, offset + digestAt)
  target.writeUInt32LE(record.mailboxNo, offset + mailboxNoAt)
  target.writeUInt32LE(record.seq, offset + seqAt)
  target.writeDoubleLE(record.receivedAt, offset + receivedAtAt)
}

/** Packs records one after the other, as `addRun` takes them. */
export function packRecords(records: readonly IdempotencyRecord[]): Buffer {
  const packed = Buffer.allocUnsafeSlow(records.length * recordBytes)
  records.forEach((record, i) => {
    writeRecord(packed, i * recordBytes, record)
  })
  return packed
}

/** The answer in the record at a byte offset: a copy. */
export function readAnswer(records: Uint8Array, offset: number): FirstAnswer {
  const view = viewOf(records)
  return {
    digest: new Uint8Array(records.subarray(offset + digestAt, offset + digestAt + digestBytes)),
    mailboxNo: view.getUint32(offset + mailboxNoAt, true),
    seq: view.getUint32(offset + seqAt, true),
    receivedAt: receivedAtOf(view, offset),
  }
}

export function receivedAtOf(records: DataView, offset: number): number {
  return records.getFloat64(offset + receivedAtAt, true)
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The same bytes as words, for fast copies; a copy when they do not lie on a word boundary. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2)
}

/** The first 48 bits of a key as a number: two keys that differ in it are ordered by it. */
export function keyHead(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!) * 0x1000000
  return high + ((bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!)
}

/** Negative, zero or positive, as the key at `a[aAt]` is below, equal to or above the key at `b[bAt]`. */
export function compareKeys(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let i = 0; i < keyBytes; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!
    if (difference !== 0) return difference
  }
  return 0
}

/** The byte offset of the record with this key among records ascending by key; -1 when there is none. */
export function findRecord(records: Uint8Array, key: Uint8Array): number {
  let low = 0
  let high = records.length / recordBytes - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const order = compareKeys(records, middle * recordBytes, key, 0)
    if (order === 0) return middle * recordBytes
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return -1
}
