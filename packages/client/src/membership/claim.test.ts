import { describe, expect, test } from 'vitest'
import { toCanonical } from '../identity/canonical.ts'
import { decodeClaim, encodeClaim, sameClaim } from './claim.ts'
import type { CommitClaim, MemberDevice, Role } from './membership.ts'

const device = (userId: string, deviceId = 'phone'): MemberDevice => ({ userId, deviceId })
const roles = (of: Record<string, Role>) => new Map(Object.entries(of))
const rosterHash = Uint8Array.from({ length: 32 }, (_, at) => at)
const signature = new Uint8Array(64).fill(7)
const empty: CommitClaim = { added: [], removed: [], left: [], roles: new Map(), goodbyes: [], rosterHash }
const claim: CommitClaim = {
  added: [device('adam'), device('mia', 'laptop'), device('mia', 'phone')],
  removed: [device('max')],
  left: ['a', 'max'],
  roles: roles({ adam: 'admin', mia: 'owner', zoe: 'member' }),
  goodbyes: [
    { ...device('max', 'laptop'), signature },
    { ...device('mia'), signature: signature.toReversed() },
  ],
  rosterHash,
}
const malformed = expect.objectContaining({ reason: 'malformed' })

test('round trip', () => {
  for (const one of [empty, claim]) expect(decodeClaim(encodeClaim(one))).toEqual(one)
})

test('lists are sets', () => {
  const turned: CommitClaim = {
    ...claim,
    added: claim.added.toReversed(),
    left: claim.left.toReversed(),
    goodbyes: claim.goodbyes.toReversed(),
    roles: new Map([...claim.roles].reverse()),
  }
  expect(encodeClaim(turned)).toEqual(encodeClaim(claim))
  expect(sameClaim(turned, claim)).toBe(true)
})

test.each<[string, Partial<CommitClaim>]>([
  ['added', { added: [] }],
  ['another device', { removed: [device('max', 'laptop')] }],
  ['removed', { removed: [...claim.removed, device('adam')] }],
  ['added and removed changed places', { added: claim.removed, removed: claim.added }],
  ['left', { left: ['max'] }],
  ['a role', { roles: roles({ adam: 'admin', mia: 'owner', zoe: 'admin' }) }],
  ['no goodbye', { goodbyes: [] }],
  ['a goodbye of another device', { goodbyes: [claim.goodbyes[1]!, { ...device('max'), signature }] }],
  ['hash', { rosterHash: new Uint8Array(32) }],
])('another claim: %s', (_, change) => {
  expect(sameClaim({ ...claim, ...change }, claim)).toBe(false)
})

describe('refuses', () => {
  const encoded =
    (...values: Parameters<typeof toCanonical>[1][]) =>
    () =>
      decodeClaim(toCanonical('sotto commit v1', values))

  test.each([
    [
      'a device twice',
      encoded(
        [
          ['a', 'd'],
          ['a', 'd'],
        ],
        [],
        [],
        [],
        rosterHash,
      ),
    ],
    [
      'devices out of order',
      encoded(
        [
          ['b', 'd'],
          ['a', 'd'],
        ],
        [],
        [],
        [],
        rosterHash,
      ),
    ],
    [
      'devices of a user out of order',
      encoded(
        [],
        [
          ['a', 'e'],
          ['a', 'd'],
        ],
        [],
        [],
        rosterHash,
      ),
    ],
    ['no device', encoded([['a']], [], [], [], rosterHash)],
    ['no device id', encoded([['a', 'd/e']], [], [], [], rosterHash)],
    ['no user id', encoded([['', 'd']], [], [], [], rosterHash)],
    ['users out of order', encoded([], [], ['b', 'a'], [], rosterHash)],
    ['a user twice', encoded([], [], ['a', 'a'], [], rosterHash)],
    ['no role', encoded([], [], [], [['a', 3]], rosterHash)],
    [
      'a role twice',
      encoded(
        [],
        [],
        [],
        [
          ['a', 1],
          ['a', 2],
        ],
        rosterHash,
      ),
    ],
    ['a short hash', encoded([], [], [], [], rosterHash.subarray(1))],
    ['a value more', encoded([], [], [], [], rosterHash, [['a', 'd', signature]], 0)],
    ['goodbyes of nobody', encoded([], [], [], [], rosterHash, [])],
    [
      'goodbyes out of order',
      encoded([], [], [], [], rosterHash, [
        ['b', 'd', signature],
        ['a', 'd', signature],
      ]),
    ],
    [
      'two goodbyes of a user',
      encoded([], [], [], [], rosterHash, [
        ['a', 'd', signature],
        ['a', 'e', signature],
      ]),
    ],
    ['a goodbye without a device', encoded([], [], [], [], rosterHash, [['a', signature]])],
    ['a short signature', encoded([], [], [], [], rosterHash, [['a', 'd', signature.subarray(1)]])],
    ['a value less', encoded([], [], [], rosterHash)],
    ['nothing', () => decodeClaim(new Uint8Array())],
    ['trailing bytes', () => decodeClaim(new Uint8Array([...encodeClaim(claim), 0]))],
    ['to write a device twice', () => encodeClaim({ ...claim, added: [device('a'), device('a')] })],
    [
      'to write two goodbyes of a user',
      () => encodeClaim({ ...claim, goodbyes: [claim.goodbyes[0]!, { ...device('max'), signature }] }),
    ],
    ['to write a user twice', () => encodeClaim({ ...claim, left: ['a', 'a'] })],
  ])('%s', (_, attempt) => {
    expect(attempt).toThrow(malformed)
  })
})

test('every flipped bit is refused or another claim', () => {
  const bytes = encodeClaim(claim)
  let others = 0
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = new Uint8Array(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    try {
      expect(sameClaim(decodeClaim(changed), claim)).toBe(false)
      others++
    } catch (error) {
      expect(error).toMatchObject({ reason: 'malformed' })
    }
  }
  expect(others).toBeGreaterThan(256)
})
