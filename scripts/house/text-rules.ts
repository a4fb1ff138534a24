import { type Finding, isTest, type Source, withoutComments } from './source.ts'

/** What may stand in which file, and what files may be called. */

const server = 'packages/server/src/'
const isCode = (file: string) => /\.(ts|tsx|mts|js|mjs)$/.test(file)
const nameOf = (file: string) => file.slice(file.lastIndexOf('/') + 1)

function serverFindings(sources: readonly Source[], exempt: (file: string) => boolean, words: RegExp, where: string): Finding[] {
  return sources
    .filter(({ path }) => path.startsWith(server) && isCode(path) && !isTest(path) && !exempt(path))
    .flatMap(({ path, text }) =>
      [...withoutComments(text).matchAll(words)].map(([word]) => ({ path, problem: `has \`${word.trim()}\`: only ${where}` })),
    )
}

/** SQL lives under store/. */
function sqlOutsideStore(sources: readonly Source[]): Finding[] {
  const sql =
    /\b(SELECT\b[^;]{1,200}?\bFROM|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|(CREATE|DROP|ALTER) (UNIQUE )?(TABLE|INDEX)|PRAGMA \w+|BEGIN IMMEDIATE)\b/g
  return serverFindings(sources, (file) => file.startsWith(`${server}store/`), sql, 'under store/')
}

/** config.ts alone reads the environment. */
function environmentOutsideConfig(sources: readonly Source[]): Finding[] {
  return serverFindings(
    sources,
    (file) => file === `${server}config.ts`,
    /\bprocess\s*\.\s*env\b|\bloadEnvFile\b/g,
    'in config.ts',
  )
}

/** clock.ts alone knows time and chance, so that tests can replace both. */
function chanceOutsideClock(sources: readonly Source[]): Finding[] {
  const chance = /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\brandom(Bytes|UUID|Int|Fill|FillSync)\b|\bgetRandomValues\b/g
  return serverFindings(sources, (file) => file === `${server}clock.ts`, chance, 'in clock.ts')
}

/** Files and their folders are named in kebab-case, a part after a dot saying the kind: `writer.thread.ts`. */
function namesNotKebab(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path }) => isCode(path) && !/^(\.?[a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)+$/.test(path))
    .map(({ path }) => ({ path, problem: 'is not named in kebab-case' }))
}

const emptyWords = ['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'service', 'base', 'misc']

/** A name says what is in the file, not that something is. */
function namesWithoutMeaning(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path }) => isCode(path))
    .flatMap(({ path }) => {
      const word = path.split(/[/.-]/).find((part) => emptyWords.includes(part))
      return word === undefined ? [] : [{ path, problem: `is called \`${word}\`, which says nothing` }]
    })
}

const linesMax = 400

/** Files stay small enough to read in one sitting. */
function filesTooLong(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path }) => isCode(path) && !isTest(path))
    .flatMap(({ path, text }) => {
      const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
      return lines > linesMax ? [{ path, problem: `has ${lines} lines: split it by meaning at ${linesMax}` }] : []
    })
}

/** No test is switched off, none runs alone. */
function testsSwitchedOff(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path }) => isTest(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\b(?:test|it|describe|suite)\.(?:only|skip|todo)\b/g)].map(([word]) => ({
        path,
        problem: `has \`${word}\``,
      })),
    )
}

/** Tests are found by vitest only where it looks for them. */
function testsNowhereRun(sources: readonly Source[]): Finding[] {
  const looked = [/^packages\/[^/]+\/src\//, /^bench\/src\//, /^scripts\//, /^sim\//, /^examples\/[^/]+$/]
  return sources
    .filter(
      ({ path }) =>
        /\.test\.[^/]*$/.test(nameOf(path)) && !(path.endsWith('.test.ts') && looked.some((place) => place.test(path))),
    )
    .map(({ path }) => ({ path, problem: 'is a test that nobody runs' }))
}

export const textRules = {
  sqlOutsideStore,
  environmentOutsideConfig,
  chanceOutsideClock,
  namesNotKebab,
  namesWithoutMeaning,
  filesTooLong,
  testsSwitchedOff,
  testsNowhereRun,
}
