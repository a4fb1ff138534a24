import { describe, expect, test } from 'vitest'
import { manualClock } from '../store/manual-clock.suite.ts'
import { TokenBucket, TokenBuckets } from './rate.ts'

describe('a bucket', () => {
  test('gives its burst at once, then says how long to wait, then gives again', () => {
    const clock = manualClock()
    const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, clock)
    expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 0])
    expect(bucket.take()).toBe(500)
    clock.advance(499)
    expect(bucket.take()).toBe(1)
    clock.advance(1)
    expect(bucket.take()).toBe(0)
    expect(bucket.take()).toBe(500)
  })

  test('a refusal takes nothing', () => {
    const bucket = new TokenBucket({ burst: 5, perSecond: 1 }, manualClock())
    bucket.take(3)
    expect(bucket.take(3)).toBe(1_000)
    expect(bucket.take(2)).toBe(0)
  })

  test('never holds more than its burst', () => {
    const clock = manualClock()
    const bucket = new TokenBucket({ burst: 2, perSecond: 100 }, clock)
    bucket.take(2)
    clock.advance(3_600_000)
    expect(bucket.take(2)).toBe(0)
    expect(bucket.take()).toBe(10)
  })

  test('what is larger than the burst passes when the bucket is full', () => {
    const clock = manualClock()
    const bucket = new TokenBucket({ burst: 2, perSecond: 1 }, clock)
    expect(bucket.take(10)).toBe(0)
    expect(bucket.take(10)).toBe(2_000)
    clock.advance(2_000)
    expect(bucket.take(10)).toBe(0)
  })

  test('waits are whole milliseconds that suffice', () => {
    const clock = manualClock()
    const bucket = new TokenBucket({ burst: 1, perSecond: 30 }, clock)
    bucket.take()
    const wait = bucket.take()
    expect(wait).toBe(34)
    clock.advance(wait)
    expect(bucket.take()).toBe(0)
  })

  test('a clock that is set back neither gives nor takes, and counting goes on from there', () => {
    const clock = manualClock()
    const bucket = new TokenBucket({ burst: 1, perSecond: 1 }, clock)
    bucket.take()
    clock.set(clock.now() - 60_000)
    expect(bucket.take()).toBe(1_000)
    clock.advance(1_000)
    expect(bucket.take()).toBe(0)
  })
})

describe('buckets by key', () => {
  test('one key does not use up the other', () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 1 }, manualClock(), 10)
    expect(buckets.take('alice')).toBe(0)
    expect(buckets.take('alice')).toBe(1_000)
    expect(buckets.take('bob')).toBe(0)
  })

  test('are bounded: the one that rested longest is forgotten', () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 1 }, manualClock(), 2)
    for (const key of ['alice', 'bob', 'alice', 'carol']) buckets.take(key)
    expect(buckets.size).toBe(2)
    expect(buckets.take('alice')).toBe(1_000)
    expect(buckets.take('bob')).toBe(0)
    for (let i = 0; i < 1_000; i++) buckets.take(`user-${i}`)
    expect(buckets.size).toBe(2)
  })
})
