import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** An example that runs as a process of its own, and what it has said. */
export interface Performance {
  readonly child: ChildProcess
  readonly output: () => string
  /** Resolves once the output contains the text; rejects when the example ends without. */
  says(text: string): Promise<void>
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>
}

/** Starts an example; `file` is relative to the folder `examples`. */
export function perform(file: string): Performance {
  const { FORCE_COLOR: _, ...env } = process.env
  const child = spawn(process.execPath, ['-C', 'source', fileURLToPath(new URL(file, import.meta.url))], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return {
    child,
    ended,
    output: () => output,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = () => output.includes(text) && resolve()
        for (const stream of [child.stdout, child.stderr]) stream.on('data', look)
        look()
        void ended.then(() => reject(new Error(`it ended without saying '${text}':\n${output}`)))
      }),
  }
}

/** The rows of the counts: the name, and what stands beside it. */
export function rowsOf(output: string): Record<string, string> {
  const rows = output.slice(output.indexOf('The counts')).matchAll(/^ {2}(\S.*?) {2,}(\S.*)$/gm)
  return Object.fromEntries([...rows].map(([, name, value]) => [name, value]))
}

/** What an example should have cleared away and has not: the server's processes and their directory. */
export function leftBehind(output: string): string[] {
  const pids = [...output.matchAll(/\bpid (\d+) listens/g)].map(([, pid]) => Number(pid))
  const directories = [...output.matchAll(/, data in (\S+)/g)].map(([, directory = '']) => directory)
  if (pids.length === 0 || directories.length === 0) throw new Error(`no server was started:\n${output}`)
  return [...pids.filter(isRunning).map((pid) => `pid ${pid}`), ...new Set(directories.filter((each) => existsSync(each)))]
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
