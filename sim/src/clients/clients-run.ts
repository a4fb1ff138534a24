import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { withinMs } from '../deadline.ts'
import { raisedLimits } from '../raised-limits.ts'
import type { RunReport } from '../report.ts'
import { seeded } from '../seeded.ts'
import { serverProcess } from '../server-process.ts'
import { unsoundFiles } from '../sqlite-files.ts'
import { checkClients } from './checker/check-clients.ts'
import { Company } from './company.ts'
import { GroupLogs } from './group-logs.ts'
import type { ClientsRecord, Handed, Leaving, RecordedIncident, SendCall } from './record.ts'
import { startWorkload } from './workload.ts'

export interface ClientsRun {
  /** Where the server's data, the devices' databases and, if something is wrong, the record go. */
  readonly directory: string
  readonly seed: number
  /** Changes of membership that take effect. */
  readonly changes: number
  readonly messages: number
}

const overallMs = 240_000
/** Nothing passes for so long, and nothing waits: longer than anything is put off without a reason. */
const quietMs = 2_500
const settleMs = 60_000

/**
 * Twenty devices of twelve users talk in groups whose membership changes without a pause, several changes at once, while
 * connections break, applications are restarted, and the server is killed and stopped. Then everything settles, and what
 * everybody sees is judged.
 */
export async function clientsRun(run: ClientsRun): Promise<RunReport> {
  const { directory, seed, changes, messages } = run
  const began = performance.now()
  const chance = seeded(seed)
  const dataDir = join(directory, 'data')
  mkdirSync(dataDir, { recursive: true })
  const server = serverProcess({ dataDir, environment: raisedLimits })
  const logs = new GroupLogs()
  const handed: Handed[] = []
  const incidents: RecordedIncident[] = []
  const leavings: Leaving[] = []
  const sends: SendCall[] = []
  const company = new Company({ server, logs, chance, handed, incidents })

  /** Until nothing moves any more; tells what is still under way after a long time. */
  async function settle(): Promise<string[]> {
    // Every application is started once more: nobody waits before it connects, and everybody looks for its groups.
    await Promise.all(company.devices.map((device) => device.restart()))
    let [passed, quietSince] = [logs.passed, performance.now()]
    let unsettled: string[] = []
    for (let waitedMs = 0; waitedMs < settleMs; waitedMs += 100) {
      await sleep(100)
      if (logs.passed !== passed) [passed, quietSince] = [logs.passed, performance.now()]
      unsettled = ['there is no quiet', ...logs.recent]
      if (performance.now() - quietSince < quietMs) continue
      unsettled = (await Promise.all(company.devices.map((device) => device.unsettled()))).flat()
      if (unsettled.length === 0) break
    }
    return unsettled
  }

  try {
    await server.start()
    await withinMs(settleMs, company.assemble(), () => server.log().slice(-4_000))
    const workload = startWorkload({ company, server, chance, logs, sends, leavings, changes, messages })
    await withinMs(overallMs, workload.finished, () => JSON.stringify(workload.progress()))
    const workedMs = performance.now() - began
    const unsettled = await settle()
    const settledMs = performance.now() - began - workedMs
    const views = await Promise.all(company.devices.map((device) => device.view()))
    await server.stop()
    const record: ClientsRecord = {
      devices: company.fates,
      log: logs.entries(),
      conflicts: logs.conflicts,
      unsettled,
      sends,
      handed,
      leavings,
      incidents,
      views,
      changes: workload.progress().changes,
      refusals: workload.progress().refusals,
    }
    const violations = checkClients(record, { changesMin: changes, sendsMin: messages })
    if (violations.length > 0) writeFileSync(join(directory, 'record.json'), JSON.stringify(record, null, 1))
    return {
      wallMs: performance.now() - began,
      counts: {
        workedMs: Math.round(workedMs),
        settledMs: Math.round(settledMs),
        sends: sends.length,
        commits: record.log.filter(({ kind }) => kind === 'commit').length,
        external: record.log.filter((entry) => entry.kind === 'commit' && entry.external).length,
        groups: new Set(record.log.map(({ group }) => group)).size,
        shown: views.reduce((sum, { groups }) => sum + groups.reduce((all, { messages: shown }) => all + shown.length, 0), 0),
        unreadable: views.flatMap(({ groups }) => groups.flatMap(({ messages: shown }) => shown)).filter((one) => one.unreadable)
          .length,
        ...workload.progress().changes,
        ...workload.progress().chaos,
      },
      problems: [...violations.map(({ invariant, detail }) => `${invariant}: ${detail}`), ...unsoundFiles(dataDir)],
    }
  } finally {
    await company.end()
    await server.dispose()
  }
}
