import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** A source file: its path from the root, with `/`, and its text. */
export interface Source {
  readonly path: string
  readonly text: string
}

/** Something that breaks a rule. */
export interface Finding {
  readonly path: string
  readonly problem: string
}

const passedOver = new Set(['node_modules', 'dist', 'data', '.git', '.cache', 'results'])

function* filesUnder(root: string, folder: string): Generator<string> {
  for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      if (!passedOver.has(entry.name)) yield* filesUnder(root, name)
    } else if (entry.isFile()) yield name
  }
}

/** Every source file and every package.json under a root. */
export function sourcesUnder(root: string): Source[] {
  const paths = [...filesUnder(root, '')].filter(
    (name) => /\.(ts|tsx|mts|js|mjs)$/.test(name) || path.basename(name) === 'package.json',
  )
  return paths.sort().map((name) => ({ path: name, text: readFileSync(path.join(root, name), 'utf8') }))
}

/** Tests, and suites that tests run: they may reach further than what they test. */
export const isTest = (file: string) => /\.(test|suite|bench)\.tsx?$/.test(file)

/** The text without its comments. Comments inside of a line after a quote are left, which is enough for formatted code. */
export function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}
