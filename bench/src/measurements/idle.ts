import { setTimeout as pause } from 'node:timers/promises'
import type { Arena, Contestant } from '../arena.ts'
import type { IdleJob } from '../load/job.ts'
import { startLoad } from '../load/start.ts'
import { residentBytes } from '../process-usage.ts'
import { count, short } from '../report/format.ts'
import type { Outcome } from '../report/row.ts'
import { goals, type Settings } from '../settings.ts'

interface Footprint {
  readonly freshBytes: number
  /** After some sessions have come and gone: compiled code and grown heaps are not charged to sessions. */
  readonly warmBytes: number
  readonly loadedBytes: number
  readonly bytesPerSession: number
}

/** (d) Memory of sessions that do nothing; the bare relay's beside it. Both settle at the same time. */
export async function measureIdle(arena: Arena): Promise<Outcome> {
  const { settings, note } = arena
  const { sessions } = settings.idle
  const reference = await arena.startReference('relay')
  const subject = await arena.startSubject()
  note(`(d) ${sessions} idle sessions`)
  const [ours, theirs] = await Promise.all([footprint(subject, settings), footprint(reference, settings)])
  await Promise.all([subject.stop(), reference.stop()])
  const row = {
    label: `(d) memory, ${count(sessions)} idle sessions`,
    subject: `${short(ours.bytesPerSession / 1024)} KiB each`,
    reference: `${short(theirs.bytesPerSession / 1024)} KiB each`,
    goal: `<= ${goals.idleBytes / 1024} KiB`,
    met: ours.bytesPerSession <= goals.idleBytes,
  }
  return { rows: [row], numbers: { subject: ours, reference: theirs } }
}

async function footprint({ target }: Contestant, { idle }: Settings): Promise<Footprint> {
  const freshBytes = residentBytes(target.pid)
  const job: IdleJob = { kind: 'idle', target, userPrefix: 'warm-up', sessions: idle.warmUpSessions }
  const warmUp = await startLoad(job)
  await warmUp.close()
  await pause(idle.settleMs)
  const warmBytes = residentBytes(target.pid)
  const load = await startLoad({ ...job, userPrefix: 'idle', sessions: idle.sessions })
  await pause(idle.settleMs)
  const loadedBytes = residentBytes(target.pid)
  await load.close()
  return { freshBytes, warmBytes, loadedBytes, bytesPerSession: (loadedBytes - warmBytes) / idle.sessions }
}
