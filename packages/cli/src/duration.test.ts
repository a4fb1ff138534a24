import { expect, test } from 'vitest'
import { durationInWords, durationMs } from './duration.ts'

test.each([
  ['1s', 1_000],
  ['90s', 90_000],
  ['15m', 900_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
])('%s is %i ms', (text, ms) => expect(durationMs(text)).toBe(ms))

test.each(['', '24', 'h', '0s', '-1h', '1.5h', '1 h', '1H', '1w', '24h ', '1h30m', '9999999999s'])(
  '%j is no duration',
  (text) => {
    expect(durationMs(text)).toBeUndefined()
  },
)

test.each([
  [0, '0 seconds'],
  [1_999, '1 second'],
  [59_000, '59 seconds'],
  [60_000, '1 minute'],
  [7_200_000, '2 hours'],
  [86_400_000, '1 day'],
  [30 * 86_400_000, '30 days'],
])('%i ms are %s', (ms, words) => expect(durationInWords(ms)).toBe(words))
