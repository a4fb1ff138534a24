import { styleText } from 'node:util'

/** Node.js leaves the colours out where the output is no terminal, and with NO_COLOR. */
type Style = Parameters<typeof styleText>[0]

const nameWidth = 8
const styleOf: Readonly<Record<string, Style>> = {
  alice: 'cyan',
  laptop: 'cyan',
  bob: 'yellow',
  carol: 'magenta',
  dave: 'blue',
  server: 'bold',
}

/** What a spectator reads. */
export const transcript = {
  /** A new act. */
  heading(text: string): void {
    console.log(`\n${styleText('bold', text)}`)
  },

  /** Somebody does something. */
  line(who: string, text: string): void {
    console.log(`  ${styleText(styleOf[who] ?? 'reset', who.padEnd(nameWidth))}${text}`)
  },

  /** What crosses the network, as it crosses it. */
  wire(who: string, text: string): void {
    console.log(styleText('dim', `  ${' '.repeat(nameWidth)}${who} ${text}`))
  },

  /** Something breaks, on purpose. */
  blow(who: string, text: string): void {
    console.log(`  ${styleText('red', `${who.padEnd(nameWidth)}${text}`)}`)
  },

  row(name: string, value: string | number): void {
    console.log(`  ${name.padEnd(26)}${value}`)
  },

  verdict(problems: readonly string[]): void {
    console.log()
    for (const problem of problems) console.log(styleText('red', `  WRONG: ${problem}`))
    if (problems.length === 0) console.log(styleText('green', '  All as it should be.'))
  },
}

/** The beginning and the end of a long text. */
export function shorten(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 16)}…${text.slice(-16)} (${text.length} characters)`
}
