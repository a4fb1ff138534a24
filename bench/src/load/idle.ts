import type { Failure } from './failure.ts'
import { openFleet } from './fleet.ts'
import type { IdleJob, JobResult } from './job.ts'

/** Resolves when all sessions are open and synced; they stay open as long as this process lives. */
export async function runIdle(job: IdleJob, failure: Failure): Promise<JobResult<'idle'>> {
  const shape = { target: job.target, userPrefix: job.userPrefix, count: job.sessions, ackEntries: 1, fail: failure.fail }
  const sessions = await openFleet({ ...shape, events: () => ({}) })
  await Promise.race([Promise.all(sessions.map(({ synced }) => synced)), failure.happened])
  return {}
}
