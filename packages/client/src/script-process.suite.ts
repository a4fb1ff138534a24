import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { onTestFinished } from 'vitest'

export interface ScriptProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  /** The lines that it has written so far. */
  readonly said: string[]
}

/** Runs a module, given as text, in a process of its own, which ends with the test at the latest. */
export function runScript(script: string): ScriptProcess {
  const child = spawn(process.execPath, ['-C', 'source', '--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const said: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line))
  return { child, said }
}
