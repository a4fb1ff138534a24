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

/** Every value that an entry exports, and the members of its classes. */
export function publicApi(): PublicItem[] {
  return Object.values(entryFiles).flatMap((entry) =>
    [...valueExports(read(folder + entry))].flatMap(([name, file]) => publicItems(folder + file, read(folder + file), name)),
  )
}

/** Names of the members of every interface that an entry exports, by the interface. */
export function publicShapes(): Map<string, string[]> {
  const shapes = Object.values(entryFiles).flatMap((entry) => [
    ...interfaceExports(read(folder + entry), (file) => read(folder + file)),
  ])
  return new Map(shapes.map(([name, file]) => [name, interfaceMembers(folder + file, read(folder + file), name)]))
}

/** The documents whose TypeScript runs with the scene of the examples. */
export const manuals = ['docs/sdk.md', 'packages/client/README.md']

export function manualExamples(): Snippet[] {
  return manuals.flatMap((path) => fencedBlocks(path, read(path), 'ts'))
}
