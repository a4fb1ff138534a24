/**
 * A Bloom filter in lines of 64 bytes: one key touches one line, hence one cache line a check.
 *
 * The leading 32 bits of a key choose the line, in the order of the keys: a writer that adds ascending keys completes the
 * filter from front to back. The remaining 96 bits choose the bits in the line, the same ones in every filter, so that
 * one key is prepared once for all runs. Keys must be uniform, as hashes are.
 */
export const filterLineBytes = 64
const headsPerKey = 2 ** 32

/**
 * Bytes of the filter of so many records. Small runs get more bits: they are many and cost little, and the share of
 * false answers of all runs adds up. Of absent keys about 0.01 % (24 bits), 0.03 %, 0.1 %, 0.4 % (12 bits) pass.
 */
export function filterBytesFor(records: number): number {
  const bitsPerRecord = records <= 2 ** 16 ? 24 : records <= 2 ** 19 ? 20 : records <= 2 ** 22 ? 16 : 12
  return Math.max(1, Math.ceil((records * bitsPerRecord) / 8 / filterLineBytes)) * filterLineBytes
}

/** Lines by the head of a key: multiply, then cut off the fraction. */
export function filterScale(filterBytes: number): number {
  return filterBytes / filterLineBytes / headsPerKey
}

/** The offset of the line that a key touches. */
export function lineOffset(scale: number, keys: Uint8Array, at: number): number {
  return ((word(keys, at) * scale) | 0) * filterLineBytes
}

/** Adds the key at an offset of `keys`. */
export function addToFilter(filter: Uint8Array, scale: number, keys: Uint8Array, at: number): void {
  const line = lineOffset(scale, keys, at)
  for (let i = 4; i < 16; i += 4) {
    const bits = word(keys, at + i)
    setBit(filter, line, bits & 511)
    setBit(filter, line, (bits >>> 9) & 511)
    if (i < 12) setBit(filter, line, (bits >>> 18) & 511)
  }
}

function setBit(filter: Uint8Array, line: number, bit: number): void {
  filter[line + (bit >>> 3)]! |= 1 << (bit & 7)
}

/** The index of the first filter, `from` onwards, that may hold the key; -1 when none does. `scales` go with `filters`. */
export function firstSuspect(filters: readonly Uint8Array[], scales: Float64Array, key: Uint8Array, from: number): number {
  const head = word(key, 0)
  const a = word(key, 4)
  const b = word(key, 8)
  const c = word(key, 12)
  // Bytes in the line and bits in the byte, of the eight bits that addToFilter sets.
  const byte0 = (a >>> 3) & 63
  const byte1 = (a >>> 12) & 63
  const byte2 = (a >>> 21) & 63
  const byte3 = (b >>> 3) & 63
  const byte4 = (b >>> 12) & 63
  const byte5 = (b >>> 21) & 63
  const byte6 = (c >>> 3) & 63
  const byte7 = (c >>> 12) & 63
  const bit0 = a & 7
  const bit1 = (a >>> 9) & 7
  const bit2 = (a >>> 18) & 7
  const bit3 = b & 7
  const bit4 = (b >>> 9) & 7
  const bit5 = (b >>> 18) & 7
  const bit6 = c & 7
  const bit7 = (c >>> 9) & 7
  for (let i = from; i < filters.length; i++) {
    const filter = filters[i]!
    const line = ((head * scales[i]!) | 0) * filterLineBytes
    // Four bits at once: one branch that is seldom taken is cheaper than four that cannot be predicted.
    const early = (filter[line + byte0]! >>> bit0) & (filter[line + byte1]! >>> bit1) & (filter[line + byte2]! >>> bit2)
    if ((early & (filter[line + byte3]! >>> bit3) & 1) === 0) continue
    const late = (filter[line + byte4]! >>> bit4) & (filter[line + byte5]! >>> bit5) & (filter[line + byte6]! >>> bit6)
    if ((late & (filter[line + byte7]! >>> bit7) & 1) === 1) return i
  }
  return -1
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
