import { expect, test } from 'vitest'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import { flippedText } from './identity.suite.ts'
import { type LinkRequest, makeLinkCode, readLinkCode } from './link-code.ts'

const key = (byte: number) => Uint8Array.from({ length: 32 }, (_, index) => (byte * 31 + index * 7) & 0xff)
const request: LinkRequest = {
  deviceId: 'Zm9vYmFyYmF6cXV4cXV1eA',
  name: 'Laptop',
  signatureKey: key(1),
  sealKey: key(2),
  secret: key(3),
}
const malformed = expect.objectContaining({ reason: 'malformed' })

test('a code carries the request', () => {
  const code = makeLinkCode({ ...request, userId: 'alice' })
  expect(code).toMatch(/^[A-Za-z0-9_-]{1,199}$/)
  expect(readLinkCode(code)).toEqual(request)
  expect(readLinkCode(code, 'alice')).toEqual(request)
  expect(readLinkCode(makeLinkCode(request), 'anybody')).toEqual(request)
  expect(readLinkCode(` ${code.slice(0, 50)}\n${code.slice(50)} `)).toEqual(request)
  const { name: _, ...nameless } = request
  expect(readLinkCode(makeLinkCode(nameless))).toEqual(nameless)
})

test('it is short: the name gives way', () => {
  for (const deviceId of ['a', 'x'.repeat(22), 'x'.repeat(36)]) {
    const code = makeLinkCode({ ...request, userId: 'u'.repeat(128), deviceId, name: '🦊'.repeat(64) })
    expect(code.length).toBeLessThan(200)
    const read = readLinkCode(code)
    expect(read.deviceId).toBe(deviceId)
    expect('🦊'.repeat(64).startsWith(read.name ?? '')).toBe(true)
  }
  const longest = makeLinkCode({ ...request, deviceId: 'x'.repeat(64) })
  expect(readLinkCode(longest)).toEqual({ deviceId: 'x'.repeat(64), signatureKey: key(1), sealKey: key(2), secret: key(3) })
})

test('a code for another user is refused', () => {
  expect(() => readLinkCode(makeLinkCode({ ...request, userId: 'alice' }), 'bob')).toThrow(
    expect.objectContaining({ reason: 'wrong_user' }),
  )
})

test('every flipped bit, every missing character and every swap of neighbours is refused', () => {
  const code = makeLinkCode({ ...request, userId: 'alice' })
  let tried = 0
  for (const changed of flippedText(code)) {
    expect(() => readLinkCode(changed), changed).toThrow(malformed)
    tried++
  }
  expect(tried).toBe(code.length * 8)
  for (let at = 0; at < code.length; at++) {
    expect(() => readLinkCode(code.slice(0, at) + code.slice(at + 1))).toThrow(malformed)
    expect(() => readLinkCode(code.slice(0, at))).toThrow(malformed)
    if (at === 0 || code[at] === code[at - 1]) continue
    expect(() => readLinkCode(code.slice(0, at - 1) + code[at] + code[at - 1] + code.slice(at + 1))).toThrow(malformed)
  }
  expect(() => readLinkCode(`${code}A`)).toThrow(malformed)
  expect(() => readLinkCode('A'.repeat(10_000))).toThrow(malformed)
})

test('a code of another version is refused, also with its own checksum', () => {
  const bytes = fromBase64Url(makeLinkCode(request), 300)
  bytes[0] = 2
  expect(() => readLinkCode(toBase64Url(bytes))).toThrow(malformed)
})

test.each<[string, Partial<LinkRequest> & { userId?: string }]>([
  ['no device id', { deviceId: 'a/b' }],
  ['no user id', { userId: '' }],
  ['no name', { name: '' }],
  ['a short key', { signatureKey: new Uint8Array(31) }],
  ['a long key', { sealKey: new Uint8Array(33) }],
  ['a short secret', { secret: new Uint8Array(16) }],
])('%s makes no code', (_, change) => {
  expect(() => makeLinkCode({ ...request, ...change })).toThrow(malformed)
})
