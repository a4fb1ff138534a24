import { deviceId, deviceName, userId } from '@sotto/protocol'
import { expect, test } from 'vitest'
import { isDeviceId, isLabel, isUserId } from './names.ts'

const texts = [
  '',
  'a',
  'Alice',
  'a b',
  'a/b',
  'a.b-c_d',
  'é',
  '🦊',
  '\ud800',
  '\udc00a',
  'a\u0000',
  'a\nb',
  '\u007f',
  '\u0085',
  '\u00a0',
  '\u200b',
  'x'.repeat(64),
  'x'.repeat(65),
  'x'.repeat(128),
  'x'.repeat(129),
  '🦊'.repeat(64),
  '🦊'.repeat(65),
  '🦊'.repeat(128),
  '🦊'.repeat(129),
  'x'.repeat(300),
  '.',
  '..',
  'a\u2028b',
  'auth0|1234',
  'a@b.c',
]

test.each(texts)('text %# is an id exactly where the protocol says so', (text) => {
  expect(isUserId(text)).toBe(userId.safeParse(text).success)
  expect(isDeviceId(text)).toBe(deviceId.safeParse(text).success)
  expect(isLabel(text)).toBe(deviceName.safeParse(text).success)
})
