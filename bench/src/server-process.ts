import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

const startLimitMs = 30_000
const stopLimitMs = 15_000

export interface ServerShape {
  /** Program and arguments. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Where it runs; a `.env` file is looked for there. */
  readonly cwd?: string
}

/** Settings of the caller's shell that would change what is measured. */
const notInherited = ['DATABASE_URL', 'BUS_URL', 'JWT_JWKS_URL', 'DEV_TOKENS', 'NODE_OPTIONS']

export interface ServerProcess {
  readonly pid: number
  readonly port: number
  /** SIGTERM, and SIGKILL when that does not end it in time. */
  stop(): Promise<void>
}

/** Starts a server and waits for its log line with `"msg":"listening"` and `port`. Rejects with the end of its output. */
export async function startServer({ command, env, cwd }: ServerShape): Promise<ServerProcess> {
  const [program = '', ...args] = command
  const inherited = Object.entries(process.env).filter(([name]) => !notInherited.includes(name) && !name.startsWith('LIMIT_'))
  const child = spawn(program, args, {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  const exited = once(child, 'exit').catch(() => {})
  try {
    const port = await listeningPort(child, command.join(' '))
    return { pid: child.pid!, port, stop: () => stop(child, exited) }
  } catch (error) {
    await stop(child, exited)
    throw error
  }
}

function listeningPort(child: ChildProcess, name: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const last: string[] = []
  const fail = (reason: string) => reject(new Error(`'${name}' did not start: ${reason}\n${last.join('\n')}`))
  const note = (line: string) => {
    last.push(line)
    if (last.length > 20) last.shift()
  }
  createInterface({ input: child.stderr! }).on('line', note)
  createInterface({ input: child.stdout! }).on('line', (line) => {
    note(line)
    const port = portIn(line)
    if (port !== undefined) resolve(port)
  })
  child.once('error', (error) => fail(error.message))
  child.once('exit', (code, signal) => fail(`it ended with ${signal ?? code}`))
  const timer = setTimeout(() => fail(`nothing after ${startLimitMs} ms`), startLimitMs)
  return promise.finally(() => clearTimeout(timer))
}

/** The port that a log line announces, if it is that line. */
export function portIn(line: string): number | undefined {
  if (!line.includes('"listening"')) return undefined
  try {
    const { msg, port } = JSON.parse(line) as { msg?: unknown; port?: unknown }
    return msg === 'listening' && typeof port === 'number' ? port : undefined
  } catch {
    return undefined
  }
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.kill('SIGTERM')
  const ended = await Promise.race([exited.then(() => true), pause(stopLimitMs, false, { ref: false })])
  if (ended) return
  child.kill('SIGKILL')
  await exited
}
