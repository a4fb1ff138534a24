import { expect, test } from 'vitest'
import { diskFullRun } from './src/disk-full-run.ts'
import { inScratch } from './src/scratch.ts'

test('a full disk is refused with `overloaded`, costs nothing that was accepted, and is got over without a restart', async () => {
  const report = await inScratch((directory) => diskFullRun({ directory, seed: 1, cycles: 8, sendsMin: 400 }))
  expect(report.problems).toEqual([])
  expect(report.counts.crash).toBeUndefined()
  expect(report.counts.nemesis).toBe(16)
})
