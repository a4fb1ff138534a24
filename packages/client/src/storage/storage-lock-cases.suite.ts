import { refused, same, utf8, words } from './storage-check.suite.ts'
import type { StorageCase } from './storage-under-test.suite.ts'
import { withOpen } from './storage-under-test.suite.ts'

const one = { collection: 'device', key: 'one', value: utf8('1') } as const

/** Resolves after everything that could have happened by itself. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 120))

export const lockCases: readonly StorageCase[] = [
  {
    name: 'has the same name for the same data',
    run: async ({ storage }) => same(storage().name, storage().name),
  },
  {
    name: 'refuses a second opener at once, until the first has closed',
    async run({ storage }) {
      const first = await storage().open()
      await refused('storage_in_use', storage().open())
      await refused('storage_in_use', storage().open())
      await first.write([one])
      await first.close()
      const second = await storage().open()
      same(words(await second.get('device', 'one')), '1')
      await second.close()
    },
  },
  {
    name: 'lets one that waits have its turn when the first closes',
    async run({ storage }) {
      const first = await storage().open()
      let turn = false
      const waiting = storage()
        .open({ wait: true, signal: new AbortController().signal })
        .then((open) => {
          turn = true
          return open
        })
      await settled()
      same(turn, false, 'turn while the first is open')
      await first.write([one])
      await first.close()
      const second = await waiting
      same(words(await second.get('device', 'one')), '1')
      await refused('storage_in_use', storage().open())
      await second.close()
    },
  },
  {
    name: 'opens at once with `wait` when it is free',
    async run({ storage }) {
      const open = await storage().open({ wait: true })
      await open.close()
    },
  },
  {
    name: 'lets one that waits give up, and does not give it a turn later',
    async run({ storage }) {
      const first = await storage().open()
      const giveUp = new AbortController()
      const reason = new Error('no more')
      const waiting = storage().open({ wait: true, signal: giveUp.signal })
      const outcome = waiting.catch((error: unknown) => error)
      await settled()
      giveUp.abort(reason)
      if ((await outcome) !== reason) throw new Error(`gave up with ${String(await outcome)}`)
      const early = await storage()
        .open({ wait: true, signal: AbortSignal.abort(reason) })
        .catch((error: unknown) => error)
      if (early !== reason) throw new Error(`did not give up at once: ${String(early)}`)
      await first.close()
      const third = await storage().open()
      await third.close()
    },
  },
  {
    name: 'gives several that wait one turn each',
    async run({ storage }) {
      let inside = 0
      let turns = 0
      await Promise.all(
        Array.from({ length: 5 }, async () => {
          const open = await storage().open({ wait: true })
          inside++
          turns++
          same(inside, 1, 'openers at once')
          await open.write([{ collection: 'device', key: `turn ${turns}`, value: utf8('') }])
          inside--
          await open.close()
        }),
      )
      const open = await storage().open()
      same((await open.range('device')).length, 5)
      await open.close()
    },
  },
  {
    name: 'refuses everything after it was closed, and may be closed twice',
    async run(under) {
      const open = await under.storage().open()
      await open.write([one])
      const closing = open.close()
      await refused('storage_closed', open.get('device', 'one'), 'get')
      await refused('storage_closed', open.range('device'), 'range')
      await refused('storage_closed', open.write([one]), 'write')
      await refused('storage_closed', open.write([]), 'write of nothing')
      await closing
      await open.close()
      await refused('storage_closed', open.get('device', 'one'), 'get after close')
      const next = await under.storage().open()
      await open.close()
      await refused('storage_in_use', under.storage().open(), 'open, after the first was closed again')
      await next.close()
    },
  },
  {
    name: 'finishes the writes under way before it closes',
    async run(under) {
      const open = await under.storage().open()
      const writes = Array.from({ length: 20 }, (_, at) =>
        open.write([{ collection: 'later', key: `${at}`, value: utf8('kept') }]),
      )
      await open.close()
      await Promise.all(writes)
      await withOpen(under, async (again) => same((await again.range('later')).length, 20))
    },
  },
]
