import { describe, expect, it } from 'vitest'
import { decodeCbor, encodeCbor, utf8Text } from './cbor.ts'
import { ContentFailure } from './failure.ts'

const bounds = { bytesMax: 1_048_576, depthMax: 32 }
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

const hostile: Record<string, Uint8Array> = {
  nothing: bytes(''),
  'arrays nested 10,000 deep': new Uint8Array(10_001).fill(0x81, 0, 10_000),
  'maps nested 10,000 deep': Uint8Array.from({ length: 20_001 }, (_, index) => (index % 2 === 0 ? 0xa1 : 0)),
  'tags nested 10,000 deep': new Uint8Array(10_001).fill(0xc1, 0, 10_000),
  'an array of 2^32 - 1': bytes('9a ffffffff 00'),
  'an array of 2^53 - 1': bytes('9b 001fffffffffffff 00'),
  'an array of 2^64 - 1': bytes('9b ffffffffffffffff'),
  'a map of 2^32 - 1': bytes('ba ffffffff 00 00'),
  'a map with more items than bytes': bytes('a2 00 00 01'),
  'bytes of 2^32 - 1': bytes('5a ffffffff 00'),
  'bytes of 2^64 - 1': bytes('5b ffffffffffffffff 00'),
  'a text of 2^32 - 1': bytes('7a ffffffff 61'),
  'an array of indefinite length': bytes('9f 01 ff'),
  'a map of indefinite length': bytes('bf 01 02 ff'),
  'bytes of indefinite length': bytes('5f 41 00 ff'),
  'a text of indefinite length': bytes('7f 61 61 ff'),
  'a lone break': bytes('ff'),
  'a break in an array': bytes('82 01 ff'),
  'a tag': bytes('c0 61 61'),
  'a big integer': bytes('c2 49 010000000000000000'),
  NaN: bytes('f9 7e00'),
  'NaN in 64 bits': bytes('fb 7ff8000000000000'),
  infinity: bytes('f9 7c00'),
  'minus infinity': bytes('fa ff800000'),
  undefined: bytes('f7'),
  'a simple value': bytes('f8 ff'),
  'an unassigned head': bytes('1c'),
  'an integer beyond 2^53': bytes('1b 0020000000000000'),
  'an integer in two bytes that fits into one': bytes('18 01'),
  'a length in longer form': bytes('98 01 00'),
  'invalid UTF-8': bytes('61 ff'),
  'overlong UTF-8': bytes('62 c080'),
  'a surrogate in UTF-8': bytes('63 eda080'),
  'a cut UTF-8 sequence': bytes('62 e282'),
  'invalid UTF-8 in a key': bytes('a1 61 ff 01'),
  'duplicate keys': bytes('a2 61 61 01 61 61 02'),
  'duplicate integer keys': bytes('a2 01 01 01 02'),
  'a key of bytes': bytes('a1 41 00 01'),
  'a key of an array': bytes('a1 80 01'),
  'a key of a float': bytes('a1 f9 3e00 01'),
  'a key null': bytes('a1 f6 01'),
  'a trailing byte': bytes('01 00'),
  'a second item': bytes('80 80'),
  'an array that ends early': bytes('83 01 02'),
}

describe('decodeCbor', () => {
  it.each(Object.keys(hostile))('refuses %s', (name) => {
    const error = (() => {
      try {
        return decodeCbor(hostile[name] as Uint8Array, bounds)
      } catch (thrown) {
        return thrown
      }
    })()
    expect(error).toBeInstanceOf(ContentFailure)
    expect((error as ContentFailure).reason).toBe('malformed')
  })

  it('refuses more bytes than the bound, and takes as many', () => {
    expect(() => decodeCbor(encodeCbor(new Uint8Array(100)), { bytesMax: 101, depthMax: 1 })).toThrow(ContentFailure)
    expect(decodeCbor(encodeCbor(new Uint8Array(100)), { bytesMax: 102, depthMax: 1 })).toHaveLength(100)
  })

  it('counts depth in arrays and maps alike', () => {
    const nested = encodeCbor([new Map([[1, [[]]]])])
    expect(decodeCbor(nested, { bytesMax: 100, depthMax: 4 })).toEqual([new Map([[1, [[]]]])])
    expect(() => decodeCbor(nested, { bytesMax: 100, depthMax: 3 })).toThrow('deeper than 3')
    const beside = encodeCbor([[], [[]], [], [[]]])
    expect(decodeCbor(beside, { bytesMax: 100, depthMax: 3 })).toEqual([[], [[]], [], [[]]])
  })

  it('keeps a leading byte order mark, long or short, and U+FFFD', () => {
    for (const text of ['\ufeff', '\ufeffa', `\ufeff${'x'.repeat(40)}`, '\ufffd', '']) {
      expect(decodeCbor(encodeCbor(text), bounds)).toBe(text)
      expect(utf8Text(new TextEncoder().encode(text))).toBe(text)
    }
  })

  it('gives maps whose keys reach no prototype', () => {
    const read = decodeCbor(bytes('a1 69 5f5f70726f746f5f5f a1 61 78 01'), bounds)
    expect(read).toEqual(new Map([['__proto__', new Map([['x', 1]])]]))
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })

  it('reads from the middle of a buffer, and its answers are not views of it', () => {
    const buffer = bytes('ffff 43 010203 ffff')
    const read = decodeCbor(buffer.subarray(2, 6), bounds)
    buffer.fill(0)
    expect(read).toEqual(new Uint8Array([1, 2, 3]))
  })
})

describe('encodeCbor', () => {
  it('sorts keys bytewise and takes the shortest forms (RFC 8949 section 4.2.1)', () => {
    const map = new Map<number | string, unknown>([
      ['b', 1],
      ['aa', 1.5],
      [100, 24],
      [-1, null],
      [10, true],
    ])
    expect(Buffer.from(encodeCbor(map)).toString('hex')).toBe('a50af518641818' + '20f6' + '616201' + '626161f93e00')
  })
})
