import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { openScreen } from './screen.ts'

function terminal(isTerminal: boolean) {
  const input = new PassThrough()
  const output = Object.assign(new PassThrough(), { columns: 20, isTTY: isTerminal })
  let shown = ''
  output.setEncoding('utf8').on('data', (text: string) => {
    shown += text
  })
  const screen = openScreen(input, output, isTerminal)
  const written = () => {
    const text = shown
    shown = ''
    return text
  }
  return { input, screen, written }
}

/** What a terminal is told: one row up, the first column, clear to the end. */
const up = '\x1b[1A'
const clear = '\x1b[1G\x1b[0J'

test('lines in, lines out: nothing else is written, and the end is told', async () => {
  const { input, screen, written } = terminal(false)
  input.end('one\r\n\ntwo')
  screen.prompt('> ')
  screen.print(['a', 'b'])
  expect(await screen.nextLine()).toBe('one')
  expect(await screen.nextLine()).toBe('')
  expect(await screen.nextLine()).toBe('two')
  expect(await screen.nextLine()).toBeUndefined()
  expect(written()).toBe('a\nb\n')
})

test('more lines than wait at once come all, in order', async () => {
  const { input, screen } = terminal(false)
  const lines = Array.from({ length: 1_000 }, (_, n) => `line ${n}`)
  input.end(`${lines.join('\n')}\n`)
  for (const line of lines) expect(await screen.nextLine()).toBe(line)
  expect(await screen.nextLine()).toBeUndefined()
})

test('on a terminal, what is printed stands above the line that is being typed', async () => {
  const { input, screen, written } = terminal(true)
  let keys = 0
  screen.onKey(() => {
    keys++
  })
  screen.prompt('> ')
  input.write('half')
  await new Promise(setImmediate)
  written()
  screen.print('bob: hello')
  expect(written()).toBe(`${clear}bob: hello\n${clear}> half\x1b[7G`)
  expect(keys).toBe(4)
  // A line that takes two rows.
  input.write(' a line of two rows')
  await new Promise(setImmediate)
  written()
  screen.print('bob: again')
  expect(written()).toBe(`${up}${clear}bob: again\n${clear}> half a line of two rows\x1b[6G`)
  screen.close()
})

test('a line that was typed makes room for what comes of it', async () => {
  const { input, screen, written } = terminal(true)
  screen.prompt('> ')
  await new Promise(setImmediate)
  written()
  input.write('hello\r')
  expect(await screen.nextLine()).toBe('hello')
  expect(written()).toContain(`hello\r\n${up}${clear}`)
  input.write('\x04')
  expect(await screen.nextLine()).toBeUndefined()
})
