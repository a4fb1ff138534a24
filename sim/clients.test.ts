import { expect, test } from 'vitest'
import { clientsRun } from './src/clients/clients-run.ts'
import { inScratch } from './src/scratch.ts'

/** A seed takes most of a minute; the bound is for what hangs. */
const timeout = 600_000

for (let seed = 1; seed <= 10; seed++) {
  test(`20 clients agree after 200 changes of membership and 2,000 messages, seed ${seed}`, { timeout }, async () => {
    const report = await inScratch((directory) => clientsRun({ directory, seed, changes: 200, messages: 2_000 }))
    expect(report.problems).toEqual([])
  })
}
