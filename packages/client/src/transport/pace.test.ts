import { expect, test } from 'vitest'
import { manualTimers } from './manual-timers.suite.ts'
import { Pace } from './pace.ts'

/** How many may leave now. */
function drain(pace: Pace, max = 1_000): number {
  let count = 0
  while (count < max && pace.take() === 0) count += 1
  return count
}

test('without a limit everything leaves', () => {
  const pace = new Pace(manualTimers())
  expect(drain(pace)).toBe(1_000)
  pace.limit(undefined, 30)
  pace.limit(0, 0)
  expect(drain(pace)).toBe(1_000)
})

test('a burst leaves at once, then less than the rate', () => {
  const timers = manualTimers()
  const pace = new Pace(timers)
  pace.limit(60, 30)
  expect(drain(pace)).toBe(60)
  const waitMs = pace.take()
  expect(waitMs).toBe(38)
  timers.advance(waitMs)
  expect(pace.take()).toBe(0)
  timers.advance(10_000)
  expect(drain(pace)).toBe(60)
})

test('a new connection does not make the rate forgotten', () => {
  const timers = manualTimers()
  const pace = new Pace(timers)
  pace.limit(10, 10)
  expect(drain(pace)).toBe(10)
  pace.limit(10, 10)
  expect(drain(pace)).toBe(0)
})

test('after a refusal it begins with nothing', () => {
  const pace = new Pace(manualTimers())
  pace.limit(10, 10)
  pace.empty()
  expect(drain(pace)).toBe(0)
})
