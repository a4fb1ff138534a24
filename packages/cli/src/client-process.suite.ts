import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { type Call, type Ended, type Serving, scratchDirectory, serving, sotto, start } from './sotto-process.suite.ts'

/** Longer than anything here takes: what has not been said by then never will be. */
const hangMs = 60_000

/** A server for local work, and a home for the devices of its users. */
export interface Town {
  readonly server: Serving
  readonly url: string
  /** A working directory with no settings, and a home with no devices. */
  readonly call: Call
  /** Calls `sotto` as a user and waits for its end. */
  as(user: string, ...args: readonly string[]): Promise<Ended>
  /** Calls `sotto` as a user and goes on. */
  talk(user: string, ...args: readonly string[]): Talk
}

/** A call that goes on, by lines in and lines out. */
export interface Talk {
  readonly child: ChildProcess
  /** All of the standard output so far. */
  output(): string
  errors(): string
  type(...lines: readonly string[]): void
  /** Resolves with the first match in the output since the last one that was found; rejects when it ends without. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  /** The same of the standard error. */
  complains(pattern: RegExp): Promise<RegExpExecArray>
  /** The exit code, once all of the output is read. */
  readonly ended: Promise<number | null>
  /** The end of the input. */
  hangUp(): Promise<number | null>
  kill(signal: NodeJS.Signals): Promise<number | null>
}

export async function town(env: Readonly<Record<string, string>> = {}): Promise<Town> {
  const cwd = scratchDirectory()
  const server = await serving(['serve'], { cwd, env: { DEV_TOKENS: 'true', ...env } })
  const url = `http://127.0.0.1:${server.port}`
  const call = { cwd, env: { SOTTO_URL: url, XDG_DATA_HOME: path.join(cwd, 'home'), HOME: path.join(cwd, 'home') } }
  return {
    server,
    url,
    call,
    as: (user, ...args) => sotto([...args, '--as', user], call),
    talk: (user, ...args) => talk([...args, '--as', user], call),
  }
}

export function talk(args: readonly string[], call: Call): Talk {
  const child = start(args, call, 'pipe')
  const said = { stdout: '', stderr: '' }
  const found = { stdout: 0, stderr: 0 }
  for (const name of ['stdout', 'stderr'] as const)
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  // Who has ended reads no more: the exit code says it.
  child.stdin!.on('error', () => {})
  const ended = once(child, 'close').then(() => child.exitCode)
  const seek = (name: 'stdout' | 'stderr') => (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const told = () => `${pattern}:\n${said.stdout}\n${said.stderr}`
      const guard = setTimeout(() => reject(new Error(`does not say ${told()}`)), hangMs)
      const look = () => {
        const match = pattern.exec(said[name].slice(found[name]))
        if (match === null) return
        clearTimeout(guard)
        found[name] += match.index + match[0].length
        child[name]!.off('data', look)
        resolve(match)
      }
      child[name]!.on('data', look)
      look()
      void ended.then(() => {
        clearTimeout(guard)
        reject(new Error(`ended without ${told()}`))
      })
    })
  return {
    child,
    output: () => said.stdout,
    errors: () => said.stderr,
    type: (...lines) => void child.stdin!.write(lines.map((line) => `${line}\n`).join('')),
    says: seek('stdout'),
    complains: seek('stderr'),
    ended,
    hangUp() {
      child.stdin!.end()
      return ended
    },
    kill(signal) {
      child.kill(signal)
      return ended
    },
  }
}
