import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { bundle } from './bundle.ts'

function source(text: string, name = 'entry.ts', folder = mkdtempSync(join(tmpdir(), 'sotto-bundle-'))): string {
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

test('a bundle has the exports of its entry, and nothing that is not used', async () => {
  const used = source(`export const used = (n: number): number => n + 1; export const unused = 'never wanted'`, 'used.ts')
  const { entry, first, later } = await bundle(source(`export { used } from ${JSON.stringify(used)}`))
  const made = (await import(`data:text/javascript,${encodeURIComponent(entry.code)}`)) as { used(n: number): number }
  expect(made.used(1)).toBe(2)
  expect(entry.code).not.toContain('never wanted')
  expect(entry.gzipBytes).toBe(gzipSync(entry.code, { level: 9 }).length)
  expect(first).toEqual([entry])
  expect(later).toEqual([])
})

test('what is imported when it is asked for is apart from what comes first', async () => {
  const rare = source(`export const rare = 'asked for'`, 'rare.ts')
  const { first, later } = await bundle(source(`export const ask = () => import(${JSON.stringify(rare)})`))
  expect(first.map(({ code }) => code).join()).not.toContain('asked for')
  expect(later.map(({ code }) => code).join()).toContain('asked for')
})

test.each([
  `export { readFileSync } from 'node:fs'`,
  `import fs from 'fs'; export const has = fs.existsSync`,
  `export const later = () => import('node:sqlite')`,
])('an entry that reaches a module of Node.js is refused: %s', async (text) => {
  const file = source(text)
  await expect(bundle(file)).rejects.toThrow(/entry\.ts imports (node:)?(fs|sqlite), which browsers do not have/)
})
