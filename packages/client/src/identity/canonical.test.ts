import { encode } from 'cborg'
import { describe, expect, test } from 'vitest'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import { fromCanonical, type Plain, plainBytes, readBytes, readCount, readList, readPlain, toCanonical } from './canonical.ts'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
const malformed = expect.objectContaining({ reason: 'malformed' })

describe('canonical', () => {
  test.each<Plain>([null, true, 0, 24, 2 ** 40, '', 'Zoë 🦊', new Uint8Array([1, 2]), [], [['a', 1], null]])(
    'round trip of %j',
    (value) => {
      expect(fromCanonical('a label', toCanonical('a label', value), 100)).toEqual(value)
    },
  )

  test('no two values under any two labels share their bytes', () => {
    const values: Plain[] = [
      '',
      'a',
      'ab',
      ['a'],
      ['a', 'b'],
      ['ab'],
      ['', 'ab'],
      ['a', ['b']],
      new Uint8Array([97]),
      [[]],
      [],
      null,
      0,
      false,
    ]
    const labels = ['', 'a', 'ab', 'b']
    const all = labels.flatMap((label) => values.map((value) => toBase64Url(toCanonical(label, value))))
    expect(new Set(all).size).toBe(labels.length * values.length)
  })

  test.each([
    ['another label', toCanonical('other', 1)],
    ['a value more', plainBytes(['label', 1, 2])],
    ['no array', plainBytes('label')],
    ['nothing', new Uint8Array()],
    ['trailing bytes', new Uint8Array([...toCanonical('label', 1), 0])],
    ['cut off', toCanonical('label', 'text').slice(0, -1)],
    ['more than allowed', toCanonical('label', 'x'.repeat(200))],
  ])('refuses %s', (_, input) => {
    expect(() => fromCanonical('label', input, 100)).toThrow(malformed)
  })

  test.each([
    ['a long form of a number', '1817'],
    ['a number in too many bytes', '190001'],
    ['a float for an integer', 'fb3ff0000000000000'],
    ['a length in too many bytes', '780161'],
    ['an array of indefinite length', '9f01ff'],
    ['bytes of indefinite length', '5f4101ff'],
    ['broken UTF-8', '62c328'],
    ['a surrogate in UTF-8', '63eda080'],
    ['undefined', 'f7'],
    ['not a number', 'f97e00'],
    ['infinity', 'f97c00'],
    ['a tag', 'c001'],
    ['a map with a key twice', 'a2616101616102'],
    ['a map out of order', 'a2616201616101'],
    ['2^64 - 1', '1bffffffffffffffff'],
    ['a list longer than what follows', '9affffffff01'],
    ['bytes longer than what follows', '5affffffff01'],
    ['deeper than there is a stack', '81'.repeat(60_000)],
  ])('refuses %s', (_, hex) => {
    expect(() => readPlain(bytes(hex), 65_536)).toThrow(malformed)
  })

  test('bytes are plain ones of their own, whatever their length', () => {
    for (let length = 0; length < 400; length++) {
      const written = toCanonical('label', new Uint8Array(length))
      const read = readBytes(fromCanonical('label', written, 500), length)
      for (const one of [written, read]) {
        expect(one.constructor).toBe(Uint8Array)
        expect(one.buffer.byteLength).toBe(one.length)
      }
    }
  })

  test('text that has no UTF-8 is not written', () => {
    expect(() => toCanonical('label', [['\ud800']])).toThrow(malformed)
    expect(encode('\ud800')).toEqual(encode('\ufffd'))
  })

  test('readers', () => {
    expect(() => readBytes('text', 4)).toThrow(malformed)
    expect(() => readBytes(new Uint8Array(3), 4)).toThrow(malformed)
    expect(() => readBytes(new Uint8Array(6), 1, 5)).toThrow(malformed)
    expect(() => readCount(-1)).toThrow(malformed)
    expect(() => readCount(1.5)).toThrow(malformed)
    expect(() => readList([1, 2], 1)).toThrow(malformed)
    expect(() => readList({}, 1)).toThrow(malformed)
  })
})

describe('base64url', () => {
  test('as everybody writes it', () => {
    for (let length = 0; length < 70; length++) {
      const input = Uint8Array.from({ length }, (_, index) => (index * 83 + length * 7) & 0xff)
      expect(toBase64Url(input)).toBe(Buffer.from(input).toString('base64url'))
      expect(fromBase64Url(toBase64Url(input), 100)).toEqual(input)
    }
  })

  test.each(['=', 'AA==', 'AAA=', 'A', 'AB', 'AAB', '+/', 'A A', 'AAAA\n', 'é', 'A'.repeat(101), undefined, 1])(
    'refuses %j',
    (text) => {
      expect(() => fromBase64Url(text, 100)).toThrow(malformed)
    },
  )
})
