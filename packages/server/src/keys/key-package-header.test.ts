import { expect, test } from 'vitest'
import { keyPackageOf } from './key-package.suite.ts'
import { requireKeyPackage } from './key-package-header.ts'

const refused = (detail: string) => expect.objectContaining({ code: 'bad_request', message: expect.stringContaining(detail) })

test('an MLSMessage with a key package of MLS 1.0 and of the named ciphersuite is taken', () => {
  expect(() => requireKeyPackage(keyPackageOf('a'), 1)).not.toThrow()
  expect(() => requireKeyPackage(keyPackageOf('a', { ciphersuite: 0xf053 }), 0xf053)).not.toThrow()
})

test.each([
  ['another version', { version: 2 }, 'MLSMessage of MLS 1.0'],
  ['a public message', { wireFormat: 1 }, 'MLSMessage of MLS 1.0'],
  ['a Welcome', { wireFormat: 3 }, 'MLSMessage of MLS 1.0'],
  ['a wire format that only ends like it', { wireFormat: 0x0105 }, 'MLSMessage of MLS 1.0'],
  ['a key package of another version', { keyPackageVersion: 0x0101 }, 'not of MLS 1.0'],
  ['another ciphersuite', { ciphersuite: 2 }, 'of ciphersuite 2, not 1'],
  ['a ciphersuite that only ends like it', { ciphersuite: 0x0101 }, 'of ciphersuite 257, not 1'],
])('%s is refused', (_, header, detail) => {
  expect(() => requireKeyPackage(keyPackageOf('a', header), 1)).toThrow(refused(detail))
})

test('a key package without the MLSMessage around it is refused', () => {
  const bare = Buffer.from(keyPackageOf('a'), 'base64').subarray(4).toString('base64')
  expect(() => requireKeyPackage(bare, 1)).toThrow(refused('MLSMessage of MLS 1.0'))
})

test('a header without contents, or less than one, is refused', () => {
  const whole = Buffer.from(keyPackageOf(''), 'base64')
  for (let length = 0; length <= 8; length++) {
    const cut = whole.subarray(0, length).toString('base64')
    expect(() => requireKeyPackage(cut, 1), `${length}`).toThrow(refused('MLSMessage of MLS 1.0'))
  }
})

test('two texts for the same bytes are not both taken', () => {
  const text = keyPackageOf('ab')
  expect(text).toMatch(/[^=]=$/)
  const last = text.at(-2)!
  const other = `${text.slice(0, -2)}${String.fromCharCode(last.charCodeAt(0) + 1)}=`
  expect(Buffer.from(other, 'base64')).toEqual(Buffer.from(text, 'base64'))
  for (const odd of [other, text.slice(0, -1), `${text}=`]) {
    expect(() => requireKeyPackage(odd, 1), odd).toThrow(refused('canonical base64'))
  }
})
