import { describe, expect, test } from 'vitest'
import {
  ceilingMs,
  ceilingMsMax,
  ceilingMsMin,
  type Ended,
  fractionOf,
  nextTry,
  restartSpreadMs,
  retryAfterMsMax,
} from './backoff.ts'

const lost: Ended = { kind: 'lost' }
const almostOne = 1 - 2 ** -32

describe('ceilings', () => {
  test('double from 250 ms to 30 s, and never beyond', () => {
    expect([0, 1, 2, 3].map(ceilingMs)).toEqual([250, 500, 1_000, 2_000])
    expect(ceilingMs(7)).toBe(ceilingMsMax)
    expect(ceilingMs(100_000)).toBe(ceilingMsMax)
  })
})

describe('the next try', () => {
  test('waits a random part of the ceiling, which rises with each failure', () => {
    expect(nextTry(0, lost, undefined, 0)).toEqual({ attempt: 1, delayMs: 0 })
    expect(nextTry(0, lost, undefined, almostOne)).toEqual({ attempt: 1, delayMs: ceilingMsMin - 1 })
    expect(nextTry(3, lost, undefined, 0.5)).toEqual({ attempt: 4, delayMs: 1_000 })
  })

  test('begins anew after a connection that was stable, not after one that was not', () => {
    expect(nextTry(9, lost, 10_000, 0.5)).toEqual({ attempt: 1, delayMs: 125 })
    expect(nextTry(3, lost, 9_999, 0.5)).toEqual({ attempt: 4, delayMs: 1_000 })
  })

  test('comes soon after a restart, spread over some time', () => {
    expect(nextTry(0, { kind: 'restarting' }, 60_000, 0)).toEqual({ attempt: 1, delayMs: 0 })
    expect(nextTry(0, { kind: 'restarting' }, 60_000, 0.5)).toEqual({ attempt: 1, delayMs: restartSpreadMs / 2 })
    // A server that does nothing but restart is asked less and less often.
    expect(nextTry(6, { kind: 'restarting' }, undefined, 0.5).delayMs).toBe(8_000)
  })

  test('waits as long as a server asks, within reason, and some time more', () => {
    expect(nextTry(0, { kind: 'refused', retryAfterMs: 4_000 }, undefined, 0.5).delayMs).toBe(4_125)
    expect(nextTry(0, { kind: 'refused', retryAfterMs: 1e15 }, undefined, 0).delayMs).toBe(retryAfterMsMax)
    expect(nextTry(0, { kind: 'refused', retryAfterMs: Number.NaN }, undefined, 0).delayMs).toBe(0)
    expect(nextTry(0, { kind: 'refused' }, undefined, 0.5).delayMs).toBe(125)
  })

  test('comes at once with another token, unless tokens end as soon as they are made', () => {
    expect(nextTry(5, { kind: 'token' }, undefined, 0.5)).toEqual({ attempt: 5, delayMs: 0 })
    expect(nextTry(5, { kind: 'token' }, 60_000, 0.5)).toEqual({ attempt: 0, delayMs: 0 })
    expect(nextTry(1, { kind: 'token' }, 300, 0.5)).toEqual({ attempt: 2, delayMs: 250 })
  })
})

test('a fraction is made of random bytes: at least 0, less than 1', () => {
  expect(fractionOf(Uint8Array.of(0, 0, 0, 0))).toBe(0)
  expect(fractionOf(Uint8Array.of(128, 0, 0, 0))).toBe(0.5)
  expect(fractionOf(Uint8Array.of(9, 255, 255, 255, 255).subarray(1))).toBe(almostOne)
})
