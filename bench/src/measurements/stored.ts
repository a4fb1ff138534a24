import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { Arena, Contestant } from '../arena.ts'
import type { Measured, Rate } from '../load/job.ts'
import { runLoad } from '../load/start.ts'
import { residentBytes } from '../process-usage.ts'
import { count, cpu, latency, rate, short } from '../report/format.ts'
import type { Outcome, Row } from '../report/row.ts'
import { goals } from '../settings.ts'
import { type Summary, summarise } from '../summary.ts'
import { pairs } from './relay.ts'

interface Level {
  readonly entries: number
  readonly server: Contestant
  readonly filled: Rate
  readonly rounds: Measured[]
}

/**
 * (e) Whether what is stored slows the relay down. A server for each level, filled through its sockets beforehand;
 * then the levels take turns, so that the noise of the machine is the same for all.
 */
export async function measureStored(arena: Arena): Promise<Outcome> {
  const { settings, note } = arena
  const { levels, recipientsMin, depth } = settings.stored
  const filled: Level[] = []
  for (const entries of levels) {
    note(`(e) storing ${count(entries)} entries`)
    const server = await arena.startSubject()
    const recipients = Math.max(recipientsMin, Math.ceil(entries / 1_000))
    const fill = { ...settings.fill, recipientPrefix: 'away', recipients, messages: entries }
    filled.push({ entries, server, filled: await runLoad({ kind: 'fill', target: server.target, ...fill }), rounds: [] })
  }
  execFileSync('sync')
  await pause(2_000)
  for (let round = 1; round <= settings.rounds; round++) {
    for (const level of filled) {
      note(`(e) relay with ${count(level.entries)} stored, round ${round} of ${settings.rounds}`)
      level.rounds.push(await pairs(level.server, depth, settings))
    }
  }
  const resident = filled.map(({ server }) => residentBytes(server.target.pid))
  await Promise.all(filled.map(({ server }) => server.stop()))

  const summaries = filled.map(({ rounds }) => summarise(rounds))
  const rates = summaries.map(({ perSecond }) => perSecond)
  const flatness = Math.min(...rates) / rates[0]!
  const first = summaries[0]!
  const rows: Row[] = filled.map(({ entries }, index) => row(entries, summaries[index]!, first, resident[index]!))
  rows[rows.length - 1] = {
    ...rows.at(-1)!,
    goal: `slowest/first ${flatness.toFixed(2)} >= ${goals.storedRatio}`,
    met: flatness >= goals.storedRatio,
  }
  const numbers = filled.map(({ entries, filled: fill }, index) => ({
    entries,
    filled: fill,
    residentBytes: resident[index],
    subject: summaries[index],
  }))
  return { rows, numbers: { flatness, levels: numbers } }
}

function row(entries: number, summary: Summary, first: Summary, residentBytes: number): Row {
  return {
    label: `(e) relay with ${count(entries)} stored`,
    subject: rate(summary),
    reference: `(RSS ${short(residentBytes / 1024 / 1024)} MiB)`,
    ratio: summary.perSecond / first.perSecond,
    latency: latency(summary),
    cpu: cpu(summary),
    otherCores: summary.otherCores,
  }
}
