import { styleText } from 'node:util'

type Colour = Extract<Parameters<typeof styleText>[0], 'red' | 'yellow' | 'green' | 'cyan' | 'dim' | 'bold'>

/** Colours a text, or leaves it as it is. */
export type Paint = (colour: Colour, text: string) => string

interface Output {
  readonly isTTY?: boolean
}

/** Whether somebody watches, on a terminal that understands more than plain lines. */
export function isWatched({ isTTY = false }: Output, { TERM }: NodeJS.ProcessEnv = process.env): boolean {
  return isTTY && TERM !== 'dumb'
}

/** Colours are for people: only on a terminal that has them, and not against NO_COLOR (no-color.org). */
export function hasColours(output: Output, env: NodeJS.ProcessEnv): boolean {
  return isWatched(output, env) && (env.NO_COLOR ?? '') === ''
}

/** Colours for texts that go to `output`. */
export function paintFor(output: Output, env: NodeJS.ProcessEnv = process.env): Paint {
  return hasColours(output, env) ? (colour, text) => styleText(colour, text, { validateStream: false }) : (_, text) => text
}

/** One JSON object on the standard output: what `--json` gives. */
export function printJson(value: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}
