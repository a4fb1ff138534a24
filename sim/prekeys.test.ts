import { expect, test } from 'vitest'
import { preKeyRun } from './src/prekey-run.ts'
import { inScratch } from './src/scratch.ts'

test('5,000 one-time keys, 64 claimers and 20 kills: no key is handed out twice, none vanishes', async () => {
  const report = await inScratch((directory) => preKeyRun({ directory, seed: 1, kills: 20, keys: 5_000, claimers: 64 }))
  expect(report.problems).toEqual([])
  expect(report.counts.crash).toBe(20)
})
