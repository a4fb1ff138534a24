import { count, short } from '../report/format.ts'
import { median } from '../statistics.ts'

/** The rounds of one figure. */
export interface Scatter {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly rounds: readonly number[]
}

export function scatter(rounds: readonly number[]): Scatter {
  return { median: median(rounds), min: Math.min(...rounds), max: Math.max(...rounds), rounds }
}

/** `1,204/s (1,180 to 1,231)` */
export function perSecond({ median, min, max }: Scatter): string {
  return `${count(median)}/s (${count(min)} to ${count(max)})`
}

/** `84.2 ms (80.1 to 97)` */
export function milliseconds({ median, min, max }: Scatter): string {
  return `${short(median)} ms (${short(min)} to ${short(max)})`
}

/** `6.21 MB (6.2 to 6.25)` */
export function megabytes({ median, min, max }: Scatter): string {
  return `${short(median / 1e6)} MB (${short(min / 1e6)} to ${short(max / 1e6)})`
}
