import { describe, expect, it } from 'vitest'
import { contentBytesMax, mlsOverheadBytesMax, paddedBytes, paddedWithin } from './padding.ts'

describe('paddedBytes', () => {
  it.each([
    [0, 256],
    [1, 256],
    [256, 256],
    [257, 512],
    [513, 1_024],
    [1_025, 2_048],
    [2_049, 4_096],
    [4_096, 4_096],
    [4_097, 8_192],
    [8_193, 12_288],
    [12_289, 16_384],
    [16_384, 16_384],
    [16_385, 32_768],
    [65_537, 81_920],
  ])('pads %i bytes to %i', (plaintext, padded) => {
    expect(paddedBytes(plaintext)).toBe(padded)
  })

  it('never shrinks, never falls, and a bucket is its own', () => {
    let last = 0
    for (let length = 0; length < 100_000; length += 1) {
      const padded = paddedBytes(length)
      if (padded < length || padded < last || paddedBytes(padded) !== padded) expect.fail(`${length} -> ${padded}`)
      last = padded
    }
    expect(last).toBe(114_688)
  })

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (length) => {
    expect(() => paddedBytes(length)).toThrow(RangeError)
  })
})

describe('contentBytesMax', () => {
  const base64Length = (bytes: number) => 4 * Math.ceil(bytes / 3)

  it('holds a text of the longest length in ASCII, at the default limit', () => {
    expect(contentBytesMax(131_072)).toBe(81_920)
  })

  it('is the largest bucket that fits, at every limit', () => {
    for (let limit = 0; limit < 200_000; limit += 37) {
      const max = contentBytesMax(limit)
      if (max === 0) expect(base64Length(256 + mlsOverheadBytesMax)).toBeGreaterThan(limit)
      else expect(base64Length(max + mlsOverheadBytesMax)).toBeLessThanOrEqual(limit)
      expect(base64Length(paddedBytes(max + 1) + mlsOverheadBytesMax)).toBeGreaterThan(limit)
    }
  })

  it('is kept by paddedWithin', () => {
    expect(paddedWithin(81_920, 131_072)).toBe(81_920)
    expect(paddedWithin(10, 131_072)).toBe(256)
    expect(() => paddedWithin(81_921, 131_072)).toThrow(expect.objectContaining({ code: 'content_too_large' }))
    expect(() => paddedWithin(1, 100)).toThrow(expect.objectContaining({ code: 'content_too_large' }))
  })
})
