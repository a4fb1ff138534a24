import { isBuiltin } from 'node:module'
import { gzipSync } from 'node:zlib'
import { build, defaultClientConditions, type Plugin } from 'vite'

/** One ES module, minified. */
export interface Chunk {
  /** Below the page's address. */
  readonly fileName: string
  readonly code: string
  /** Its size as a web server sends it. */
  readonly gzipBytes: number
  /** Which module each part of the code comes from; undefined where it has none. */
  readonly map: SourceMapText | undefined
}

export interface Bundle {
  /** Has the exports of the entry, and maybe more. */
  readonly entry: Chunk
  /** What a page loads before it runs the entry: the entry itself, and what that imports. */
  readonly first: readonly Chunk[]
  /** What is loaded when it is asked for, with `import()`. */
  readonly later: readonly Chunk[]
}

/** A source map (ECMA-426), as far as sizes need it. */
export interface SourceMapText {
  readonly sources: readonly string[]
  readonly mappings: string
}

const nothing = '\0nothing'

/**
 * What is published for browsers must not even mention a module of Node.js. A library may ask for one at run time, where
 * it has found nothing of the platform's own: in browsers it never gets there.
 */
const withoutNode: Plugin = {
  name: 'without-node',
  enforce: 'pre',
  resolveId(id, importer, { kind }) {
    if (isBuiltin(id) && kind === 'dynamic-import' && importer?.includes('/node_modules/')) return nothing
    if (isBuiltin(id)) throw new Error(`${importer ?? 'the entry'} imports ${id}, which browsers do not have`)
    return undefined
  },
  load: (id) => (id === nothing ? 'export {}' : undefined),
}

/**
 * Bundles a TypeScript module for browsers as applications do, from the sources of our packages, in memory. Rejects when it
 * reaches a module of Node.js. `entry`: the absolute path of a file.
 */
export async function bundle(entry: string): Promise<Bundle> {
  const built = await build({
    configFile: false,
    envFile: false,
    logLevel: 'silent',
    plugins: [withoutNode],
    resolve: { conditions: ['source', ...defaultClientConditions] },
    build: {
      write: false,
      target: 'es2024',
      modulePreload: false,
      sourcemap: 'hidden',
      rolldownOptions: { input: entry, preserveEntrySignatures: 'allow-extension' },
    },
  })
  const output = (Array.isArray(built) ? built : [built]).flatMap((one) => ('output' in one ? one.output : []))
  const made = output.filter((one) => one.type === 'chunk')
  const start = made.find(({ isEntry }) => isEntry)
  if (start === undefined) throw new Error(`${entry} did not become a module`)
  const first = new Set([start.fileName])
  for (const name of first)
    for (const imported of made.find(({ fileName }) => fileName === name)?.imports ?? []) first.add(imported)
  const chunks = made.map(({ fileName, code, map }) => ({
    fileName,
    code,
    gzipBytes: gzipSync(code, { level: 9 }).length,
    map: map ?? undefined,
  }))
  return {
    entry: chunks.find(({ fileName }) => fileName === start.fileName)!,
    first: chunks.filter(({ fileName }) => first.has(fileName)),
    later: chunks.filter(({ fileName, code }) => !first.has(fileName) && code !== ''),
  }
}
