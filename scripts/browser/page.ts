import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bundle } from './bundle.ts'

export interface ServedPage {
  /** The page's address. Loopback addresses are secure contexts: IndexedDB, Web Locks and WebCrypto are there. */
  readonly url: string
  /** Addresses of the modules that are loaded when they are asked for, and not with the page. */
  readonly later: readonly string[]
  close(): Promise<void>
}

export interface PageOptions {
  /** The absolute path of a TypeScript module: it is bundled, and what it exports is `entry` in the page. */
  readonly entryModule?: string
  /** The page's own body. */
  readonly html?: string
}

const loaderOf = (file: string) => `<script type="module">import * as entry from '/${file}'; globalThis.entry = entry</script>`

/** Serves one page on a free port of this machine. The exports of its module are there once the page has loaded. */
export async function servePage({ entryModule, html = '' }: PageOptions): Promise<ServedPage> {
  const bundled = entryModule === undefined ? undefined : await bundle(entryModule)
  const files = new Map(
    [...(bundled?.first ?? []), ...(bundled?.later ?? [])].map(({ fileName, code }) => [`/${fileName}`, code]),
  )
  const loader = bundled === undefined ? '' : loaderOf(bundled.entry.fileName)
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sotto</title>${html}${loader}</html>`
  const server = createServer(({ url = '' }, response) => {
    // As web servers do: files have no queries.
    const code = files.get(url.split('?')[0]!)
    if (url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page)
    else if (code !== undefined) response.setHeader('content-type', 'text/javascript').end(code)
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return {
    url,
    later: (bundled?.later ?? []).map(({ fileName }) => `${url}${fileName}`),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
