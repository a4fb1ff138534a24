import { SottoError } from '@sotto/protocol/errors'
import type { Timers } from './timers.ts'

/** What takes longer is an answer, not a delay: the caller is told. */
const waitMsMax = 30_000
const defaultWaitMs = 1_000

/** Asks again as long as the server only says that it was asked too often. @throws what `ask` throws otherwise. */
export async function patiently<result>(timers: Timers, ask: () => Promise<result>): Promise<result> {
  for (let waitedMs = 0; ; ) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof SottoError) || error.code !== 'rate_limited') throw error
      const waitMs = error.extra.retryAfterMs ?? defaultWaitMs
      if (waitMs > waitMsMax || waitedMs > 2 * waitMsMax || timers.hasEnded) throw error
      waitedMs += waitMs
      await timers.sleep(waitMs + timers.jitter(waitMs))
    }
  }
}

/** Refusals that say nothing about what was asked, but about the one who asks: it may ask the same again later. */
export function isUndecided(error: SottoError): boolean {
  return ['rate_limited', 'unauthenticated', 'token_expired', 'device_revoked', 'limit_reached'].includes(error.code)
}
