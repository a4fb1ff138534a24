import { expect, test } from 'vitest'
import { clientsRun } from './src/clients/clients-run.ts'
import { inScratch } from './src/scratch.ts'

/** A seed takes half a minute; the bound is for what hangs. `npm run sim -- clients` does more seeds, changes and messages. */
const timeout = 600_000
const changes = 60
const messages = 600

for (const seed of [1, 2, 4, 7]) {
  test(`20 clients agree after ${changes} changes of membership and ${messages} messages, seed ${seed}`, {
    timeout,
  }, async () => {
    const report = await inScratch((directory) => clientsRun({ directory, seed, changes, messages }))
    expect(report.problems).toEqual([])
  })
}
