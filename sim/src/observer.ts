import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Unstamped } from './history.ts'

/** Writes a history through an observer process of its own. */
export interface Observer {
  readonly file: string
  /** Stamps the event and passes it on; resolves once it is on disk. Order of calls is order in the history. */
  record(event: Unstamped): Promise<void>
  /** Resolves when such an event is recorded next. */
  seen(which: (event: Unstamped) => boolean): Promise<void>
  /** Resolves when everything recorded is on disk and the process has ended. */
  close(): Promise<void>
}

interface Waiting {
  readonly line: number
  readonly resolve: () => void
  readonly reject: (cause: Error) => void
}

/** Starts an observer that writes to `file`. Events of one turn of the event loop travel, and are synced, together. */
export function startObserver(file: string): Observer {
  const script = fileURLToPath(new URL('./observer-process.ts', import.meta.url))
  const child = spawn(process.execPath, [script, file], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const waiting: Waiting[] = []
  const watches = new Map<(event: Unstamped) => boolean, () => void>()
  let recorded = 0
  let batch: string[] = []

  function flush(): void {
    child.stdin.write(batch.join(''))
    batch = []
  }

  createInterface({ input: child.stdout }).on('line', (count) => {
    const durable = Number(count)
    const done = waiting.findIndex((each) => each.line > durable)
    for (const each of waiting.splice(0, done === -1 ? waiting.length : done)) each.resolve()
  })
  child.stdin.on('error', () => {})
  child.on('exit', () => {
    for (const each of waiting.splice(0)) each.reject(new Error('the observer ended before the event was on disk'))
  })

  return {
    file,
    record(event) {
      if (batch.length === 0) setImmediate(flush)
      batch.push(`${JSON.stringify({ at: monotonicMs(), ...event })}\n`)
      recorded++
      for (const [which, resolve] of watches) {
        if (!which(event)) continue
        watches.delete(which)
        resolve()
      }
      const line = recorded
      const durable = new Promise<void>((resolve, reject) => waiting.push({ line, resolve, reject }))
      // Many do not wait: what could not be written makes `close` fail.
      durable.catch(() => {})
      return durable
    },
    seen: (which) => new Promise((resolve) => watches.set(which, resolve)),
    async close() {
      flush()
      child.stdin.end()
      const [code] = (await exited) as [number | null]
      if (code !== 0) throw new Error(`the observer ended with ${code}`)
    },
  }
}

/** CLOCK_MONOTONIC in milliseconds, to the microsecond. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000
}
