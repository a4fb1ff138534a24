import { major } from './encode.ts'

export interface Form {
  /** Arrays and maps inside each other. */
  readonly depthMax: number
  /** Values of one's own storage: maps become plain objects, and undefined is a value. */
  readonly stored?: boolean
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const shortText = 64
const simple = new Map<number, unknown>([
  [0xf4, false],
  [0xf5, true],
  [0xf6, null],
])

/**
 * Reads one CBOR item (RFC 8949) that fills `bytes`; nothing in it is a view of them. Refused: trailing bytes, duplicate
 * keys, keys other than texts and integers, indefinite lengths, tags, simple values, NaN, infinities, integers beyond 2^53,
 * integers and lengths in longer form than needed, broken UTF-8, more items than bytes. Not refused: keys in another order,
 * numbers with a fraction in longer form, or of an integer. Maps are Maps, so that no key can reach a prototype.
 * @throws Error, of whatever kind.
 */
export function decode(bytes: Uint8Array, { depthMax, stored = false }: Form): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let position = 0

  /** Moves on. Reading past the end throws, of itself or here. */
  function skip(count: number): number {
    const at = position
    if (count > bytes.length - at) throw new RangeError('it ends early')
    position += count
    return at
  }

  /** The number in a head, in its shortest form. */
  function countOf(low: number): number {
    if (low < 24) return low
    const [count, least] = longCountOf(low)
    if (count < least) throw new RangeError('longer than needed')
    if (!Number.isSafeInteger(count)) throw new RangeError('beyond 2^53')
    return count
  }

  function longCountOf(low: number): readonly [count: number, least: number] {
    if (low === 24) return [view.getUint8(skip(1)), 24]
    if (low === 25) return [view.getUint16(skip(2)), 0x100]
    if (low === 26) return [view.getUint32(skip(4)), 0x1_0000]
    if (low === 27) return [Number(view.getBigUint64(skip(8))), 0x1_0000_0000]
    throw new RangeError('no definite length')
  }

  function fraction(head: number): number {
    const number =
      head === 0xf9
        ? fromHalf(view.getUint16(skip(2)))
        : head === 0xfa
          ? view.getFloat32(skip(4))
          : head === 0xfb
            ? view.getFloat64(skip(8))
            : Number.NaN
    if (!Number.isFinite(number)) throw new RangeError('neither a number nor a simple value that is used')
    return number
  }

  /** So many items, each of at least one byte, are still to come. */
  function items(count: number, depth: number): number {
    if (count > bytes.length - position) throw new RangeError('more items than bytes')
    if (depth > depthMax) throw new RangeError(`nested deeper than ${depthMax}`)
    return count
  }

  function readKey(depth: number): unknown {
    const type = (bytes[position] ?? 0xff) >> 5
    if (type === major.text || type === major.count || type === major.negative) return read(depth)
    throw new TypeError('a key is neither text nor integer')
  }

  function readMap(count: number, depth: number): ReadonlyMap<unknown, unknown> {
    const map = new Map<unknown, unknown>()
    for (let left = items(2 * count, depth); left > 0; left -= 2) {
      const key = readKey(depth)
      if (map.has(key)) throw new TypeError('a key twice')
      map.set(key, read(depth))
    }
    return map
  }

  function readObject(count: number, depth: number): object {
    const object: Record<string, unknown> = {}
    for (let left = items(2 * count, depth); left > 0; left -= 2) {
      const key = String(readKey(depth))
      if (Object.hasOwn(object, key)) throw new TypeError('a key twice')
      const value = read(depth)
      if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
      else object[key] = value
    }
    return object
  }

  function readText(count: number): string {
    const at = skip(count)
    // Most texts are short and plain, and for those asking the platform takes longer.
    let text = ''
    for (let index = at; count < shortText && index < position; index++) {
      const byte = bytes[index]!
      if (byte > 0x7f) break
      text += String.fromCharCode(byte)
    }
    return text.length === count ? text : utf8.decode(bytes.subarray(at, position))
  }

  /** `depth`: of arrays and maps around it. */
  function read(depth: number): unknown {
    const head = view.getUint8(skip(1))
    const type = head >> 5
    if (type === 7) {
      if (stored && head === 0xf7) return undefined
      return simple.has(head) ? simple.get(head) : fraction(head)
    }
    if (type > major.map) throw new TypeError('tags are not used')
    const count = countOf(head & 0x1f)
    switch (type) {
      case major.count:
        return count
      case major.negative:
        if (count === Number.MAX_SAFE_INTEGER) throw new RangeError('beyond 2^53')
        return -1 - count
      case major.bytes: {
        const at = skip(count)
        return new Uint8Array(bytes.subarray(at, at + count))
      }
      case major.text:
        return readText(count)
      case major.array: {
        const array: unknown[] = []
        for (let left = items(count, depth + 1); left > 0; left--) array.push(read(depth + 1))
        return array
      }
      default:
        return stored ? readObject(count, depth + 1) : readMap(count, depth + 1)
    }
  }

  const value = read(0)
  if (position !== bytes.length) throw new RangeError('something follows')
  return value
}

/** IEEE 754 binary16. */
function fromHalf(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return Number.NaN
  const size = exponent === 0 ? fraction * 2 ** -24 : (0x400 + fraction) * 2 ** (exponent - 25)
  return (bits & 0x8000) === 0 ? size : -size
}
