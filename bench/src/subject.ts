import { existsSync } from 'node:fs'
import { basename, isAbsolute, relative, resolve } from 'node:path'
import type { LimitName } from '@sotto/protocol'

const unbounded = 1_000_000_000

/** The limits that would measure themselves instead of the server. */
const raised: Partial<Record<LimitName, number>> = {
  SENDS_BURST: unbounded,
  SENDS_PER_SECOND: unbounded,
  REQUESTS_BURST: unbounded,
  REQUESTS_PER_SECOND: unbounded,
  PAIR_ENTRIES: unbounded,
  PAIR_BYTES: unbounded * 1_000,
  MAILBOX_ENTRIES: unbounded,
  MAILBOX_BYTES: unbounded * 1_000,
  CLAIMS_PAIR_BURST: unbounded,
  CLAIMS_PAIR_PER_HOUR: unbounded,
  CLAIMS_TARGET_BURST: unbounded,
  CLAIMS_TARGET_PER_SECOND: unbounded,
  ADDS_PAIR_PER_DAY: unbounded,
}

/** As `npm start` runs it. */
const nursery = '--max-semi-space-size=32'

/**
 * The command of the server to measure. `source`: the server's sources as they are; `dist`: what `npm run build` made;
 * anything else is a command line, split at spaces, whose words that name files of `root` are made absolute.
 */
export function subjectCommand(subject: string, root: string): readonly string[] {
  if (subject === 'source') return [process.execPath, nursery, '-C', 'source', resolve(root, 'packages/server/src/main.ts')]
  if (subject === 'dist') return [process.execPath, nursery, resolve(root, 'packages/cli/dist/main.js'), 'serve']
  const words = subject.split(' ').filter((word) => word !== '')
  return words.map((word) => (existsSync(resolve(root, word)) ? resolve(root, word) : word === 'node' ? process.execPath : word))
}

/** The command as it is kept with the results: files of `root` from there on, others by their names alone. */
export function subjectInWords(command: readonly string[], root: string): readonly string[] {
  return command.map((word) => {
    if (!isAbsolute(word)) return word
    const inRoot = relative(root, word)
    return inRoot.startsWith('..') ? basename(word) : inRoot
  })
}

/** The environment of the server to measure (docs: configuration). */
export function subjectEnv(dataDir: string, secret: string): Readonly<Record<string, string>> {
  const limits = Object.entries(raised).map(([name, value]) => [`LIMIT_${name}`, String(value)])
  return {
    HOST: '127.0.0.1',
    PORT: '0',
    DATA_DIR: dataDir,
    JWT_SECRET: secret,
    LOG_LEVEL: 'info',
    ...Object.fromEntries(limits),
  }
}
