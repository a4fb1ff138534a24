import { cpuSeconds } from '../process-usage.ts'
import { settleEvery } from './acks.ts'
import { eventually, type Failure } from './failure.ts'
import { closeFleet, openFleet } from './fleet.ts'
import type { DrainJob, JobResult } from './job.ts'

/** From the first handshake to the last entry at the last device. */
export async function runDrain(job: DrainJob, failure: Failure): Promise<JobResult<'drain'>> {
  const { target, userPrefix, firstUser, devices, ack } = job
  const expected = devices * job.entriesEach
  let received = 0
  let endMs = 0
  const events = {
    entry: (_bytes: Buffer, _members: unknown, now: number) => {
      received += 1
      if (received === expected) endMs = now
    },
  }
  const serverCpu = cpuSeconds(target.pid)
  const loadCpu = cpuSeconds(process.pid)
  const beginMs = performance.now()
  const shape = { target, userPrefix, firstUser, count: devices, ackEntries: ack.entries, fail: failure.fail }
  const sessions = await openFleet({ ...shape, events: () => events })
  const endSettling = settleEvery(
    ack.afterMs,
    sessions.map(({ acks }) => acks),
  )
  const missing = () => `${expected - received} of ${expected} entries`
  await Promise.race([eventually(() => received >= expected, 60_000, missing), failure.happened])
  const seconds = (endMs - beginMs) / 1_000
  const used = { serverCpuSeconds: cpuSeconds(target.pid) - serverCpu, loadCpuSeconds: cpuSeconds(process.pid) - loadCpu }
  endSettling()
  await closeFleet(sessions)
  if (received > expected) throw new Error(`${received - expected} entries came twice`)
  return { count: expected, seconds, perSecond: expected / seconds, ...used }
}
