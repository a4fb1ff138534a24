import type { Arena } from '../../arena.ts'
import { short } from '../../report/format.ts'
import type { Outcome, Row } from '../../report/row.ts'
import type { FirstMessageParts, StorageKind } from '../client/job.ts'
import type { Host } from '../hosts.ts'
import { milliseconds, scatter } from '../scatter.ts'
import { onStage, play } from '../stage.ts'

const parts = ['openMs', 'conversationMs', 'queuedMs', 'acceptedMs'] as const

/** (b) A new user, from nothing to the first message that the server has. A fresh process or page for each round. */
export function measureFirstMessages(arena: Arena): Promise<Outcome> {
  const { rounds } = arena.settings.sdk
  return onStage(arena, async (stage) => {
    const { node, chromium } = stage.hosts
    const [peer] = await stage.crowd(1)
    const places: readonly (readonly [Host, StorageKind])[] = [
      [node, 'memory'],
      [node, 'disk'],
      [chromium, 'disk'],
    ]
    const rows: Row[] = []
    const numbers: unknown[] = []
    for (const [host, storage] of places) {
      const where = `${host.name}, ${storage === 'disk' ? host.diskName : 'in memory'}`
      arena.note(`(b) first message, ${where}`)
      const made: FirstMessageParts[] = []
      for (let round = 0; round < rounds; round++)
        made.push(await play(stage, host, { kind: 'firstMessage', storage, account: stage.newAccount(), peer: peer! }))
      const total = scatter(made.map(({ totalMs }) => totalMs))
      const each = Object.fromEntries(parts.map((part) => [part, scatter(made.map((one) => one[part]))]))
      const medians = parts.map((part) => short(each[part]!.median)).join(' + ')
      rows.push({
        label: `(b) first message, ${where}`,
        subject: milliseconds(total),
        reference: `(${medians})`,
        otherCores: stage.others(),
      })
      numbers.push({ host: host.name, storage, total, ...each })
    }
    return { rows, numbers }
  })
}
