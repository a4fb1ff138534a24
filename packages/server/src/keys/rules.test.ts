import { expect, test } from 'vitest'
import type { KeyPackageOutcome } from '../store/store.ts'
import { claimedKeyPackages, distinctPreKeys, runningLow, shortOfKeyPackages } from './rules.ts'

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
    left: { oneTimePreKeys: left, keyPackages: 0 },
  }))
  expect(runningLow(claimed, 20).map(({ deviceId }) => deviceId)).toEqual(['d0', 'd19'])
})

const outcome = (deviceId: string | null, given: KeyPackageOutcome['given'], keyPackages: number | null): KeyPackageOutcome => ({
  userId: 'alice',
  deviceId,
  given,
  left: keyPackages === null ? null : { oneTimePreKeys: 7, keyPackages },
})
const oneTime = { keyPackage: 'AAAA', lastResort: false }
const lastResort = { keyPackage: 'BBBB', lastResort: true }

test('what was claimed is answered, what has none is missing, a user without devices stands alone', () => {
  const outcomes = [outcome('a', oneTime, 3), outcome('b', lastResort, 0), outcome('c', null, 0), outcome('d', null, null)]
  expect(claimedKeyPackages([...outcomes, outcome(null, null, null)])).toEqual({
    keyPackages: [
      { userId: 'alice', deviceId: 'a', ...oneTime },
      { userId: 'alice', deviceId: 'b', ...lastResort },
    ],
    missing: [{ userId: 'alice', deviceId: 'c' }, { userId: 'alice', deviceId: 'd' }, { userId: 'alice' }],
  })
})

test('devices short of key packages are asked for more, those that never had any are not', () => {
  const outcomes = [
    ...[0, 19, 20, 21].map((left) => outcome(`d${left}`, oneTime, left)),
    outcome('empty', null, 0),
    outcome('olm', null, null),
    outcome(null, null, null),
  ]
  expect(shortOfKeyPackages(outcomes, 20)).toEqual(
    [
      ['d0', 0],
      ['d19', 19],
      ['empty', 0],
    ].map(([deviceId, keyPackages]) => ({ userId: 'alice', deviceId, oneTimePreKeys: 7, keyPackages })),
  )
})
