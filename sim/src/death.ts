import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ServerProcess } from './server-process.ts'

/** A way for the server to end. */
export interface Death {
  readonly name: string
  /** The server has time to put everything in order: not even an acknowledgement may be lost. */
  readonly clean: boolean
  /** Where the server's data lies; what is not synced there may be lost by `strike`. */
  readonly dataDir: string
  /** Arguments of Node.js before the server's file. */
  readonly execArgv: readonly string[]
  /** Resolves when the server is gone and may be started again. */
  strike(server: ServerProcess): Promise<void>
}

/** SIGKILL: what the kernel has taken stays, what the process had not written is lost. */
export function sigkill(directory: string): Death {
  return { name: 'SIGKILL', clean: false, dataDir: dataIn(directory), execArgv: [], strike: (server) => server.kill() }
}

/** SIGTERM, which the server answers by ending in good order. */
export function sigterm(directory: string): Death {
  return { name: 'SIGTERM', clean: true, dataDir: dataIn(directory), execArgv: [], strike: (server) => server.stop() }
}

function dataIn(directory: string): string {
  const dataDir = join(directory, 'data')
  mkdirSync(dataDir, { recursive: true })
  return dataDir
}
