import { expect, it } from 'vitest'
import { summarise } from './summary.ts'

it('takes the median of each figure, and CPU for 1,000 messages', () => {
  const round = (perSecond: number, serverCpuSeconds: number) => ({
    count: perSecond * 4,
    seconds: 4,
    perSecond,
    p50Ms: perSecond / 1_000,
    p99Ms: perSecond / 100,
    serverCpuSeconds,
    loadCpuSeconds: 2,
    otherCpuSeconds: 1,
  })
  const rounds = [round(3_000, 12), round(1_000, 2), round(2_000, 4)]
  expect(summarise(rounds)).toEqual({
    perSecond: 2_000,
    perSecondMin: 1_000,
    perSecondMax: 3_000,
    p50Ms: 2,
    p99Ms: 20,
    serverCpuSecondsPer1000: 0.5,
    loadCpuSecondsPer1000: 0.25,
    otherCores: 0.25,
    rounds,
  })
})
