import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { idempotencyKey } from './key.ts'

test('a key is the first half of SHA-256 over number and id', () => {
  const expected = createHash('sha256').update('42:Grüße 🌍', 'utf8').digest().subarray(0, 16)
  expect(idempotencyKey(42, 'Grüße 🌍').toString('hex')).toBe(expected.toString('hex'))
})

test('no two pairs of number and id share a key', () => {
  const pairs: [number, string][] = [
    [1, '2'],
    [12, ''],
    [1, ':2'],
    [1, '2:'],
    [2, '1'],
    [1, '2\u0000'],
    [1, '02'],
    [12, ':'],
    [1, '2:3'],
    [2 ** 40, '2'],
  ]
  expect(new Set(pairs.map(([no, id]) => idempotencyKey(no, id).toString('hex'))).size).toBe(pairs.length)
})

test('each key has memory of its own', () => {
  const first = idempotencyKey(1, 'a')
  const before = first.toString('hex')
  idempotencyKey(1, 'b').fill(0)
  expect(first.toString('hex')).toBe(before)
})
