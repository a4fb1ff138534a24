import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/** What documents point to is there. */

const root = fileURLToPath(new URL('..', import.meta.url))
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...['client/README.md'].map((name) => `packages/${name}`),
  ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
]
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** The anchors of a document, as GitHub makes them of its headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function deadLinks(path: string): string[] {
  const links = [...read(path).matchAll(/\]\(((?!https?:)[^)\s]+)\)/g)].map(([, link = '']) => link)
  return links.filter((link) => {
    const [file = '', anchor] = link.split('#')
    const target = file === '' ? path : join(dirname(path), file)
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchorsOf(read(target)).includes(anchor)
  })
}

/** Tests that a document names as the place where something is shown. */
function testsNamedIn(path: string): string[] {
  return [...read(path).matchAll(/`((?:server:)?[\w./-]+\.(?:test|suite)\.ts)`/g)].map(([, name = '']) => name)
}

const homes = [
  '',
  'packages',
  'packages/server/src',
  'packages/server/src/store',
  'packages/client/src',
  'packages/client/src/mls',
]
const isThere = (name: string) =>
  name.startsWith('server:')
    ? existsSync(join(root, 'packages/server/src', name.slice('server:'.length)))
    : homes.some((home) => existsSync(join(root, home, name)))

describe.each(documents)('%s', (path) => {
  test('links to what is there', () => expect(deadLinks(path)).toEqual([]))
  test('names tests that are there', () => expect(testsNamedIn(path).filter((name) => !isThere(name))).toEqual([]))
})

test('threats and guarantees name tests', () => {
  expect(testsNamedIn('docs/threats.md').length).toBeGreaterThan(40)
  expect(testsNamedIn('docs/design.md').length).toBeGreaterThan(8)
  expect(isThere('hostile/nobody-wrote-this.test.ts')).toBe(false)
})
