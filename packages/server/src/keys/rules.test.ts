import { expect, test } from 'vitest'
import { distinctPreKeys, runningLow } from './rules.ts'

const key = (keyId: number | string, publicKey = 'k'.repeat(16)) => ({ keyId, publicKey })

test('a key that an upload repeats counts once', () => {
  expect(distinctPreKeys([key(1), key(2), key(1)])).toEqual([key(1), key(2)])
})

test('the number 1 and the text "1" are two key ids', () => {
  expect(distinctPreKeys([key(1), key('1', 'x'.repeat(16))])).toHaveLength(2)
})

test('one key id with two keys is a conflict that names it', () => {
  expect(() => distinctPreKeys([key('a'), key('a', 'x'.repeat(16))])).toThrow(
    expect.objectContaining({ code: 'key_conflict', extra: { keyId: 'a' } }),
  )
})

test('devices below the threshold are asked for more, those at it are not', () => {
  const claimed = [0, 19, 20, 21].map((left) => ({
    userId: 'alice',
    deviceId: `d${left}`,
    identityKey: 'i'.repeat(16),
    signedPreKey: null,
    pqPreKey: null,
    oneTimePreKey: null,
    left,
  }))
  expect(runningLow(claimed, 20).map(({ deviceId }) => deviceId)).toEqual(['d0', 'd19'])
})
