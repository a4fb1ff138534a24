import { expect, test } from 'vitest'
import { parseSinceCursor, sinceCursorText } from './since-cursor.ts'

const cursor = { now: 1_735_689_600_000, after: { receivedAt: 1_735_689_599_999, mailbox: 'u1z', seq: 42 } }
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

test('a cursor comes back as it went out', () => {
  expect(parseSinceCursor(sinceCursorText(cursor))).toEqual(cursor)
})

test.each([
  ['nothing', ''],
  ['no base64', '%%%'],
  ['no JSON', Buffer.from('[1,2').toString('base64url')],
  ['no list', encoded({ now: 1 })],
  ['null', encoded(null)],
  ['another form', encoded([2, 1, 1, 'u1', 1])],
  ['too short', encoded([1, 1, 1, 'u1'])],
  ['too long', encoded([1, 1, 1, 'u1', 1, 1])],
  ['a time that is text', encoded([1, '1', 1, 'u1', 1])],
  ['a time before 1970', encoded([1, 1, -1, 'u1', 1])],
  ['a fraction', encoded([1, 1, 1.5, 'u1', 1])],
  ['a number beyond what is exact', encoded([1, 1, 2 ** 60, 'u1', 1])],
  ['a name that is no mailbox', encoded([1, 1, 1, 'U-1', 1])],
  ['a long name', encoded([1, 1, 1, 'u'.repeat(100), 1])],
  ['an object for a name', encoded([1, 1, 1, { toString: 1 }, 1])],
  ['seq 0', encoded([1, 1, 1, 'u1', 0])],
  ['white space', Buffer.from('[1, 1, 1, "u1", 1]').toString('base64url')],
  ['padding', `${sinceCursorText(cursor)}=`],
])('%s is refused', (_, text) => {
  expect(() => parseSinceCursor(text)).toThrow(expect.objectContaining({ code: 'bad_request' }))
})
