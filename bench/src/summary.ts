import type { Measured } from './load/job.ts'
import { median } from './statistics.ts'

/** Several rounds as one: medians, and the range that they lie in. */
export interface Summary {
  readonly perSecond: number
  readonly perSecondMin: number
  readonly perSecondMax: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly serverCpuSecondsPer1000: number
  readonly loadCpuSecondsPer1000: number
  /** Cores that everything else on the machine kept busy. */
  readonly otherCores: number
  readonly rounds: readonly Measured[]
}

export function summarise(rounds: readonly Measured[]): Summary {
  const rates = rounds.map(({ perSecond }) => perSecond)
  const each = (value: (round: Measured) => number) => median(rounds.map(value))
  return {
    perSecond: median(rates),
    perSecondMin: Math.min(...rates),
    perSecondMax: Math.max(...rates),
    p50Ms: each(({ p50Ms }) => p50Ms),
    p99Ms: each(({ p99Ms }) => p99Ms),
    serverCpuSecondsPer1000: each(({ serverCpuSeconds, count }) => (serverCpuSeconds / count) * 1_000),
    loadCpuSecondsPer1000: each(({ loadCpuSeconds, count }) => (loadCpuSeconds / count) * 1_000),
    otherCores: each(({ otherCpuSeconds, seconds }) => otherCpuSeconds / seconds),
    rounds,
  }
}
