import { parseArgs } from 'node:util'

/** What is measured: the server, or the client SDK against a server. */
const suites = ['server', 'sdk'] as const
export type Suite = (typeof suites)[number]

export const letters = ['a', 'b', 'c', 'd', 'e'] as const
export type Letter = (typeof letters)[number]

export interface Options {
  readonly suite: Suite
  readonly quick: boolean
  readonly only: readonly Letter[]
  readonly subject: string
  readonly dataDir: string | undefined
  readonly profile: boolean
  readonly help: boolean
}

export const usage = `npm run bench -- [options]          the server
npm run bench -- sdk [options]      the client SDK

  --only LETTERS     some of the measurements: of the server a relay, b group, c drain, d idle memory, e stored
                     entries; of the SDK a messages, b first message, c bundle, d opening, e idle memory (--only ac)
  --quick            one short round of each, under a minute: a look, not a claim
  --subject WHAT     source (default): packages/server/src; dist: the built CLI; or a command line in quotes
  --data-dir PATH    where the subjects keep their data (default .cache/bench; must be on a disk)
  --profile          write CPU profiles of the subjects to .cache/bench/profiles; no results are kept
  --help             this text`

/** Throws on what it does not know. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      subject: { type: 'string', default: 'source' },
      'data-dir': { type: 'string' },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const suite = suites.find((known) => known === (positionals[0] ?? 'server'))
  if (suite === undefined || positionals.length > 1)
    throw new Error(`'${positionals.join(' ')}' is not one of ${suites.join(', ')}`)
  return { ...values, suite, only: chosen(values.only.join('')), dataDir: values['data-dir'] }
}

function chosen(text: string): readonly Letter[] {
  const wanted = [...text.replaceAll(',', '')]
  const unknown = wanted.find((letter) => !letters.some((known) => known === letter))
  if (unknown !== undefined) throw new Error(`--only takes letters of ${letters.join(', ')}, not '${unknown}'`)
  return wanted.length === 0 ? letters : letters.filter((letter) => wanted.includes(letter))
}
