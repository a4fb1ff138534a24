import { expect, test } from 'vitest'
import { killClientRun } from './src/kill-client/kill-client-run.ts'
import { inScratch } from './src/scratch.ts'

/** Each start of the client takes a moment; the bound is for what hangs. */
const timeout = 1_200_000

test('300 kills of a client lose nothing, show nothing twice, use no key twice', { timeout }, async () => {
  const report = await inScratch((directory) => killClientRun({ directory, seed: 1, kills: 300 }))
  expect(report.problems).toEqual([])
  expect(report.counts.kills).toBe(300)
})
