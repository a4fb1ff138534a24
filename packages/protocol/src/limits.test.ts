import { expect, test } from 'vitest'
import { defaultLimits, limitNames, limitTable } from './limits.ts'

const MiB = 1_048_576

test('the limits are those of the wire, and no other', () => {
  expect(defaultLimits).toEqual({
    CIPHERTEXT_BYTES: 131_072,
    FRAME_BYTES: 196_608,
    BODY_BYTES: MiB,
    COMMIT_BYTES: 8 * MiB,
    GROUP_MEMBERS: 1_000,
    USER_DEVICES: 10,
    USER_GROUPS: 1_000,
    USER_SOCKETS: 20,
    SOCKETS: 20_000,
    MAILBOX_ENTRIES: 10_000,
    MAILBOX_BYTES: 64 * MiB,
    PAIR_ENTRIES: 2_000,
    PAIR_BYTES: 32 * MiB,
    WINDOW_ENTRIES: 256,
    WINDOW_BYTES: MiB,
    PREKEYS: 500,
    KEY_PACKAGES: 200,
    KEYS_LOW: 20,
    SENDS_BURST: 60,
    SENDS_PER_SECOND: 30,
    CLAIMS_PAIR_BURST: 6,
    CLAIMS_PAIR_PER_HOUR: 6,
    CLAIMS_TARGET_BURST: 100,
    CLAIMS_TARGET_PER_SECOND: 1,
    REQUESTS_BURST: 200,
    REQUESTS_PER_SECOND: 50,
    HELLO_MS: 5_000,
    HELLO_BYTES: 8_192,
    SIGNAL_BYTES: 4_096,
    SIGNALS_PER_SECOND: 10,
    ADDS_PAIR_PER_DAY: 50,
  })
})

test('a ciphertext fits into a frame, a frame into a body, and a hello before authentication into its own limit', () => {
  expect(defaultLimits.CIPHERTEXT_BYTES).toBeLessThan(defaultLimits.FRAME_BYTES)
  expect(defaultLimits.FRAME_BYTES).toBeLessThan(defaultLimits.BODY_BYTES)
  expect(defaultLimits.FRAME_BYTES).toBeLessThanOrEqual(defaultLimits.WINDOW_BYTES / 2)
})

test('every limit says what it bounds, and cannot be changed in passing', () => {
  for (const name of limitNames) expect(limitTable[name][1]).toMatch(/^[a-zH].{8,}[^.]$/)
  expect(Object.isFrozen(defaultLimits)).toBe(true)
})
