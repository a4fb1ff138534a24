import type { Arena } from '../../arena.ts'
import { short } from '../../report/format.ts'
import type { Outcome, Row } from '../../report/row.ts'
import type { Footprint } from '../client/job.ts'
import { megabytes, scatter } from '../scatter.ts'
import { onStage, play } from '../stage.ts'

/** (e) Memory of a client that is online and does nothing. A fresh process or page for each round. */
export function measureIdleClients(arena: Arena): Promise<Outcome> {
  const { rounds, idle } = arena.settings.sdk
  return onStage(arena, async (stage) => {
    const rows: Row[] = []
    const numbers: unknown[] = []
    for (const members of idle.members) {
      const others = await stage.crowd(members - 1)
      for (const host of [stage.hosts.node, stage.hosts.chromium]) {
        arena.note(`(e) idle client, ${members} members, ${host.name}`)
        const account = stage.newAccount()
        await play(stage, host, { kind: 'prepare', account, others })
        const made: { readonly before: Footprint; readonly after: Footprint }[] = []
        for (let round = 0; round < rounds; round++)
          made.push(await play(stage, host, { kind: 'idle', account, settleMs: idle.settleMs }))
        const heap = scatter(made.map(({ before, after }) => after.heapBytes - before.heapBytes))
        const code = scatter(made.map(({ before }) => before.heapBytes))
        const resident = scatter(made.map(({ after }) => after.residentBytes ?? Number.NaN))
        const process = Number.isNaN(resident.median) ? '' : `; process ${short(resident.median / 1e6)} MB`
        rows.push({
          label: `(e) idle client, ${members} members, ${host.name}, ${host.diskName}`,
          subject: megabytes(heap),
          reference: `(code ${short(code.median / 1e6)} MB${process})`,
          otherCores: stage.others(),
        })
        numbers.push({ host: host.name, members, heap, code, ...(Number.isNaN(resident.median) ? {} : { resident }) })
      }
    }
    return { rows, numbers }
  })
}
