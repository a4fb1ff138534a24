import {
  type DecodeOptions,
  decode as decodeByLibrary,
  encode as encodeByLibrary,
  rfc8949EncodeOptions,
  Tokenizer,
  Type,
} from 'cborg'
import { describe, expect, it, test } from 'vitest'
import { decode } from './decode.ts'
import { encode } from './encode.ts'

/** Against the library that did this before: the same bytes, and the same answer to every input. */

const depthMax = 16
const options = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowBigInt: false,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  retainStringBytes: true,
} as const satisfies DecodeOptions

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What the library forgives, and here is refused. */
class StrictTokenizer extends Tokenizer {
  private readonly open: number[] = []

  override next() {
    while (this.open.at(-1) === 0) this.open.pop()
    const parent = this.open.length - 1
    if (parent >= 0) this.open[parent] = (this.open[parent] ?? 0) - 1
    const token = super.next()
    if (token.byteValue !== undefined) {
      token.value = utf8.decode(token.byteValue)
    } else if (Type.equals(token.type, Type.array) || Type.equals(token.type, Type.map)) {
      const items: number = token.value * (Type.equals(token.type, Type.map) ? 2 : 1)
      if (!(items <= this.data.length - this.pos())) throw new RangeError('more items than bytes')
      this.open.push(items)
      if (this.open.length > depthMax) throw new RangeError('too deep')
    } else if (Type.equals(token.type, Type.tag)) throw new RangeError('a tag')
    return token
  }
}

function decodeStrictly(bytes: Uint8Array): unknown {
  const value: unknown = decodeByLibrary(bytes, { ...options, tokenizer: new StrictTokenizer(bytes, options) })
  const check = (one: unknown): void => {
    if (one instanceof Map) {
      for (const [key, entry] of one) {
        if (typeof key !== 'string' && !Number.isInteger(key)) throw new TypeError('a key of another kind')
        check(entry)
      }
    } else if (Array.isArray(one)) one.forEach(check)
  }
  check(value)
  return value
}

