import type { SourceMapText } from '../../../scripts/browser/bundle.ts'

export interface ModuleSize {
  /** Path below the root of the repository. */
  readonly path: string
  /** The npm package, or the folder of our own. */
  readonly group: string
  /** Characters of the minified code. */
  readonly bytes: number
}

/** How much of a bundle comes from which module, by its source map; the heaviest first. `root`: of the repository, with a slash at the end. */
export function sizesOf(code: string, { sources, mappings }: SourceMapText, root: string): ModuleSize[] {
  const bytes = new Map<number, number>()
  const lines = code.split('\n')
  let source = 0
  mappings.split(';').forEach((mapped, line) => {
    let column = 0
    let open: { readonly source: number; readonly from: number } | undefined
    const until = (end: number) => {
      if (open !== undefined) bytes.set(open.source, (bytes.get(open.source) ?? 0) + end - open.from)
    }
    for (const segment of mapped.split(',')) {
      const [columns, sourcesOn] = numbersOf(segment)
      if (columns === undefined) continue
      column += columns
      until(column)
      source += sourcesOn ?? 0
      open = sourcesOn === undefined ? undefined : { source, from: column }
    }
    until(lines[line]?.length ?? 0)
  })
  return [...bytes]
    .map(([index, count]) => {
      const path = pathOf(sources[index] ?? '', root)
      return { path, group: groupOf(path), bytes: count }
    })
    .sort((a, b) => b.bytes - a.bytes)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Base64 VLQ (ECMA-426 section 6). */
export function numbersOf(segment: string): number[] {
  const numbers: number[] = []
  let value = 0
  let shift = 0
  for (const character of segment) {
    const digit = alphabet.indexOf(character)
    value += (digit & 31) << shift
    shift += 5
    if ((digit & 32) !== 0) continue
    numbers.push((value & 1) === 0 ? value >>> 1 : -(value >>> 1))
    value = 0
    shift = 0
  }
  return numbers
}

function pathOf(source: string, root: string): string {
  const path = source.replace(/^(\.\.\/)+/, '')
  return `/${path}`.startsWith(root) ? path.slice(root.length - 1) : path
}

function groupOf(path: string): string {
  const [, npmName] = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? []
  if (npmName !== undefined) return npmName
  const [, name, folder] = /(?:^|\/)packages\/([^/]+)\/src\/(?:([^/]+)\/)?/.exec(path) ?? []
  if (name === undefined) return 'other'
  return `@sotto/${name}${folder === undefined ? '' : `, ${folder}/`}`
}
