import { describe, expect, test } from 'vitest'
import type { Window } from '../store/store.ts'
import { closedAt, nextStep } from './subscription-windows.ts'

const open = Number.POSITIVE_INFINITY

describe('the next step', () => {
  const windows: Window[] = [
    { from: 3, to: 7 },
    { from: 10, to: open },
  ]

  test.each([
    [0, { do: 'skip', to: 3 }],
    [2, { do: 'skip', to: 3 }],
    [3, { do: 'read', to: 7 }],
    [6, { do: 'read', to: 7 }],
    [7, { do: 'skip', to: 10 }],
    [9, { do: 'skip', to: 10 }],
    [10, { do: 'read', to: open }],
    [1_000_000, { do: 'read', to: open }],
  ] as const)('after %i', (position, step) => {
    expect(nextStep(windows, position)).toEqual(step)
  })

  test('is the end after the last window', () => {
    expect(nextStep([{ from: 3, to: 7 }], 6)).toEqual({ do: 'read', to: 7 })
    expect(nextStep([{ from: 3, to: 7 }], 7)).toEqual({ do: 'end' })
    expect(nextStep([{ from: 3, to: 7 }], 8)).toEqual({ do: 'end' })
    expect(nextStep([], 0)).toEqual({ do: 'end' })
  })

  test('passes over a window that is empty', () => {
    expect(
      nextStep(
        [
          { from: 3, to: 3 },
          { from: 5, to: open },
        ],
        3,
      ),
    ).toEqual({ do: 'skip', to: 5 })
  })
})

describe('windows of a reader who was removed', () => {
  test('end with the removal, which is still read', () => {
    const windows = closedAt([{ from: 2, to: open }], 9)
    expect(windows).toEqual([{ from: 2, to: 9 }])
    expect(nextStep(windows, 8)).toEqual({ do: 'read', to: 9 })
    expect(nextStep(windows, 9)).toEqual({ do: 'end' })
  })

  test('keep what was closed before', () => {
    const before = { from: 2, to: 5 }
    expect(closedAt([before, { from: 7, to: open }], 9)).toEqual([before, { from: 7, to: 9 }])
  })

  test('keep those of a later joining: it may be known before the log is read up to the removal', () => {
    const later = { from: 12, to: open }
    expect(closedAt([{ from: 2, to: 9 }, later], 9)).toEqual([{ from: 2, to: 9 }, later])
    expect(closedAt([{ from: 2, to: open }, later], 9)).toEqual([{ from: 2, to: 9 }, later])
  })
})
