import { clearScreenDown, createInterface, cursorTo, emitKeypressEvents, type Interface, moveCursor } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** Where a chat is typed and shown: a terminal, or lines in and lines out. */
export interface Screen {
  /** Somebody types here, in a line of its own under what is shown. */
  readonly isTerminal: boolean
  print(lines: string | readonly string[]): void
  /** What stands in front of the line that is being typed. Lines in and lines out have none. */
  prompt(text: string): void
  /** The next line that was typed; undefined at the end. One at a time. */
  nextLine(): Promise<string | undefined>
  /** Resolves when nothing more is typed: lines that were may still wait. */
  readonly closed: Promise<void>
  /** Called for every key that changes the line. */
  onKey(handler: () => void): void
  close(): void
}

interface TerminalOutput extends Writable {
  readonly columns?: number
  readonly isTTY?: boolean
}

/** Lines that were typed and not yet read: more of them wait in the input. */
const linesMax = 64

export function openScreen(input: Readable, output: TerminalOutput, isTerminal: boolean): Screen {
  const rl = createInterface({
    input,
    output,
    terminal: isTerminal,
    prompt: '',
    crlfDelay: Number.POSITIVE_INFINITY,
  })
  const typed = linesOf(rl)
  let isClosed = false
  const closed = new Promise<void>((resolve) => {
    rl.on('close', () => {
      isClosed = true
      resolve()
    })
  })
  if (!isTerminal) {
    return {
      isTerminal,
      print: (lines) => void output.write(textOf(lines)),
      prompt() {},
      nextLine: typed.next,
      closed,
      onKey() {},
      close: () => rl.close(),
    }
  }
  /** To where the line that is being typed begins, with nothing after it. */
  function toLineStart(): void {
    moveCursor(output, 0, -rl.getCursorPos().rows)
    cursorTo(output, 0)
    clearScreenDown(output)
    // readline would go up by the rows that it believes it has drawn.
    Object.assign(rl, { prevRows: 0 })
  }
  // Ctrl-C ends it like Ctrl-D.
  rl.on('SIGINT', () => rl.close())
  rl.on('line', (line) => {
    // The line comes back as a message, or is answered.
    const rows = Math.ceil(Math.max(1, widthOf(rl.getPrompt() + line)) / (output.columns ?? 80))
    moveCursor(output, 0, -rows)
    cursorTo(output, 0)
    clearScreenDown(output)
    rl.prompt()
  })
  return {
    isTerminal,
    print(lines) {
      if (isClosed) return void output.write(textOf(lines))
      toLineStart()
      output.write(textOf(lines))
      rl.prompt(true)
    },
    prompt(text) {
      if (!isClosed) toLineStart()
      rl.setPrompt(text)
      if (!isClosed) rl.prompt(true)
    },
    nextLine: typed.next,
    closed,
    onKey(handler) {
      emitKeypressEvents(input)
      input.on('keypress', (_, key?: { readonly name?: string; readonly ctrl?: boolean }) => {
        if (key?.ctrl !== true && key?.name !== 'return' && key?.name !== 'enter') handler()
      })
    },
    close: () => rl.close(),
  }
}

function linesOf(rl: Interface): { next(): Promise<string | undefined> } {
  const lines: string[] = []
  let isEnded = false
  let waiting: ((line: string | undefined) => void) | undefined
  const settle = () => {
    if (waiting === undefined || (lines.length === 0 && !isEnded)) return
    const resolve = waiting
    waiting = undefined
    resolve(lines.shift())
  }
  rl.on('line', (line) => {
    lines.push(line)
    if (lines.length >= linesMax) rl.pause()
    settle()
  })
  rl.on('close', () => {
    isEnded = true
    settle()
  })
  return {
    next() {
      if (!isEnded && lines.length < linesMax) rl.resume()
      return new Promise((resolve) => {
        waiting = resolve
        settle()
      })
    },
  }
}

function textOf(lines: string | readonly string[]): string {
  return `${typeof lines === 'string' ? lines : lines.join('\n')}\n`
}

/** Columns that a text takes: what comes from beyond Latin, Greek and Cyrillic letters is counted as wide. */
function widthOf(text: string): number {
  let width = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of a terminal begin with one
  for (const character of text.replace(/\x1b\[[0-9;]*m/g, '')) width += (character.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1
  return width
}
