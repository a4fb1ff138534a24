import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { withinMs } from './deadline.ts'

/** A real server, run from its sources as a process of its own, that may be killed and started again. */
export interface ServerProcess {
  /** `127.0.0.1:PORT`; the port stays the same from the first start on. */
  readonly address: string
  /** What signs the tokens that the server takes. */
  readonly secret: string
  readonly dataDir: string
  readonly pid: number
  /** Resolves once the server listens. Throws, with its log, when it ends instead, or does nothing. */
  start(): Promise<void>
  /** Starts the process and does not wait until it listens. */
  launch(): void
  /** SIGKILL: the process has no chance to do anything. Resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; throws when the server does not end with code 0. */
  stop(): Promise<void>
  /** Ends whatever runs, for good: nothing can be started any more. */
  dispose(): Promise<void>
  /** The last lines that the server wrote. */
  log(): string
  /** Throws when the server has ended by itself. */
  assertAlive(): void
}

export interface ServerOptions {
  readonly dataDir: string
  /** Added to the environment: `LIMIT_…` and the like. */
  readonly environment?: Readonly<Record<string, string>>
  /** Arguments of Node.js before the server's file. */
  readonly execArgv?: readonly string[]
}

const main = fileURLToPath(new URL('../../packages/server/src/main.ts', import.meta.url))
/** Half of what a start costs is compiling; the runs start servers by the hundred. */
const keepCompiled = fileURLToPath(new URL('./keep-compiled.ts', import.meta.url))
const compileCache = join(tmpdir(), 'sotto-sim-compile-cache')
const logLinesMax = 400
const startMsMax = 60_000

interface Running {
  readonly child: ChildProcess
  readonly exited: Promise<unknown>
  readonly listening: Promise<number>
}

export function serverProcess({ dataDir, environment = {}, execArgv = [] }: ServerOptions): ServerProcess {
  const secret = 'the secret that the tests sign with, 32 bytes and more'
  const lines: string[] = []
  let port = 0
  let running: Running | undefined
  /** The end of the process was asked for. */
  let ending = false
  let disposed = false

  function launch(): void {
    if (disposed) throw new Error('the run is over')
    ending = false
    const child = spawn(process.execPath, ['-C', 'source', '--import', keepCompiled, ...execArgv, main], {
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: compileCache,
        HOST: '127.0.0.1',
        PORT: String(port),
        DATA_DIR: dataDir,
        JWT_SECRET: secret,
        ...environment,
      },
      cwd: dataDir,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const exited = once(child, 'exit')
    running = { child, exited, listening: listeningPort(child) }
    // Whoever waits for it is told; nobody has to.
    running.listening.catch(() => {})
    createInterface({ input: child.stderr! }).on('line', keep)
  }

  function listeningPort(child: ChildProcess): Promise<number> {
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stdout! }).on('line', (line) => {
        keep(line)
        const found = portIn(line)
        if (found !== undefined) resolve(found)
      })
      child.on('exit', (code, signal) => reject(new Error(`the server ended with ${code ?? signal}:\n${lines.join('\n')}`)))
    })
  }

  function keep(line: string): void {
    lines.push(line)
    if (lines.length > logLinesMax) lines.shift()
  }

  async function kill(): Promise<void> {
    ending = true
    running?.child.kill('SIGKILL')
    await running?.exited
  }

  return {
    get address() {
      return `127.0.0.1:${port}`
    },
    get pid() {
      return running?.child.pid ?? 0
    },
    secret,
    dataDir,
    launch,
    async start() {
      launch()
      port = await withinMs(startMsMax, running!.listening, () => `the server does not listen:\n${lines.join('\n')}`)
    },
    kill,
    async stop() {
      ending = true
      running?.child.kill('SIGTERM')
      await running?.exited
      const { exitCode, signalCode } = running!.child
      if (exitCode !== 0)
        throw new Error(`the server was asked to stop and ended with ${exitCode ?? signalCode}:\n${lines.join('\n')}`)
    },
    async dispose() {
      disposed = true
      await kill()
    },
    log: () => lines.join('\n'),
    assertAlive() {
      const { exitCode, signalCode } = running!.child
      if (!ending && (exitCode !== null || signalCode !== null)) {
        throw new Error(`the server ended by itself with ${exitCode ?? signalCode}:\n${lines.join('\n')}`)
      }
    },
  }
}

/** The port that a log line names as listening, if it is that line. */
function portIn(line: string): number | undefined {
  if (!line.includes('"listening"')) return undefined
  const { msg, port } = JSON.parse(line) as { readonly msg?: unknown; readonly port?: unknown }
  return msg === 'listening' && typeof port === 'number' ? port : undefined
}
