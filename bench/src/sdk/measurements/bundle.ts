import { fileURLToPath } from 'node:url'
import { bundle, type Chunk } from '../../../../scripts/browser/bundle.ts'
import type { Arena } from '../../arena.ts'
import { count, short } from '../../report/format.ts'
import type { Outcome, Row } from '../../report/row.ts'
import { goals } from '../../settings.ts'
import { sizesOf } from '../module-sizes.ts'

/** A page that opens a client and chats. */
export const chatPage = fileURLToPath(new URL('../client/chat-page.ts', import.meta.url))
const root = fileURLToPath(new URL('../../../..', import.meta.url))
const groupsShown = 6
const modulesKept = 40

/** (c) What a browser downloads before it runs a page that opens a client and chats, and what it downloads later. */
export async function measureBundle(arena: Arena): Promise<Outcome> {
  arena.note('(c) bundle')
  const { first, later } = await bundle(chatPage)
  const [gzipBytes, bytes] = [total(first, gzipBytesOf), total(first, bytesOf)]
  const [laterGzipBytes, laterBytes] = [total(later, gzipBytesOf), total(later, bytesOf)]
  const modules = first
    .flatMap(({ code, map }) => (map === undefined ? [] : sizesOf(code, map, root)))
    .sort((a, b) => b.bytes - a.bytes)
  const groups = new Map<string, number>()
  for (const { group, bytes } of modules) groups.set(group, (groups.get(group) ?? 0) + bytes)
  const heaviest = [...groups].sort(([, a], [, b]) => b - a)
  const rows: Row[] = [
    {
      label: '(c) first load of a page that chats',
      subject: `${short(gzipBytes / 1_000)} kB gzipped`,
      reference: `(${short(bytes / 1_000)} kB minified, ${first.length} files)`,
      goal: `<= ${goals.sdkBundleBytes / 1_000} kB`,
      met: gzipBytes <= goals.sdkBundleBytes,
    },
    ...heaviest.slice(0, groupsShown).map(([group, bytesOfGroup]) => ({
      label: `    of it ${group}`,
      subject: `${count((bytesOfGroup / bytes) * 100)} %`,
      reference: `(${short(bytesOfGroup / 1_000)} kB minified)`,
    })),
    {
      label: '    loaded later',
      subject: `${short(laterGzipBytes / 1_000)} kB gzipped`,
      reference: `(${short(laterBytes / 1_000)} kB minified, ${later.length} files)`,
    },
  ]
  const files = Object.fromEntries([...first, ...later].map(({ fileName, gzipBytes: size }) => [fileName, size]))
  const numbers = {
    gzipBytes,
    bytes,
    laterGzipBytes,
    laterBytes,
    files,
    groups: heaviest,
    modules: modules.slice(0, modulesKept),
  }
  return { rows, numbers }
}

export const gzipBytesOf = ({ gzipBytes }: Chunk) => gzipBytes
const bytesOf = ({ code }: Chunk) => code.length

export function total(chunks: readonly Chunk[], size: (chunk: Chunk) => number): number {
  return chunks.reduce((sum, chunk) => sum + size(chunk), 0)
}
