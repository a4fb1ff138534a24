import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'
import { afterAll, describe, expect, test } from 'vitest'
import { groupOf, type Member, testClock } from './members.suite.ts'
import type { createMlsEngine } from './ts-mls-engine.ts'

/** What of the libraries is reached from the engine, as a bundler finds it. */

const folder = mkdtempSync(path.join(tmpdir(), 'sotto-bundle-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function bundle(platform: string, conditions: readonly string[], external: readonly RegExp[]) {
  const outDir = path.join(folder, platform)
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: [...conditions] },
    build: {
      outDir,
      minify: false,
      lib: { entry: fileURLToPath(new URL('ts-mls-engine.ts', import.meta.url)), formats: ['es'], fileName: 'engine' },
      rolldownOptions: { external: [...external] },
    },
  })
  const [first] = Array.isArray(result) ? result : [result]
  if (first === undefined || !('output' in first)) throw new Error('no bundle')
  const chunks = first.output.filter((file) => file.type === 'chunk')
  const own = new Set(chunks.map(({ fileName }) => fileName))
  const entry = chunks.find(({ isEntry }) => isEntry)?.fileName ?? ''
  return {
    code: chunks.map(({ code }) => code).join('\n'),
    imports: chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]).filter((name) => !own.has(name)),
    entry: pathToFileURL(path.join(outDir, entry)).href,
  }
}

const acceptsEverybody = /validateCredential\([^)]*\)\s*\{\s*return true/

describe.each([
  ['browsers', ['source', 'browser', 'module', 'import', 'default'], []],
  ['Node.js', ['source', 'node', 'module', 'import', 'default'], [/^node:/]],
] as const)('for %s', (platform, conditions, external) => {
  const bundled = bundle(platform, conditions, external)

  test('there is no authentication service that accepts everybody', async () => {
    expect((await bundled).code).toContain('validateCredential')
    expect((await bundled).code).not.toContain('defaultAuthenticationService')
    expect((await bundled).code).not.toMatch(acceptsEverybody)
  })

  test('nothing asks another clock than ours for time', async () => {
    const uses = (await bundled).code.match(/.*Date\.now.*/g) ?? []
    // In ts-mls, behind a switch that is off: lifetimes are checked with the clock that is passed in.
    expect(uses.map((line) => line.trim())).toEqual(['const currentTime = BigInt(Math.floor(Date.now() / 1e3));'])
  })

  test(`what imports the platform is ${platform === 'browsers' ? 'not there' : 'node:crypto alone'}`, async () => {
    expect((await bundled).imports).toEqual(platform === 'browsers' ? [] : ['node:crypto'])
  })

  test('it runs', async () => {
    const module = (await import(/* @vite-ignore */ (await bundled).entry)) as { createMlsEngine: typeof createMlsEngine }
    const [alice, bob] = (await groupOf(2, await module.createMlsEngine({ clock: testClock(platform) }))) as [Member, Member]
    expect(await bob.read(await alice.send('bundled'))).toBe('bundled')
  })
})

test('the pattern for services that accept everybody finds that of ts-mls', async () => {
  const { defaultAuthenticationService } = await import('ts-mls/authenticationService.js')
  expect(defaultAuthenticationService.validateCredential.toString()).toMatch(acceptsEverybody)
})
