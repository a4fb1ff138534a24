import { describe, expect, it } from 'vitest'
import { Durations, median, percentile } from './statistics.ts'

describe('percentile', () => {
  it('is the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1)
    expect([0, 0.005, 0.5, 0.501, 0.99, 0.995, 1].map((share) => percentile(hundred, share))).toEqual([
      1, 1, 50, 51, 99, 100, 100,
    ])
    expect(percentile([7], 0.99)).toBe(7)
    expect(percentile([], 0.5)).toBeNaN()
  })
})

describe('median', () => {
  it('is the middle, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([9, 1, 5, 6])).toBe(5.5)
    expect(median([3])).toBe(3)
    expect(median([])).toBeNaN()
  })
})

describe('Durations', () => {
  it('sorts numbers as numbers, and keeps all of more than it began with', () => {
    const durations = new Durations()
    const count = (1 << 17) + 3
    for (let value = count; value > 0; value--) durations.add(value)
    const sorted = durations.sorted()
    expect(sorted).toHaveLength(count)
    expect([sorted[0], sorted[1], sorted[count - 1]]).toEqual([1, 2, count])
    expect(percentile(sorted, 0.5)).toBe(Math.ceil(count / 2))
  })
})
