import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../packages/server/src/main.ts', import.meta.url))

/** A server run from its sources, which can be killed and started again on the same port and directory. */
export class ServerProcess {
  readonly dataDir: string
  #child: ChildProcess | undefined
  #port = 0
  #isOver = false
  #isEnding = false
  readonly #crashed = Promise.withResolvers<never>()
  readonly #log: string[] = []

  constructor(dataDir: string) {
    this.dataDir = dataDir
  }

  /** Rejects when it ends without having been killed here. */
  get crashed(): Promise<never> {
    return this.#crashed.promise
  }

  /** `127.0.0.1:PORT`: a free one is found by the first start, and stays. */
  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** All that it has written to its standard output and error. */
  get log(): string {
    return this.#log.join('\n')
  }

  /** Resolves once it listens. */
  async start(): Promise<void> {
    if (this.#isOver) throw new Error('the stage is being cleared')
    this.#isEnding = false
    const child = spawn(process.execPath, ['-C', 'source', main], {
      // Nothing of the caller's environment or .env file; all that it has to say is written to the log.
      env: {
        PATH: process.env.PATH,
        SystemRoot: process.env.SystemRoot,
        HOST: '127.0.0.1',
        PORT: String(this.#port),
        DATA_DIR: this.dataDir,
        DEV_TOKENS: 'true',
        LOG_LEVEL: 'trace',
      },
      cwd: this.dataDir,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    child.once('error', (error) => this.#crashed.reject(error))
    child.once('exit', (code, signal) => {
      if (!this.#isEnding) this.#crashed.reject(new Error(`the server ended with ${signal ?? code}:\n${this.log}`))
    })
    createInterface({ input: child.stderr }).on('line', (line) => this.#log.push(line))
    const listening = new Promise<number>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#log.push(line)
        const port = listeningPort(line)
        if (port !== undefined) resolve(port)
      })
    })
    this.#port = await Promise.race([listening, this.crashed])
  }

  /** SIGKILL: it has no chance to write anything more. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#isEnding = true
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** Kills it, and it cannot be started any more. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.kill()
  }

  /** The same for when there is no time to wait. */
  endNow(): void {
    this.#isOver = true
    this.#isEnding = true
    this.#child?.kill('SIGKILL')
  }
}

/** The port in the log line that names it, if it is that line. */
function listeningPort(line: string): number | undefined {
  if (!line.includes('"listening"')) return undefined
  const { msg, port } = JSON.parse(line) as { msg?: unknown; port?: unknown }
  return msg === 'listening' && typeof port === 'number' ? port : undefined
}

const runMsMaxDefault = 60_000
const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface Staging {
  /** Longer than it can take. */
  readonly runMsMax?: number
  /** What else is to be cleared away in the end; may grow while it runs. */
  readonly clearings?: readonly (() => Promise<void>)[]
}

/** Runs with a server that has a temporary directory of its own. Both are gone afterwards, whatever happens. */
export async function withServer<result>(
  run: (server: ServerProcess) => Promise<result>,
  { runMsMax = runMsMaxDefault, clearings = [] }: Staging = {},
): Promise<result> {
  const directory = mkdtempSync(join(tmpdir(), 'sotto-demo-'))
  const server = new ServerProcess(directory)
  const removal = { recursive: true, force: true, maxRetries: 5 } as const
  const clear = async () => {
    await Promise.all([server.end(), ...clearings.map((clearing) => clearing())])
    rmSync(directory, removal)
  }
  // Ctrl-C may come twice: from the terminal, and passed on by npm.
  let isInterrupted = false
  const interrupt = (signal: (typeof endSignals)[number]) => {
    if (isInterrupted) return
    isInterrupted = true
    void clear().finally(() => process.exit(128 + constants.signals[signal]))
  }
  const lastResort = () => {
    server.endNow()
    rmSync(directory, removal)
  }
  for (const signal of endSignals) process.on(signal, interrupt)
  process.on('exit', lastResort)
  try {
    return await Promise.race([run(server), server.crashed, tooLong(server, runMsMax)])
  } finally {
    if (isInterrupted) await new Promise(() => {})
    await clear()
    for (const signal of endSignals) process.off(signal, interrupt)
    process.off('exit', lastResort)
  }
}

async function tooLong(server: ServerProcess, runMsMax: number): Promise<never> {
  await sleep(runMsMax, undefined, { ref: false })
  throw new Error(`it has not come to its end within ${runMsMax} ms; the log of the server:\n${server.log}`)
}
