import type { Arena } from '../../arena.ts'
import { count } from '../../report/format.ts'
import type { Outcome, Row } from '../../report/row.ts'
import { goals } from '../../settings.ts'
import type { Host } from '../hosts.ts'
import { milliseconds, scatter } from '../scatter.ts'
import { onStage, play, type Stage } from '../stage.ts'

/** (d) From `Sotto.open` to the list of conversations, with a history on disk. A fresh process or page for each round. */
export function measureOpening(arena: Arena): Promise<Outcome> {
  const { history } = arena.settings.sdk
  return onStage(arena, async (stage) => {
    const rows: Row[] = []
    const numbers: unknown[] = []
    for (const host of [stage.hosts.node, stage.hosts.chromium]) {
      for (const conversations of history.conversations) {
        const opened = await openings(arena, stage, host, conversations)
        const what = `${count(history.messages)} messages in ${conversations}`
        rows.push({
          label: `(d) open, ${what}, ${host.name}, ${host.diskName}`,
          subject: milliseconds(opened),
          goal: `< ${goals.sdkOpenMs} ms`,
          met: opened.median < goals.sdkOpenMs,
          otherCores: stage.others(),
        })
        numbers.push({ host: host.name, conversations, messages: history.messages, opened })
      }
    }
    return { rows, numbers }
  })
}

async function openings(arena: Arena, stage: Stage, host: Host, conversations: number) {
  const { rounds, textBytes, history } = arena.settings.sdk
  const { messages } = history
  const account = stage.newAccount()
  arena.note(`(d) storing ${count(messages)} messages in ${conversations} conversations, ${host.name}`)
  await play(stage, host, { kind: 'seed', account, conversations, messages, textBytes })
  arena.note(`(d) opening it`)
  const opened: number[] = []
  for (let round = 0; round < rounds; round++)
    opened.push((await play(stage, host, { kind: 'open', account, conversations })).openMs)
  return scatter(opened)
}
