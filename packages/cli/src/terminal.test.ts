import { expect, test } from 'vitest'
import { hasColours, isWatched, paintFor } from './terminal.ts'

const terminal = { isTTY: true }
const pipe = {}

test('colours only on a terminal that has them, and not against NO_COLOR', () => {
  expect(hasColours(terminal, {})).toBe(true)
  expect(hasColours(terminal, { NO_COLOR: '' })).toBe(true)
  expect(hasColours(terminal, { NO_COLOR: '1' })).toBe(false)
  expect(hasColours(terminal, { NO_COLOR: '0' })).toBe(false)
  expect(hasColours(terminal, { TERM: 'dumb' })).toBe(false)
  expect(hasColours(pipe, {})).toBe(false)
  expect(hasColours(pipe, { FORCE_COLOR: '1' })).toBe(false)
})

test('lines that are written over only where somebody watches', () => {
  expect(isWatched(terminal, { TERM: 'xterm', NO_COLOR: '1' })).toBe(true)
  expect(isWatched(terminal, { TERM: 'dumb' })).toBe(false)
  expect(isWatched(pipe, { TERM: 'xterm' })).toBe(false)
})

test('paint leaves the text as it is, or puts colours around it', () => {
  expect(paintFor(pipe, {})('red', 'text')).toBe('text')
  expect(paintFor(terminal, {})('red', 'text')).toBe('\x1b[31mtext\x1b[39m')
})
