import { SottoClientError } from './errors.ts'

/**
 * A part of the code that is loaded when it is first asked for, and once: a page opens without it. Where it does not come,
 * whoever asked is told so before anything was done, and the next to ask tries anew.
 * @throws SottoClientError `code_unavailable`.
 */
export function lazily<part>(load: () => Promise<part>): () => Promise<part> {
  let loaded: Promise<part> | undefined
  return () => {
    loaded ??= load().catch((cause: unknown) => {
      loaded = undefined
      throw cause instanceof SottoClientError ? cause : new SottoClientError('code_unavailable', undefined, { cause })
    })
    return loaded
  }
}

/** How Chromium and Firefox name the file that did not come; Safari does not. */
const unloaded = /dynamically imported module: (https?:\/\/\S+)/
let retries = 0

/**
 * An export of a module that has a file of its own. `load` is the `import()` alone, for bundlers to see. Chromium remembers of
 * an address that nothing came from it, until the page is loaded again: the file is then asked for under another one. Each
 * late file may import what is there already, but no other late file, whose address would be remembered as well.
 * @throws SottoClientError `code_unavailable`.
 */
export function lateExport<module extends object, name extends keyof module & string>(
  load: () => Promise<module>,
  name: name,
): () => Promise<module[name]> {
  return lazily(async () => {
    try {
      return (await load())[name]
    } catch (cause) {
      const url = unloaded.exec(`${cause}`)?.[1]
      const part = url === undefined || isPinned() ? undefined : exportOf(await importAnew<module>(url), name)
      if (part !== undefined) return part
      const detail = 'A part of the SDK’s own code could not be loaded; nothing was done. Load the page again.'
      throw new SottoClientError('code_unavailable', detail, { cause })
    }
  })
}

function importAnew<module>(url: string): Promise<module> {
  const other = `${url}${url.includes('?') ? '&' : '?'}retry=${++retries}`
  return import(/* @vite-ignore */ /* webpackIgnore: true */ other)
}

/** Bundlers that put several modules in one file keep the exports of each in an object there. */
function exportOf<module extends object, name extends keyof module>(file: module, name: name): module[name] | undefined {
  const modules: readonly (Partial<module> | undefined)[] = [file, ...Object.values(file)]
  return modules.find((one) => one?.[name] !== undefined)?.[name]
}

/** Files that the page has given hashes of: under another address they would not be compared. */
function isPinned(): boolean {
  const { document } = globalThis as { readonly document?: Page }
  return [...(document?.querySelectorAll('script[type=importmap]') ?? [])].some((map) => /"integrity"/.test(map.textContent))
}

interface Page {
  querySelectorAll(selector: string): Iterable<{ readonly textContent: string }>
}
