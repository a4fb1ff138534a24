import { durationInWords } from '../duration.ts'
import type { Finding } from './finding.ts'

const check = 'clock'
/** Before this program was written, and when its certificates and tokens are long out of date. */
const yearMin = 2025
const yearMax = 2100
const toleranceMs = 1_000

/** `newestReceivedAt`: of the stored messages, 0 for none, undefined when it is not known. Milliseconds since 1970. */
export function clockFinding(now: number, newestReceivedAt: number | undefined): Finding {
  const shown = new Date(now).toISOString()
  const year = new Date(now).getUTCFullYear()
  const action = 'set the clock and keep it right, for example with `timedatectl set-ntp true`'
  if (year < yearMin || year >= yearMax) {
    return { check, level: 'problem', message: `it says ${shown}: every token would be refused`, action }
  }
  const behindMs = (newestReceivedAt ?? 0) - now
  if (behindMs > toleranceMs) {
    const message = `${shown}, ${durationInWords(behindMs)} behind the newest stored message: new ones get its time until then`
    return { check, level: 'warning', message, action }
  }
  return { check, level: 'ok', message: shown }
}
