import { fileURLToPath } from 'node:url'
import { bundle } from '../../../../scripts/browser/bundle.ts'
import type { Arena } from '../../arena.ts'
import { count, short } from '../../report/format.ts'
import type { Outcome, Row } from '../../report/row.ts'
import { goals } from '../../settings.ts'
import { sizesOf } from '../module-sizes.ts'

const entry = fileURLToPath(import.meta.resolve('@sotto/client'))
const root = fileURLToPath(new URL('../../../..', import.meta.url))
const groupsShown = 6
const modulesKept = 40

/** (c) What a browser downloads for all that `@sotto/client` exports. */
export async function measureBundle(arena: Arena): Promise<Outcome> {
  arena.note('(c) bundle')
  const { code, map, gzipBytes } = await bundle(entry)
  const modules = sizesOf(code, map, root)
  const groups = new Map<string, number>()
  for (const { group, bytes } of modules) groups.set(group, (groups.get(group) ?? 0) + bytes)
  const heaviest = [...groups].sort(([, a], [, b]) => b - a)
  const rows: Row[] = [
    {
      label: '(c) bundle of @sotto/client for browsers',
      subject: `${short(gzipBytes / 1_000)} kB gzipped`,
      reference: `(${short(code.length / 1_000)} kB minified)`,
      goal: `<= ${goals.sdkBundleBytes / 1_000} kB`,
      met: gzipBytes <= goals.sdkBundleBytes,
    },
    ...heaviest.slice(0, groupsShown).map(([group, bytes]) => ({
      label: `    of it ${group}`,
      subject: `${count((bytes / code.length) * 100)} %`,
      reference: `(${short(bytes / 1_000)} kB minified)`,
    })),
  ]
  return { rows, numbers: { gzipBytes, bytes: code.length, groups: heaviest, modules: modules.slice(0, modulesKept) } }
}
