import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

interface Results {
  readonly rows: readonly { readonly label: string; readonly subject: string }[]
  readonly numbers: {
    readonly a: readonly { readonly members: number; readonly host: string; readonly sends: { readonly median: number } }[]
    readonly c: { readonly modules: readonly { readonly path: string }[] }
  }
}

it('a quick run of the SDK measures everything and keeps every number', async () => {
  const args = ['-C', 'source', join(root, 'bench/src/main.ts'), 'sdk', '--quick']
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root })
  for (const letter of ['a', 'b', 'c', 'd', 'e']) expect(stdout).toMatch(new RegExp(`^\\| \\(${letter}\\) `, 'm'))
  expect(stdout).not.toContain('failed')
  const [, path] = /every number in (\S+)/.exec(stdout)!
  const { rows, numbers } = JSON.parse(await readFile(join(root, path!), 'utf8')) as Results
  await rm(join(root, path!))
  for (const { label, subject } of rows) expect(`${label}: ${subject}`).not.toMatch(/NaN|Infinity|: -/)
  expect(new Set(numbers.a.map(({ host }) => host))).toEqual(new Set(['Node.js', 'Chromium']))
  for (const { sends } of numbers.a) expect(sends.median).toBeGreaterThan(0)
  expect(numbers.c.modules.map(({ path: module }) => module)).toContain('packages/client/src/sync/core.ts')
})
