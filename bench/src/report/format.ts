import type { Summary } from '../summary.ts'

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `57,912` */
export function count(value: number): string {
  return whole.format(value)
}

/** Three significant digits: `0.28`, `13.9`, `207`. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-'
  return value >= 100 ? whole.format(value) : Number(value.toPrecision(3)).toString()
}

/** `57,912/s (55k to 61k)`: the median and the range of the rounds. */
export function rate(summary: Summary): string {
  const range = `${short(summary.perSecondMin / 1_000)}k to ${short(summary.perSecondMax / 1_000)}k`
  return `${count(summary.perSecond)}/s (${range})`
}

/** `0.71 / 3.4` */
export function latency({ p50Ms, p99Ms }: Summary): string {
  return `${short(p50Ms)} / ${short(p99Ms)}`
}

/** `0.0093 (0.0041)`: server, load generator. */
export function cpu({ serverCpuSecondsPer1000, loadCpuSecondsPer1000 }: Summary): string {
  return `${short(serverCpuSecondsPer1000)} (${short(loadCpuSecondsPer1000)})`
}
