import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, readConfig } from '@sotto/server'
import { onTestFinished } from 'vitest'
import { workshop } from './modules.suite.ts'
import { read } from './public-api.suite.ts'
import { fencedBlocks } from './snippets.suite.ts'

/** The address that the README names. */
const documentedUrl = 'http://localhost:8080'

/**
 * The first two blocks of TypeScript in the README, as `talk.ts` and `login.ts` in a folder of their own; nothing is changed
 * but the address of the server.
 */
export async function readmeExample(url: string): Promise<string> {
  const blocks = fencedBlocks('README.md', read('README.md'), 'ts')
  const [talk, login] = blocks.map(({ code }) => code.replaceAll(documentedUrl, url))
  if (blocks.length !== 2 || talk === undefined || login === undefined || !login.includes(url) || !talk.includes(url))
    throw new Error('the README has another example than this test knows')
  return workshop([
    ['talk.ts', `${talk}\n`],
    ['login.ts', `${login}\n`],
  ])
}

/** A port that nobody has: a page that names its server is made before the server, which names the page. */
export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A server as `npm run dev` starts it, for pages of `origin` too. Resolves to its address. */
export async function developmentServer(port = 0, origin = ''): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-readme-'))
  const settings = { HOST: '127.0.0.1', PORT: `${port}`, DATA_DIR: directory, DEV_TOKENS: 'true', LOG_LEVEL: 'silent' }
  const server = await createServer(readConfig({ ...settings, CORS_ORIGINS: origin }))
  onTestFinished(async () => {
    await server.close()
    await rm(directory, { recursive: true, force: true })
  })
  return server.url
}
