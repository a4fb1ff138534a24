import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { defaultLimits, limitNames } from '../packages/protocol/src/limits.ts'
import { importRules } from './house/import-rules.ts'
import { folderCycles } from './house/imports.ts'
import { installScripts, packageRules } from './house/package-rules.ts'
import { type Finding, sourcesUnder } from './house/source.ts'
import { textRules } from './house/text-rules.ts'

/** Taste as a test: the rules of the house, over the tree as it is. scripts/house/*.test.ts shows that each can fail. */

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const sources = sourcesUnder(root)
const lines = (findings: readonly Finding[]) => findings.map(({ path, problem }) => `${path} ${problem}`)

/** Dependencies that may run a program while they are installed. */
const permittedInstallScripts: readonly string[] = []

test('there is something to look at', () => {
  const paths = sources.map(({ path }) => path)
  expect(paths).toEqual(
    expect.arrayContaining(['packages/protocol/src/errors.ts', 'packages/server/src/clock.ts', 'package.json']),
  )
  expect(paths.filter((path) => path.includes('node_modules') || path.includes('/dist/'))).toEqual([])
})

describe('imports', () => {
  test.each(Object.entries(importRules))('%s', (_, rule) => expect(lines(rule(sources))).toEqual([]))

  test('no circles between the folders of the server', () => {
    expect(folderCycles(sources, 'packages/server/src').map((circle) => circle.join(' → '))).toEqual([])
  })
})

describe('files', () => {
  test.each(Object.entries(textRules))('%s', (_, rule) => expect(lines(rule(sources))).toEqual([]))
})

describe('packages', () => {
  test.each(Object.entries(packageRules))('%s', (_, rule) => expect(lines(rule(sources))).toEqual([]))

  test('installScripts', () => {
    expect(lines(installScripts(read('package-lock.json'), permittedInstallScripts))).toEqual([])
  })
})

describe('.env.example', () => {
  const example = read('.env.example')
  const named = [...example.matchAll(/^#? ?([A-Z][A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => ({ name, value }))

  test('has every setting that config.ts reads, and no other', () => {
    const config = read('packages/server/src/config.ts')
    const settings = [...config.matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(([, name]) => name)
    expect(settings.length).toBeGreaterThan(10)
    expect(
      named
        .map(({ name }) => name)
        .filter((name) => !name.startsWith('LIMIT_'))
        .sort(),
    ).toEqual(settings.sort())
  })

  test('has no limit that does not exist, and the defaults as values', () => {
    const limits = named.filter(({ name }) => name.startsWith('LIMIT_'))
    expect(limits.length).toBeGreaterThan(0)
    for (const { name, value } of limits) {
      const limit = limitNames.find((one) => `LIMIT_${one}` === name)
      expect(limit, name).toBeDefined()
      if (limit !== undefined) expect(value).toBe(String(defaultLimits[limit]))
    }
  })

  test('gives no development tokens', () => {
    expect(named.find(({ name }) => name === 'DEV_TOKENS')?.value).toBe('false')
  })
})
