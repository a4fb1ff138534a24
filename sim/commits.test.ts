import { expect, test } from 'vitest'
import { commitRun } from './src/commit-run.ts'
import { inScratch } from './src/scratch.ts'

test('50 committers, 100 epochs and 10 kills: exactly one commit is accepted for each epoch', async () => {
  const report = await inScratch((directory) => commitRun({ directory, seed: 1, committers: 50, epochs: 100, kills: 10 }))
  expect(report.problems).toEqual([])
  expect(report.counts).toMatchObject({ crash: 10 })
  expect(report.counts.stale).toBeGreaterThan(100)
  expect(report.counts.repeated).toBeGreaterThan(5)
})
