import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Job, JobAnswer, JobResult } from './job.ts'

export interface Load<kind extends Job['kind']> {
  readonly result: JobResult<kind>
  /** Ends the load process and its sockets. */
  close(): Promise<void>
}

/** Runs a job in a process of its own, which stays until it is closed. Rejects with what the job failed of. */
export async function startLoad<job extends Job>(job: job): Promise<Load<job['kind']>> {
  const child = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), { execArgv: ['-C', 'source'] })
  const exited = once(child, 'exit')
  const close = async () => {
    if (child.connected) child.disconnect()
    await exited
  }
  const { promise, resolve, reject } = Promise.withResolvers<JobAnswer>()
  child.once('message', (answer) => resolve(answer as JobAnswer))
  child.once('exit', (code, signal) => reject(new Error(`the load process ended early (${signal ?? code})`)))
  child.send(job)
  const answer = await promise
  if ('error' in answer) {
    await close()
    throw new Error(`load '${job.kind}': ${answer.error}`)
  }
  return { result: answer.result as JobResult<job['kind']>, close }
}

/** Runs a job and ends its process. */
export async function runLoad<job extends Job>(job: job): Promise<JobResult<job['kind']>> {
  const load = await startLoad(job)
  await load.close()
  return load.result
}
