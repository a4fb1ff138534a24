import type { Arena, Contestant } from '../arena.ts'
import type { Measured } from '../load/job.ts'
import { runLoad } from '../load/start.ts'
import { cpu, latency, rate } from '../report/format.ts'
import type { Outcome, Row } from '../report/row.ts'
import { goals, type Settings } from '../settings.ts'
import { summarise } from '../summary.ts'

/** (a) Messages between two users, durable, beside a relay that only passes them on. */
export async function measureRelay(arena: Arena): Promise<Outcome> {
  const { settings, note } = arena
  const reference = await arena.startReference('relay')
  const subject = await arena.startSubject()
  const rows: Row[] = []
  const numbers: unknown[] = []
  for (const depth of settings.relay.depths) {
    const ours: Measured[] = []
    const theirs: Measured[] = []
    for (let round = 1; round <= settings.rounds; round++) {
      note(`(a) relay, ${depth} in flight, round ${round} of ${settings.rounds}`)
      ours.push(await pairs(subject, depth, settings))
      theirs.push(await pairs(reference, depth, settings))
    }
    const us = summarise(ours)
    const them = summarise(theirs)
    const ratio = us.perSecond / them.perSecond
    numbers.push({ depth, ratio, subject: us, reference: them })
    rows.push({
      label: `(a) relay 1:1, ${depth} in flight`,
      subject: rate(us),
      reference: rate(them),
      ratio,
      goal: `ratio >= ${goals.relayRatio}`,
      met: ratio >= goals.relayRatio,
      latency: `${latency(us)}; ${latency(them)}`,
      cpu: `${cpu(us)}; ${cpu(them)}`,
      otherCores: (us.otherCores + them.otherCores) / 2,
    })
  }
  await Promise.all([subject.stop(), reference.stop()])
  return { rows, numbers }
}

/** One round of the pairs of (a), of which (e) makes use too. */
export function pairs({ target }: Contestant, depth: number, { relay, span }: Settings): Promise<Measured> {
  return runLoad({ kind: 'pairs', target, pairs: relay.pairs, depth, ack: relay.ack, ...span })
}
