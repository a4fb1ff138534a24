import { Worker } from 'node:worker_threads'

/** What a thread makes is short-lived and small: a larger nursery would only be memory that is never given back. */
const maxYoungGenerationSizeMb = 6

/** A worker thread that is spoken to by messages. */
export interface Thread<request, reply> {
  post(message: request): void
  onMessage(listener: (reply: reply) => void): void
  /** The thread died, which it never does by itself. */
  onEnd(listener: (why: string) => void): void
  /** Says goodbye and resolves once the thread has ended. */
  close(goodbye: request): Promise<void>
}

/** Starts the thread whose file stands beside this one. */
export function startThread<request, reply>(name: string, data: unknown): Thread<request, reply> {
  // Sources run as they are; a build has rewritten every ending but those in strings.
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`./${name}.thread.${ending}`, import.meta.url), {
    workerData: data,
    name: `sotto-${name}`,
    resourceLimits: { maxYoungGenerationSizeMb },
  })
  let closing = false
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (listener) =>
      worker.on('message', (message: reply | object) => {
        if (!isWatchReport(message)) listener(message as reply)
      }),
    onEnd: (listener) => {
      worker.on('error', (error) => listener(error.message))
      worker.on('exit', (code) => {
        if (!closing) listener(`exit code ${code}`)
      })
    },
    close: async (goodbye) => {
      closing = true
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
      worker.postMessage(goodbye)
      await ended
    },
  }
}

/** Under `node --watch` a thread also tells its parent, on the same channel, which files it has loaded. */
function isWatchReport(message: unknown): boolean {
  return typeof message === 'object' && message !== null && ('watch:import' in message || 'watch:require' in message)
}
