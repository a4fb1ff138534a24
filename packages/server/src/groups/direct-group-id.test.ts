import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { directGroupId, directGroupIdLength } from './direct-group-id.ts'
import { generationOf, isRandomGroupId, mlsGroupId } from './mls-group-id.ts'

test('both of a pair come to the same id', () => {
  expect(directGroupId('alice', 'bob')).toBe(directGroupId('bob', 'alice'))
  expect(directGroupId('alice', 'bob')).not.toBe(directGroupId('alice', 'bo'))
  expect(directGroupId('alice', 'alice')).not.toBe(directGroupId('alice', 'bob'))
})

test('the bytes are those that the docs name', () => {
  const bytes = Buffer.concat([
    Buffer.from('sotto direct v1'),
    Buffer.from([0, 5]),
    Buffer.from('alice'),
    Buffer.from([0, 3]),
    Buffer.from('bob'),
  ])
  expect(directGroupId('bob', 'alice')).toBe(createHash('sha256').update(bytes).digest('base64url'))
})

test('users are ordered by their bytes, not by their UTF-16 units', () => {
  // U+1F600 comes before U+FF5E in UTF-16, after it in UTF-8.
  const [wide, astral] = ['～', '😀']
  const part = (user: string) => Buffer.concat([Buffer.from([0, Buffer.byteLength(user)]), Buffer.from(user)])
  const hash = createHash('sha256').update('sotto direct v1').update(part(wide)).update(part(astral))
  expect(directGroupId(astral, wide)).toBe(hash.digest('base64url'))
})

test('no two pairs are written alike', () => {
  expect(directGroupId('a', 'bc')).not.toBe(directGroupId('ab', 'c'))
  expect(directGroupId('', 'abc')).not.toBe(directGroupId('a', 'bc'))
})

test('no client gives a group an id of that length', () => {
  expect(directGroupId('a', 'b')).toHaveLength(directGroupIdLength)
  expect(isRandomGroupId(directGroupId('a', 'b'))).toBe(false)
})

test.each([
  [16, true],
  [31, true],
  [15, false],
  [32, false],
])('an id of %i bytes: %s', (bytes, expected) => {
  expect(isRandomGroupId(Buffer.alloc(bytes, 0xa7).toString('base64url'))).toBe(expected)
})

test.each(['AAAAAAAAAAAAAAAAAAAAAB', 'AAAAAAAAAAAAAAAAAAAA.A', 'AAAAAAAAAAAAAAAAAAAAA', 'A'.repeat(41)])(
  '%s is no base64url of whole bytes',
  (id) => {
    expect(isRandomGroupId(id)).toBe(false)
  },
)

test('the generation stands in the id inside the messages', () => {
  expect(mlsGroupId('g', 0)).toBe('g')
  expect(mlsGroupId('g', 12)).toBe('g.12')
  for (const generation of [0, 1, 12]) expect(generationOf('g', mlsGroupId('g', generation))).toBe(generation)
  for (const other of ['h', 'g.', 'g.0', 'g.01', 'g.-1', 'g.1.1', 'g.1e3', 'g.99999999999999999999', 'gg.1', ' g']) {
    expect(generationOf('g', other), other).toBeUndefined()
  }
})
