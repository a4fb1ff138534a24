import { defaultLimits } from '@sotto/protocol'
import { expect, test } from 'vitest'
import { addsPairRate, bucketName, claimsPairRate, claimsTargetRate, sweepBuckets, take, takeAll } from './buckets.ts'
import { rows, scratchDatabase } from './scratch.suite.ts'

const hourMs = 3_600_000
/** Six at once, then one every ten minutes. */
const rate = { burst: 6, perMs: 6 / hourMs }
const start = 1_735_689_600_000

test('gives the burst, then as fast as the rate', () => {
  const db = scratchDatabase()
  const atOnce = Array.from({ length: 7 }, () => take(db, 'b', rate, start))
  expect(atOnce).toEqual([0, 0, 0, 0, 0, 0, 600_000])
  expect(take(db, 'b', rate, start + 599_000)).toBe(1_000)
  expect(take(db, 'b', rate, start + 600_000)).toBe(0)
  expect(take(db, 'b', rate, start + 600_000)).toBe(600_000)
})

test('waiting as long as it says is enough, to the millisecond', () => {
  const db = scratchDatabase()
  const odd = { burst: 3, perMs: 7 / 1_000 }
  let now = start
  for (let round = 0; round < 50; round++) {
    const waitMs = take(db, 'b', odd, now)
    if (waitMs > 0) {
      now += waitMs
      expect(take(db, 'b', odd, now)).toBe(0)
    }
  }
  expect(now).toBeGreaterThan(start)
})

test('never holds more than the burst, however long it rests', () => {
  const db = scratchDatabase()
  take(db, 'b', rate, start)
  const later = start + 1_000 * hourMs
  expect(Array.from({ length: 7 }, () => take(db, 'b', rate, later)).filter((waitMs) => waitMs === 0)).toHaveLength(6)
})

test('a refusal takes nothing', () => {
  const db = scratchDatabase()
  for (let n = 0; n < 6; n++) take(db, 'b', rate, start)
  for (let n = 0; n < 100; n++) take(db, 'b', rate, start + 1)
  expect(take(db, 'b', rate, start + 600_000)).toBe(0)
})

test('several tokens are taken together or not at all', () => {
  const db = scratchDatabase()
  expect(take(db, 'b', rate, start, 4)).toBe(0)
  expect(take(db, 'b', rate, start, 4)).toBe(2 * 600_000)
  expect(take(db, 'b', rate, start, 2)).toBe(0)
  expect(take(db, 'b', rate, start, 7)).toBe(Number.POSITIVE_INFINITY)
})

test.for([
  { burst: 6, perMs: 0 },
  { burst: 0, perMs: 1 },
  { burst: 6, perMs: -1 },
  { burst: Number.NaN, perMs: 1 },
  { burst: 6, perMs: Number.NaN },
])('fails closed with the rate $burst, $perMs', (rate) => {
  const db = scratchDatabase()
  expect(take(db, 'b', rate, start)).toBe(Number.POSITIVE_INFINITY)
  expect(rows(db, 'SELECT * FROM buckets')).toEqual([])
})

test('fails closed when the bucket cannot be read', () => {
  const db = scratchDatabase()
  db.exec('DROP TABLE buckets')
  expect(() => take(db, 'b', rate, start)).toThrow('no such table')
})

test('a clock that jumps back gives nothing extra, and once swept the bucket fills at the rate', () => {
  const db = scratchDatabase()
  for (let n = 0; n < 6; n++) take(db, 'b', rate, start)
  const earlier = start - 10 * 365 * 24 * hourMs
  expect(take(db, 'b', rate, earlier)).toBe(600_000)
  expect(sweepBuckets(db, earlier)).toBe(0)
  expect(take(db, 'b', rate, earlier + 599_000)).toBe(1_000)
  expect(take(db, 'b', rate, earlier + 600_000)).toBe(0)
  expect(take(db, 'b', rate, earlier + 600_000)).toBe(600_000)
})

test('of several buckets all give or none does', () => {
  const db = scratchDatabase()
  const narrow = { name: 'narrow', rate: { burst: 1, perMs: 1 / hourMs } }
  const wide = { name: 'wide', rate }
  expect(takeAll(db, [narrow, wide], start)).toEqual({ waitMs: 0, slowest: undefined })
  expect(takeAll(db, [narrow, wide], start)).toEqual({ waitMs: hourMs, slowest: narrow })
  const left = Array.from({ length: 6 }, () => take(db, 'wide', rate, start)).filter((waitMs) => waitMs === 0)
  expect(left).toHaveLength(5)
})

test('sweeping forgets full buckets only', () => {
  const db = scratchDatabase()
  take(db, 'old', rate, start)
  take(db, 'new', rate, start + 600_000)
  expect(sweepBuckets(db, start + 600_000)).toBe(1)
  expect(rows(db, 'SELECT name FROM buckets')).toEqual([{ name: 'new' }])
})

test('the rates are those of the limits', () => {
  expect(claimsPairRate(defaultLimits)).toEqual({ burst: 6, perMs: 6 / hourMs })
  expect(claimsTargetRate(defaultLimits)).toEqual({ burst: 100, perMs: 1 / 1_000 })
  expect(addsPairRate(defaultLimits)).toEqual({ burst: 50, perMs: 50 / (24 * hourMs) })
})

test('names differ where anything differs', () => {
  const names = [
    bucketName('CLAIMS_PAIR', ['a', 'b'], 'c'),
    bucketName('CLAIMS_PAIR', ['a', 'b'], 'd'),
    bucketName('CLAIMS_PAIR', ['b', 'a'], 'c'),
    bucketName('CLAIMS_PAIR', ['a","b', 'b'], 'c'),
    bucketName('CLAIMS_TARGET', ['a'], 'c'),
    bucketName('ADDS_PAIR', ['a', 'b']),
  ]
  expect(new Set(names).size).toBe(names.length)
})
