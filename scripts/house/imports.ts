import path from 'node:path'
import { isTest, type Source, withoutComments } from './source.ts'

/** One import of a file. */
export interface Import {
  readonly from: string
  /** A path from the root where the import is relative; else a module's name. */
  readonly to: string
  readonly relative: boolean
  /** `import type`: nothing of it is left at run time. */
  readonly typeOnly: boolean
}

const specifiers = String.raw`(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+(?:\s*,\s*(?:\{[^}]*\}|\*\s+as\s+\w+))?)`
const withNames = new RegExp(String.raw`^(?:import|export)(\s+type)?\s+${specifiers}\s+from\s+['"]([^'"]+)['"]`, 'gm')
const bare = /^import\s+['"]([^'"]+)['"]/gm
const dynamic = /\bimport\(\s*['"`]([^'"`]+)['"`]/g
const beside = /new URL\(\s*['"`]([^'"`]+)['"`],\s*import\.meta\.url/g

/** What a file imports, static and dynamic, and what it starts as a thread from beside itself. */
export function importsOf({ path: file, text }: Source): Import[] {
  const code = withoutComments(text)
  const found = [
    ...[...code.matchAll(withNames)].map(([, type, name]) => ({ name, typeOnly: type !== undefined })),
    ...[bare, dynamic, beside].flatMap((pattern) => [...code.matchAll(pattern)].map(([, name]) => ({ name, typeOnly: false }))),
  ]
  return found.map(({ name = '', typeOnly }) => {
    const relative = name.startsWith('.')
    return { from: file, to: relative ? path.posix.join(path.posix.dirname(file), name) : name, relative, typeOnly }
  })
}

/** The folders, or files at the root, that import each other in a circle: each circle once. */
export function folderCycles(sources: readonly Source[], root: string): string[][] {
  const edges = new Map<string, Set<string>>()
  const nodeOf = (file: string) => {
    const folder = path.posix.dirname(file)
    return folder === root ? file : folder
  }
  for (const source of sources) {
    if (!source.path.startsWith(`${root}/`) || isTest(source.path)) continue
    for (const { from, to, relative } of importsOf(source)) {
      if (!relative || !to.startsWith(`${root}/`) || nodeOf(from) === nodeOf(to)) continue
      edges.set(nodeOf(from), (edges.get(nodeOf(from)) ?? new Set()).add(nodeOf(to)))
    }
  }
  return circlesOf(edges)
}

function circlesOf(edges: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const circles = new Map<string, string[]>()
  const done = new Set<string>()
  const visit = (node: string, way: string[]) => {
    const begin = way.indexOf(node)
    if (begin !== -1) {
      const circle = way.slice(begin)
      circles.set([...circle].sort().join(' '), circle)
      return
    }
    if (done.has(node)) return
    for (const next of edges.get(node) ?? []) visit(next, [...way, node])
    done.add(node)
  }
  for (const node of edges.keys()) visit(node, [])
  return [...circles.values()]
}