/** mulberry32: the same values in every run. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

const numbers = [
  ...[0, 23, 24, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER - 1].flatMap((n) => [
    n,
    -1 - n,
  ]),
  ...[0.5, 1.5, 0.1, 65_504.5, 100_000.5, 2 ** -14, 2 ** -24, 2 ** -25, 1.0009765625, 3.4028234663852886e38, -0],
  ...[Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 60, 2 ** 127, 2 ** 128, 1e300, 5e-324, 2 ** -126, 2 ** -149, Number.MAX_VALUE],
]

const texts = [
  '',
  'a',
  'x'.repeat(23),
  'x'.repeat(24),
  'é'.repeat(200),
  '\ufeffa',
  '\ufffd',
  '__proto__',
  '👋🏽',
  'y'.repeat(70_000),
]

function some(pick: (below: number) => number, depth = 0): unknown {
  const kind = pick(depth > 4 ? 5 : 8)
  const count = pick(5)
  switch (kind) {
    case 0:
      return numbers[pick(numbers.length)]
    case 1:
      return texts[pick(texts.length - 1)]
    case 2:
      return [null, true, false][pick(3)]
    case 3:
      return Uint8Array.from({ length: pick(300) }, () => pick(256))
    case 4:
      return ((pick(2) ? 1 : -1) * (pick(2 ** 30) + 2 ** 29)) / 2 ** pick(40)
    case 5:
      return Array.from({ length: count }, () => some(pick, depth + 1))
    case 6:
      return new Map(Array.from({ length: count }, () => [pick(2) ? pick(70_000) - 300 : texts[pick(9)], some(pick, depth + 1)]))
    default:
      return Object.fromEntries(Array.from({ length: count }, () => [`${texts[pick(9)]}${pick(9)}`, some(pick, depth + 1)]))
  }
}

function answerOf(read: () => unknown): unknown {
  try {
    return { value: read() }
  } catch {
    return 'refused'
  }
}

describe('encode', () => {
  test.each([...numbers, ...texts, null, true, false, undefined])('writes %s as the library does', (value) => {
    expect(encode(value)).toEqual(new Uint8Array(encodeByLibrary(value, rfc8949EncodeOptions)))
  })

  // The library writes most subnormal ones in 32 bits, which is not the shortest form.
  it('writes every number of 16 bits in 16 bits, and its neighbours in more', () => {
    const view = new DataView(new ArrayBuffer(4))
    for (let bits = 0; bits < 0x1_0000; bits += 7) {
      const bytes = Uint8Array.of(0xf9, bits >> 8, bits & 0xff)
      const number: unknown = ((bits >> 10) & 0x1f) === 0x1f ? 0 : decode(bytes, { depthMax })
      expect(number).toBe(((bits >> 10) & 0x1f) === 0x1f ? 0 : decodeStrictly(bytes))
      if (Number.isInteger(number)) continue
      expect(encode(number)).toEqual(bytes)
      view.setFloat32(0, number as number)
      view.setUint32(0, view.getUint32(0) + 1)
      const neighbour = view.getFloat32(0)
      expect(encode(neighbour)).toEqual(new Uint8Array(encodeByLibrary(neighbour, rfc8949EncodeOptions)))
    }
  })

  it('writes values of all kinds as the library does, and reads them back', () => {
    const pick = chance(1)
    for (let i = 0; i < 3_000; i++) {
      const value = some(pick)
      const bytes = encode(value)
      expect(bytes).toEqual(new Uint8Array(encodeByLibrary(value, rfc8949EncodeOptions)))
      expect(decode(bytes, { depthMax })).toEqual(decodeStrictly(bytes))
      expect(bytes.buffer.byteLength).toBe(bytes.length)
    }
  })

  test.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1n,
    Symbol('x'),
    () => 1,
    new Date(0),
    [new Float32Array(1)],
    new Map([[1.5, 1]]),
    new Map([[null, 1]]),
  ])('refuses %s', (value) => {
    expect(() => encode(value)).toThrow(TypeError)
  })
})

describe('decode', () => {
  it('answers as the library does to what is damaged', () => {
    const pick = chance(2)
    let refused = 0
    for (let i = 0; i < 20_000; i++) {
      const bytes = encode(some(pick, 3))
      for (let changes = 1 + pick(3); changes > 0; changes--) bytes[pick(bytes.length)] = pick(256)
      const cut = pick(4) === 0 ? bytes.subarray(0, pick(bytes.length)) : bytes
      const answer = answerOf(() => decode(cut, { depthMax }))
      expect(answer).toEqual(answerOf(() => decodeStrictly(cut)))
      if (answer === 'refused') refused++
    }
    expect(refused).toBeGreaterThan(5_000)
    expect(refused).toBeLessThan(19_000)
  })

  it('answers as the library does to whatever bytes', () => {
    const pick = chance(3)
    for (let i = 0; i < 20_000; i++) {
      const bytes = Uint8Array.from({ length: 1 + pick(12) }, () => pick(256))
      expect(answerOf(() => decode(bytes, { depthMax }))).toEqual(answerOf(() => decodeStrictly(bytes)))
    }
  })

  it('reads what storages hold: objects, with what is undefined, whoever wrote them', () => {
    const stored = { name: undefined, list: [1, { a: new Uint8Array([1]) }], ['__proto__']: 1, zeta: true, b: null }
    for (const bytes of [encode(stored), new Uint8Array(encodeByLibrary(stored))]) {
      const read = decode(bytes, { depthMax, stored: true }) as typeof stored
      expect(read).toEqual(stored)
      expect(Object.keys(read)).toContain('name')
      expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
    }
  })

  it('gives copies, also of a Buffer', () => {
    const bytes = Buffer.from('820143010203', 'hex').subarray(2)
    const read = decode(bytes, { depthMax }) as Uint8Array
    bytes.fill(0)
    expect(read).toEqual(new Uint8Array([1, 2, 3]))
  })
})
