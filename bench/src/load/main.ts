/** The load process: is sent one job, answers with its result, and lives until its parent lets go. */
import { runDrain } from './drain.ts'
import { type Failure, failure } from './failure.ts'
import { runFanOut } from './fan-out.ts'
import { runFill } from './fill.ts'
import { runIdle } from './idle.ts'
import type { Job, JobAnswer } from './job.ts'
import { runPairs } from './pairs.ts'

process.once('message', (job: Job) => {
  run(job, failure()).then(
    (result) => answer({ result }),
    (error: unknown) => answer({ error: error instanceof Error ? error.message : String(error) }),
  )
})
process.once('disconnect', () => process.exit())

function answer(message: JobAnswer): void {
  process.send?.(message)
}

function run(job: Job, failed: Failure) {
  switch (job.kind) {
    case 'pairs':
      return runPairs(job, failed)
    case 'fanOut':
      return runFanOut(job, failed)
    case 'fill':
      return runFill(job, failed)
    case 'drain':
      return runDrain(job, failed)
    case 'idle':
      return runIdle(job, failed)
  }
}
