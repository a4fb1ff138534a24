/** Major types (RFC 8949 section 3.1). */
export const major = { count: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5 } as const

const utf8 = new TextEncoder()
const shortText = 64
const simple = new Map<unknown, number>([
  [false, 0xf4],
  [true, 0xf5],
  [null, 0xf6],
  [undefined, 0xf7],
])

/**
 * Deterministic CBOR (RFC 8949 section 4.2.1): the same value gives the same bytes, in a buffer of their own. For null,
 * undefined, booleans, numbers, texts, bytes, and arrays, maps and plain objects of these; keys are texts or integers.
 * Texts must be well-formed.
 * @throws TypeError for anything else.
 */
export function encode(value: unknown): Uint8Array {
  let bytes = new Uint8Array(128)
  let view = new DataView(bytes.buffer)
  let length = 0

  /** Where the next `count` bytes go. */
  function take(count: number): number {
    const at = length
    length += count
    if (length > bytes.length) {
      const larger = new Uint8Array(Math.max(length, bytes.length * 2))
      larger.set(bytes)
      bytes = larger
      view = new DataView(bytes.buffer)
    }
    return at
  }

  function putByte(byte: number): void {
    const at = take(1)
    bytes[at] = byte
  }

  function put(part: Uint8Array): void {
    const at = take(part.length)
    bytes.set(part, at)
  }

  /** In the shortest form. */
  function head(type: number, count: number): void {
    const high = type << 5
    if (count < 24) putByte(high | count)
    else if (count < 0x100) {
      putByte(high | 24)
      putByte(count)
    } else if (count < 0x1_0000) {
      putByte(high | 25)
      const at = take(2)
      view.setUint16(at, count)
    } else if (count < 0x1_0000_0000) {
      putByte(high | 26)
      const at = take(4)
      view.setUint32(at, count)
    } else {
      putByte(high | 27)
      const at = take(8)
      view.setBigUint64(at, BigInt(count))
    }
  }

  function writeNumber(number: number): void {
    if (Number.isSafeInteger(number)) return number < 0 ? head(major.negative, -1 - number) : head(major.count, number)
    if (!Number.isFinite(number)) throw new TypeError(`${number} is not written`)
    const half = Math.fround(number) === number ? halfOf(number) : undefined
    if (half !== undefined) {
      putByte(0xf9)
      const at = take(2)
      view.setUint16(at, half)
    } else if (Math.fround(number) === number) {
      putByte(0xfa)
      const at = take(4)
      view.setFloat32(at, number)
    } else {
      putByte(0xfb)
      const at = take(8)
      view.setFloat64(at, number)
    }
  }

  function writeMap(entries: readonly (readonly [unknown, unknown])[]): void {
    head(major.map, entries.length)
    for (const [key, entry] of entries) {
      rankOf(key)
      write(key)
      write(entry)
    }
  }

  function writeText(text: string): void {
    // Most texts are short and plain, and for those asking the platform takes longer.
    if (text.length < shortText && isAscii(text)) {
      head(major.text, text.length)
      const at = take(text.length)
      for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index)
      return
    }
    const encoded = utf8.encode(text)
    head(major.text, encoded.length)
    put(encoded)
  }

  function write(one: unknown): void {
    const fixed = simple.get(one)
    if (fixed !== undefined) putByte(fixed)
    else if (typeof one === 'number') writeNumber(one)
    else if (typeof one === 'string') writeText(one)
    else if (one instanceof Uint8Array) {
      head(major.bytes, one.length)
      put(one)
    } else if (Array.isArray(one)) {
      head(major.array, one.length)
      for (const entry of one) write(entry)
    } else if (one instanceof Map) writeMap([...one].sort(byKey))
    else if (typeof one === 'object' && isPlain(one)) writeMap(Object.entries(one).sort(byKey))
    else throw new TypeError(`a ${typeof one} of this kind is not written`)
  }

  write(value)
  return bytes.slice(0, length)
}

function isPlain(value: object | null): value is object {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The order of the encoded keys, byte by byte: integers from 0, those below, texts; each the shorter first. */
function byKey([a]: readonly [unknown, unknown], [b]: readonly [unknown, unknown]): number {
  if (typeof a === 'string' && typeof b === 'string') return byText(a, b)
  const [rank, other] = [rankOf(a), rankOf(b)]
  return rank === other ? Math.abs(a as number) - Math.abs(b as number) : rank - other
}

function rankOf(key: unknown): number {
  if (typeof key === 'string') return 2
  if (!Number.isSafeInteger(key)) throw new TypeError('a key is a text or an integer')
  return (key as number) < 0 ? 1 : 0
}

function byText(a: string, b: string): number {
  if (isAscii(a) && isAscii(b)) return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
  const [one, other] = [utf8.encode(a), utf8.encode(b)]
  const at = one.findIndex((byte, index) => byte !== other[index])
  return one.length - other.length || (at < 0 ? 0 : one[at]! - other[at]!)
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

/** The 16 bits of a number that has 32 (IEEE 754), if these are enough. */
function halfOf(number: number): number | undefined {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, number)
  const bits = view.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = ((bits >>> 23) & 0xff) - 127
  const fraction = bits & 0x7f_ffff
  if (exponent >= -14 && exponent <= 15)
    return (fraction & 0x1fff) === 0 ? sign | ((exponent + 15) << 10) | (fraction >> 13) : undefined
  if (exponent < -24 || exponent > 15) return undefined
  // Subnormal: the leading one is written out.
  const shift = -exponent - 1
  const whole = 0x80_0000 | fraction
  return (whole & ((1 << shift) - 1)) === 0 ? sign | (whole >> shift) : undefined
}
