import { expect, test } from 'vitest'
import { chatCommands, chatHelpLines, entered, numbered } from './chat-command.ts'

test.each([
  ['hello', { kind: 'text', text: 'hello' }],
  [' indented ', { kind: 'text', text: ' indented ' }],
  ['//etc/hosts', { kind: 'text', text: '/etc/hosts' }],
  ['  ', { kind: 'nothing' }],
  ['/who', { kind: 'command', name: 'who', args: [], rest: '' }],
  ['/edit 3  two  words ', { kind: 'command', name: 'edit', args: ['3', 'two', 'words'], rest: '3  two  words' }],
  ['/frob x', { kind: 'unknown', name: 'frob' }],
  ['/', { kind: 'unknown', name: '' }],
  ['/toString', { kind: 'unknown', name: 'toString' }],
])('%j', (line, meaning) => expect(entered(line)).toEqual(meaning))

test.each([
  ['3 👍', { number: 3, rest: '👍' }],
  ['3', { number: 3, rest: '' }],
  ['👍', { number: undefined, rest: '👍' }],
  ['3rd time', { number: undefined, rest: '3rd time' }],
  ['', { number: undefined, rest: '' }],
])('a number in front of %j', (rest, found) => expect(numbered(rest)).toEqual(found))

test('the help has every command, in lines that fit', () => {
  const lines = chatHelpLines()
  expect(lines).toHaveLength(Object.keys(chatCommands).length)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
})
