import { expect, test } from 'vitest'
import { sigterm } from './src/death.ts'
import { killRun } from './src/kill-run.ts'
import { inScratch } from './src/scratch.ts'

/** A start of the server takes a moment, a hundred take a while; the bound is for what hangs. */
const timeout = 900_000

test('100 kills lose nothing that was accepted, show nothing twice, leave no gap', { timeout }, async () => {
  const report = await inScratch((directory) => killRun({ directory, seed: 1, kills: 100, sendsMin: 5_000 }))
  expect(report.problems).toEqual([])
  expect(report.counts.crash).toBe(100)
})

test('10 clean stops in the midst of traffic lose not even an acknowledgement', async () => {
  const report = await inScratch((directory) =>
    killRun({ directory, seed: 2, kills: 10, sendsMin: 500, death: sigterm(directory) }),
  )
  expect(report.problems).toEqual([])
  // The last one is part of every run.
  expect(report.counts.stop).toBe(11)
})
