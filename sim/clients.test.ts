import { expect, test } from 'vitest'
import { clientsRun } from './src/clients/clients-run.ts'
import { inScratch } from './src/scratch.ts'

/** A seed takes half a minute; the bound is for what hangs. `npm run sim -- clients` does more seeds, changes and messages. */
const timeout = 600_000
const changes = 200
const messages = 2_000

for (let seed = 1; seed <= 10; seed++) {
  test(`20 clients agree after ${changes} changes of membership and ${messages} messages, seed ${seed}`, {
    timeout,
  }, async () => {
    const report = await inScratch((directory) => clientsRun({ directory, seed, changes, messages }))
    expect(report.problems).toEqual([])
  })
}
