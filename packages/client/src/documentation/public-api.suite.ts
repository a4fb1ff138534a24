import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './modules.suite.ts'
import {
  fencedBlocks,
  interfaceExports,
  interfaceMembers,
  type PublicItem,
  publicItems,
  type Snippet,
  valueExports,
} from './snippets.suite.ts'

const folder = 'packages/client/src/'
const entryFiles = { '@sotto/client': 'index.ts', '@sotto/client/node': 'node.ts' } as const

export const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** What may be imported, by the entry that has it. */
export const documentedEntries = Object.fromEntries(
  Object.entries(entryFiles).map(([entry, file]) => [entry, [...valueExports(read(folder + file)).keys()]]),
)

/** Every value that an entry exports, and the members of its classes: those that the SDK alone calls are `@internal`. */
export function publicApi(): PublicItem[] {
  return Object.values(entryFiles).flatMap((entry) =>
    [...valueExports(read(folder + entry))].flatMap(([name, file]) => publicItems(folder + file, read(folder + file), name)),
  )
}

/** Whether the source says `private` of a member: `Sotto.load`. */
export function isPrivate(name: string): boolean {
  const [className = '', member = ''] = name.split('.')
  const file = Object.values(entryFiles)
    .map((entry) => valueExports(read(folder + entry)).get(className))
    .find(Boolean)!
  return new RegExp(`^ {2}private (static )?(async )?\\*?${member}\\(`, 'm').test(read(folder + file))
}

/** Copies of what the classes show, what tests replace, and what storages are made of: no example has to name their members. */
export const readerShapes = ['Clock', 'ClientStorage', 'ConversationSnapshot', 'MessageSnapshot']

/** Names of the members of every interface that an entry exports, by the interface. */
export function publicShapes(): Map<string, string[]> {
  const shapes = Object.values(entryFiles).flatMap((entry) => [
    ...interfaceExports(read(folder + entry), (file) => read(folder + file)),
  ])
  return new Map(shapes.map(([name, file]) => [name, interfaceMembers(folder + file, read(folder + file), name)]))
}

/** The documents whose TypeScript runs with the scene of the examples. */
const manuals = ['docs/sdk.md', 'packages/client/README.md']

/** They run in Chromium (`examples.browser.test.ts`). */
export const isForBrowsers = ({ code }: Snippet) => code.includes('indexedDbStorage(')

export function manualExamples(): Snippet[] {
  return manuals.flatMap((path) => fencedBlocks(path, read(path), 'ts'))
}
