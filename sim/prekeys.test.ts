import { expect, test } from 'vitest'
import { keyPackages } from './src/key-family.ts'
import { preKeyRun } from './src/prekey-run.ts'
import { inScratch } from './src/scratch.ts'

test('5,000 one-time keys, 64 claimers and 20 kills: no key is handed out twice, none vanishes', async () => {
  const report = await inScratch((directory) => preKeyRun({ directory, seed: 1, kills: 20, keys: 5_000, claimers: 64 }))
  expect(report.problems).toEqual([])
  expect(report.counts.crash).toBe(20)
})

test('2,000 key packages, 64 claimers and 12 kills: none is handed out twice, the last-resort one only when none is left', async () => {
  const run = { seed: 2, kills: 12, keys: 2_000, claimers: 64, family: keyPackages }
  const report = await inScratch((directory) => preKeyRun({ directory, ...run }))
  expect(report.problems).toEqual([])
  expect(report.counts.crash).toBe(12)
})
