import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ClientOrders } from '../client-process.ts'

const script = fileURLToPath(new URL('../client-process.ts', import.meta.url))
/** Half of what a start costs is compiling; a process that is killed would never keep what it has compiled. */
const keepCompiled = fileURLToPath(new URL('../keep-compiled.ts', import.meta.url))
const compileCache = join(tmpdir(), 'sotto-sim-compile-cache')

/** A process of the client that is killed. */
export interface KilledClient {
  readonly opening: number
  /** It takes its turn. The one before must be gone: the storage has one writer. */
  go(order: 'go' | 'end'): void
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>
  /** Resolves when it has ended by itself. @throws when that was not in good order. */
  ended(): Promise<void>
  /** Throws when it has ended by itself. */
  assertAlive(): void
}

/** Starts the process; it loads what it needs, and waits for its turn. */
export function startKilledClient(orders: ClientOrders): KilledClient {
  const child: ChildProcess = spawn(
    process.execPath,
    ['-C', 'source', '--import', keepCompiled, script, JSON.stringify(orders)],
    {
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: compileCache },
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  )
  let said = ''
  child.stderr!.on('data', (text: Buffer) => {
    said = `${said}${text}`.slice(-4_000)
  })
  child.stdin!.on('error', () => {})
  const exited = once(child, 'exit')
  const { opening } = orders
  const why = () => `the client, opening ${opening}, ended with ${child.exitCode ?? child.signalCode}:\n${said}`
  return {
    opening,
    go: (order) => child.stdin!.write(`${order}\n`),
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async ended() {
      await exited
      if (child.exitCode !== 0) throw new Error(why())
    },
    assertAlive() {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(why())
    },
  }
}
