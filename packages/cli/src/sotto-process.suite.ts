import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createServer, readConfig } from '@sotto/server'
import { onTestFinished } from 'vitest'

/** `sotto` from its sources. */
const fromSources = [process.execPath, '-C', 'source', fileURLToPath(new URL('./main.ts', import.meta.url))]

export interface Call {
  /** The working directory: where `.env` and `data` are. */
  readonly cwd: string
  /** Settings. Nothing else of the environment of the tests is passed on that the command reads. */
  readonly env?: Readonly<Record<string, string>>
  /** What to run, with its first arguments; left out: `sotto` from its sources. */
  readonly program?: readonly string[]
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Calls `sotto` and waits for its end. */
export async function sotto(args: readonly string[], call: Call): Promise<Ended> {
  const child = start(args, call)
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

/** The JSON object that a command with `--json` prints. */
export async function sottoJson(
  args: readonly string[],
  call: Call,
): Promise<{ code: number | null; answer: Record<string, unknown> }> {
  const { code, stdout } = await sotto([...args, '--json'], call)
  return { code, answer: JSON.parse(stdout) as Record<string, unknown> }
}

export interface Serving {
  readonly child: ChildProcess
  readonly port: number
  /** Of the server itself, whatever started it. */
  readonly pid: number
  /** What it wrote to the standard output so far. */
  log(): string
  /** SIGTERM; gives how it ended. */
  stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** A call that serves, on loopback, once it listens. */
export async function serving(args: readonly string[], { env, ...call }: Call): Promise<Serving> {
  const child = start(args, { ...call, env: { HOST: '127.0.0.1', PORT: '0', ...env } })
  let log = ''
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk))
  const { port, pid } = await new Promise<{ port: number; pid: number }>((resolve, reject) => {
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk
      const line = log.split('\n').find((one) => one.includes('"listening"'))
      if (line?.endsWith('}')) resolve(JSON.parse(line) as { port: number; pid: number })
    })
    child.on('exit', (code) => reject(new Error(`ended with ${code}:\n${log}${errors}`)))
  })
  return {
    child,
    port,
    pid,
    log: () => log,
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'close')
      return { code: child.exitCode, signal: child.signalCode }
    },
  }
}

/** Starts `sotto`; it is gone after the test. */
export function start(
  args: readonly string[],
  { cwd, env = {}, program = fromSources }: Call,
  input: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const inherited = { PATH, NODE_COMPILE_CACHE }
  const [executable = '', ...first] = program
  const child = spawn(executable, [...first, ...args], {
    cwd,
    env: { ...inherited, ...env },
    stdio: [input, 'pipe', 'pipe'],
  })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  return child
}

/** A directory that is gone after the test. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'sotto-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A working directory whose `data` a server has used and left. */
export async function usedDirectory(): Promise<string> {
  const directory = scratchDirectory()
  const config = readConfig({ HOST: '127.0.0.1', PORT: '0', DATA_DIR: path.join(directory, 'data'), LOG_LEVEL: 'silent' })
  const server = await createServer(config)
  await server.close()
  return directory
}

/** Names and contents of all files in a directory. */
export function contentsOf(directory: string): Record<string, string> {
  return Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(path.join(directory, name), 'hex')]))
}
