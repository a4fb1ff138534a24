import { expect, test } from 'vitest'
import { killRun } from './src/kill-run.ts'
import { inScratch } from './src/scratch.ts'

test('100 kills lose nothing that was accepted, show nothing twice, leave no gap', async () => {
  const report = await inScratch((directory) => killRun({ directory, seed: 1, kills: 100, sendsMin: 5_000 }))
  expect(report.problems).toEqual([])
  expect(report.counts.crash).toBe(100)
})
