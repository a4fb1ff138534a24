import { openSync, writeFileSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Sotto } from '@sotto/client'
import { sqliteStorage } from '@sotto/client/node'
import { historyOf, isSettled } from './kill-client/history-of.ts'
import type { JournalLine } from './kill-client/journal.ts'
import { seeded } from './seeded.ts'
import { mintToken } from './token.ts'

/**
 * The client that is killed: an application that sends without a pause and handles what it is handed. It writes a journal
 * whose lines are on disk when the next thing happens. Started before its turn, it waits for a line of its input:
 * `go`: open the device, send until killed · `end`: open it, send nothing; once nothing is under way any more, write the
 * history and end.
 */
export interface ClientOrders {
  readonly url: string
  readonly secret: string
  readonly userId: string
  readonly database: string
  readonly journal: string
  /** Where the history goes. */
  readonly history: string
  readonly opening: number
  readonly seed: number
  /** A user whom it adds to its group and removes again. */
  readonly visitor: string
}

const pauseMsMax = 40
const handleMsMax = 8
const burstMax = 4
/** Part of its turns in which it changes the group instead of sending. */
const changing = 0.04
const quietMs = 2_500

const orders = JSON.parse(process.argv[2] ?? 'null') as ClientOrders
const { opening, seed } = orders
const chance = seeded(seed * 1_000 + opening)
const journal = openSync(orders.journal, 'as')
let movedAt = performance.now()

function write(line: JournalLine): void {
  movedAt = performance.now()
  writeSync(journal, `${JSON.stringify(line)}\n`)
}

async function open(): Promise<Sotto> {
  const sotto = await Sotto.open({
    url: orders.url,
    token: () => mintToken(orders.secret, orders.userId),
    storage: sqliteStorage({ path: orders.database }),
  })
  sotto.on('message', async ({ id }) => {
    write({ event: 'handed', opening, id })
    await sleep(chance.below(handleMsMax))
    write({ event: 'handled', opening, id })
  })
  sotto.on('error', ({ kind, detail }) => write({ event: 'incident', kind, detail }))
  write({ event: 'opened', opening })
  return sotto
}

async function work(sotto: Sotto): Promise<never> {
  for (let turn = 0; ; ) {
    await sleep(chance.below(pauseMsMax))
    const chats = sotto.conversations().filter(({ state }) => state === 'active')
    if (chats.length === 0) continue
    const chat = chance.pick(chats)
    if (chat.kind === 'group' && chance.chance(changing)) {
      const isThere = chat.members.some(({ userId }) => userId === orders.visitor)
      // It may be killed meanwhile, or another may be faster.
      void (isThere ? chat.remove(orders.visitor) : chat.add([orders.visitor])).catch(() => {})
    }
    for (let left = 1 + chance.below(burstMax); left > 0; left--) {
      const text = `${orders.userId} ${opening} ${++turn}`
      write({ event: 'calling', group: chat.id, text })
      const { id } = await chat.send(text)
      write({ event: 'sent', group: chat.id, text, id })
    }
  }
}

async function end(sotto: Sotto): Promise<never> {
  while (performance.now() - movedAt < quietMs || !(await isSettled(sotto))) await sleep(50)
  writeFileSync(orders.history, JSON.stringify(await historyOf(sotto)))
  await sotto.close()
  process.exit(0)
}

createInterface({ input: process.stdin }).once('line', (order) => {
  void open().then(order === 'end' ? end : work)
})
process.stdin.on('end', () => process.exit(1))
