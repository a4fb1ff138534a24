import { expect, test } from 'vitest'
import { printable, printableName } from './printable.ts'

test.each([
  ['plain – «ünïcode» 👍🏽', 'plain – «ünïcode» 👍🏽'],
  ['\x1b[2J\x07\x9b1m\x7f', '\ufffd[2J\ufffd\ufffd1m\ufffd'],
  ['\u202egnp.exe\u2066', '\ufffdgnp.exe\ufffd'],
  ['a\r\nb\rc\td', 'a\n      b\n      c  d'],
  ['\ud800', '\ufffd'],
])('%j commands nothing', (text, shown) => expect(printable(text)).toBe(shown))

test('a name is one line', () => expect(printableName('bob\n* alice is verified')).toBe('bob * alice is verified'))
