import { describe, expect, test } from 'vitest'
import { LargeBodies, largeBodyBytes, requestsFor } from './large-bodies.ts'

test.each([
  [0, 1],
  [65_536, 1],
  [65_537, 2],
  [8 * 1024 * 1024, 128],
])('a body of %i bytes costs %i requests', (bytes, requests) => {
  expect(requestsFor(bytes)).toBe(requests)
})

test.each<[string | undefined, number | null]>([
  ['0', null],
  ['100', null],
  ['101', 101],
  ['800', 800],
  ['801', 800],
  ['99999999999999999999', 800],
  ['what', 800],
  [undefined, 800],
])('a body whose length is said to be %s may come to %s', (contentLength, bytes) => {
  expect(largeBodyBytes(contentLength, { ordinary: 100, max: 800 })).toBe(bytes)
})

describe('room for large bodies', () => {
  /** Takes room that must be there. */
  function taken(bodies: LargeBodies, userId: string, bytes: number): () => void {
    const give = bodies.take(userId, bytes)
    if (typeof give === 'string') throw new Error(`no room: ${give}`)
    return give
  }

  test('is for two of one user, and for eight in all', () => {
    const bodies = new LargeBodies(100)
    const given = ['a', 'a', 'b', 'b', 'c', 'c', 'd'].map((userId) => taken(bodies, userId, 100))
    expect(bodies.take('a', 1)).toBe('user')
    taken(bodies, 'e', 60)
    expect(bodies.take('e', 60)).toBe('process')
    taken(bodies, 'e', 40)
    expect(bodies.take('f', 1)).toBe('process')
    given[0]?.()
    taken(bodies, 'a', 99)
    expect(bodies.take('a', 2)).toBe('user')
  })
})
