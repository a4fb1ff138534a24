import { expect, test } from 'vitest'
import { orderRun } from './src/order-run.ts'
import { inScratch } from './src/scratch.ts'

test("a device's messages to a group keep their order while its members change", async () => {
  const report = await inScratch((directory) => orderRun({ directory, seed: 1, bursts: 150 }))
  expect(report.problems).toEqual([])
})
