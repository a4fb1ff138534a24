import { expect, test } from 'vitest'
import { fromCanonical, toCanonical } from '../identity/canonical.ts'
import { decodeGoodbye, encodeGoodbye, goodbyeBytes } from './goodbye.ts'

const since = 7
const carol = { userId: 'carol', deviceId: 'phone' }

test('is for one device, in one generation of one group, for as long as its user is in without a break', () => {
  const all = [
    goodbyeBytes('g', carol, since),
    goodbyeBytes('g.1', carol, since),
    goodbyeBytes('g', { ...carol, deviceId: 'laptop' }, since),
    goodbyeBytes('g', { ...carol, userId: 'dave' }, since),
    goodbyeBytes('g', carol, 8),
  ]
  expect(new Set(all.map(String)).size).toBe(all.length)
})

test('is nothing that MLS signs with the same key: what is signed there begins with a short label', () => {
  const bytes = goodbyeBytes('g', carol, since)
  expect(fromCanonical('sotto goodbye v1', bytes, 1_000)).toEqual(['g', 'carol', 'phone', since])
  // `SignContent` (RFC 9420 section 5.1.2): the length of "MLS 1.0 …", in one byte below 64.
  expect(bytes[0]).toBeGreaterThan(0x40)
})

test('comes over the wire as it was signed, and nothing else is read as one', () => {
  const goodbye = { ...carol, signature: new Uint8Array(64).fill(3) }
  const bytes = encodeGoodbye(goodbye)
  expect(decodeGoodbye('carol', bytes)).toEqual(goodbye)
  const label = 'sotto signed goodbye v1'
  for (const other of [
    new Uint8Array(),
    bytes.subarray(1),
    goodbyeBytes('g', carol, since),
    toCanonical(label, ['phone', new Uint8Array(63)]),
    toCanonical(label, ['not a name', goodbye.signature]),
    toCanonical(label, ['phone', goodbye.signature, 'more']),
  ])
    expect(() => decodeGoodbye('carol', other)).toThrow(expect.objectContaining({ reason: 'malformed' }))
})
