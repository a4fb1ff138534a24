import { setTimeout as pause } from 'node:timers/promises'
import { cpuSeconds, machineCpuSeconds } from '../process-usage.ts'
import { Durations, percentile } from '../statistics.ts'
import type { Measured, Span } from './job.ts'

export interface SpanShape extends Span {
  readonly serverPid: number
  /** How many have been completed so far. */
  readonly completed: () => number
}

/** Latencies in milliseconds; kept only while the measured span lasts. */
export class Latencies {
  recording = false
  readonly #durations = new Durations()

  add(ms: number): void {
    if (this.recording) this.#durations.add(ms)
  }

  sorted(): Float64Array {
    return this.#durations.sorted()
  }
}

/** Lets the load run: first the warm-up, then the measured span, of which it tells what was done and used. */
export async function measureSpan(shape: SpanShape, latencies: Latencies): Promise<Measured> {
  await pause(shape.warmUpMs)
  latencies.recording = true
  const begin = reading(shape)
  await pause(shape.measureMs)
  const end = reading(shape)
  latencies.recording = false
  const sorted = latencies.sorted()
  const count = end.completed - begin.completed
  const seconds = (end.atMs - begin.atMs) / 1_000
  const serverCpuSeconds = end.serverCpuSeconds - begin.serverCpuSeconds
  const loadCpuSeconds = end.loadCpuSeconds - begin.loadCpuSeconds
  const machine = end.machineCpuSeconds - begin.machineCpuSeconds
  return {
    count,
    seconds,
    perSecond: count / seconds,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    serverCpuSeconds,
    loadCpuSeconds,
    otherCpuSeconds: Math.max(0, machine - serverCpuSeconds - loadCpuSeconds),
  }
}

function reading({ serverPid, completed }: SpanShape) {
  return {
    atMs: performance.now(),
    completed: completed(),
    serverCpuSeconds: cpuSeconds(serverPid),
    loadCpuSeconds: cpuSeconds(process.pid),
    machineCpuSeconds: machineCpuSeconds(),
  }
}
