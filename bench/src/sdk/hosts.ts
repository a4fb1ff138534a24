import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BrowserContext } from 'playwright-core'
import { openProfile } from '../../../scripts/browser/chromium.ts'
import { type ServedPage, servePage } from '../../../scripts/browser/page.ts'
import type { ClientJob, ClientResult } from './client/job.ts'

export type HostName = 'Node.js' | 'Chromium'

/** Where clients run. Every job gets a process or page of its own; what they keep on disk is there for the next one. */
export interface Host {
  readonly name: HostName
  /** What this host keeps on disk. */
  readonly diskName: 'SQLite' | 'IndexedDB'
  /** Rejects with what the job failed of. */
  run<job extends ClientJob>(job: job): Promise<ClientResult<job['kind']>>
}

export interface Hosts {
  readonly node: Host
  readonly chromium: Host
  /** Origin of the pages: the server must know it. */
  readonly origin: string
  /** Ends everything and removes its data. */
  close(): Promise<void>
}

/**
 * `dataDir`: on a real disk; a folder in it is made, and removed. `profileDir`: where the processes write CPU profiles; pages
 * write none.
 */
export async function openHosts(dataDir: string, profileDir: string | undefined): Promise<Hosts> {
  const folder = join(dataDir, `clients-${process.pid}`)
  const profile = join(folder, 'chromium')
  mkdirSync(profile, { recursive: true })
  const clean = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  let page: ServedPage | undefined
  try {
    page = await servePage({ entryModule: fileURLToPath(new URL('./client/page.ts', import.meta.url)) })
    const { url, close } = page
    const context = await openProfile(profile)
    return {
      node: { name: 'Node.js', diskName: 'SQLite', run: (job) => runInProcess(folder, profileDir, job) },
      chromium: { name: 'Chromium', diskName: 'IndexedDB', run: (job) => runInPage(context, url, job) },
      origin: new URL(url).origin,
      async close() {
        await context.close()
        await close()
        clean()
      },
    }
  } catch (error) {
    await page?.close()
    clean()
    throw error
  }
}

async function runInProcess<job extends ClientJob>(
  folder: string,
  profileDir: string | undefined,
  job: job,
): Promise<ClientResult<job['kind']>> {
  const file = fileURLToPath(new URL('./client/node-process.ts', import.meta.url))
  const profile = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]
  const child = fork(file, [folder], { execArgv: ['-C', 'source', '--expose-gc', ...profile] })
  const exited = once(child, 'exit')
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  child.once('message', resolve)
  child.once('exit', (code, signal) => reject(new Error(`the client process ended early (${signal ?? code})`)))
  child.send(job)
  try {
    const answer = (await promise) as { result: ClientResult<job['kind']> } | { error: string }
    if ('error' in answer) throw new Error(`client '${job.kind}' in Node.js: ${answer.error}`)
    return answer.result
  } finally {
    if (child.connected) child.disconnect()
    await exited
  }
}

async function runInPage<job extends ClientJob>(
  context: BrowserContext,
  url: string,
  job: job,
): Promise<ClientResult<job['kind']>> {
  const page = await context.newPage()
  try {
    const session = await context.newCDPSession(page)
    await page.exposeFunction('heapBytes', async () => {
      await session.send('HeapProfiler.collectGarbage')
      const { usedSize, backingStorageSize = 0 } = (await session.send('Runtime.getHeapUsage')) as {
        readonly usedSize: number
        readonly backingStorageSize?: number
      }
      return usedSize + backingStorageSize
    })
    await page.goto(url)
    return await page.evaluate(`entry.run(${JSON.stringify(job)})`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`client '${job.kind}' in Chromium: ${reason}`, { cause: error })
  } finally {
    await page.close()
  }
}
