import type { Arena } from '../arena.ts'
import type { JobResult } from '../load/job.ts'
import { runLoad } from '../load/start.ts'
import { count, short } from '../report/format.ts'
import type { Outcome } from '../report/row.ts'
import { goals } from '../settings.ts'
import { median } from '../statistics.ts'

const userPrefix = 'drained'

/** (c) Devices that come back and fetch what has been stored for them. Each round drains users of its own. */
export async function measureDrain(arena: Arena): Promise<Outcome> {
  const { settings, note } = arena
  const { devices, entriesEach, ack } = settings.drain
  const subject = await arena.startSubject()
  const { target } = subject
  const recipients = devices * settings.rounds
  note(`(c) storing ${entriesEach} messages for each of ${recipients} users`)
  const filled = await runLoad({
    kind: 'fill',
    target,
    ...settings.fill,
    recipientPrefix: userPrefix,
    recipients,
    messages: recipients * entriesEach,
  })
  const rounds: JobResult<'drain'>[] = []
  for (let round = 0; round < settings.rounds; round++) {
    note(`(c) draining ${devices} devices, round ${round + 1} of ${settings.rounds}`)
    rounds.push(await runLoad({ kind: 'drain', target, userPrefix, firstUser: round * devices, devices, entriesEach, ack }))
  }
  await subject.stop()
  const rates = rounds.map(({ perSecond }) => perSecond)
  const perSecond = median(rates)
  const cpuPer1000 = (seconds: 'serverCpuSeconds' | 'loadCpuSeconds') =>
    short(median(rounds.map((round) => (round[seconds] / round.count) * 1_000)))
  const row = {
    label: `(c) drain ${devices} x ${count(entriesEach)} stored`,
    subject: `${count(perSecond)}/s (${short(Math.min(...rates) / 1_000)}k to ${short(Math.max(...rates) / 1_000)}k)`,
    goal: `>= ${count(goals.drainPerSecond)}/s`,
    met: perSecond >= goals.drainPerSecond,
    cpu: `${cpuPer1000('serverCpuSeconds')} (${cpuPer1000('loadCpuSeconds')})`,
  }
  return { rows: [row], numbers: { perSecond, rounds, filled } }
}
