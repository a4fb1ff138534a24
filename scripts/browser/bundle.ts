import { isBuiltin } from 'node:module'
import { gzipSync } from 'node:zlib'
import { build, defaultClientConditions, type Plugin } from 'vite'

export interface Bundle {
  /** One ES module with the exports of the entry, minified. */
  readonly code: string
  /** Its size as a web server sends it. */
  readonly gzipBytes: number
  /** Which module each part of the code comes from. */
  readonly map: SourceMapText
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
 * Bundles a TypeScript module for browsers, from the sources of our packages, in memory. Rejects when it reaches a module
 * of Node.js. `entry`: the absolute path of a file.
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
      rolldownOptions: { input: entry, preserveEntrySignatures: 'strict', output: { codeSplitting: false } },
    },
  })
  const output = (Array.isArray(built) ? built : [built]).flatMap((one) => ('output' in one ? one.output : []))
  const made = output.filter(({ fileName }) => !fileName.endsWith('.map'))
  const [chunk] = made.filter((one) => one.type === 'chunk')
  if (chunk === undefined || chunk.map === null || made.length !== 1) throw new Error(`${entry} did not become one module`)
  const { code, map } = chunk
  return { code, map, gzipBytes: gzipSync(code, { level: 9 }).length }
}
