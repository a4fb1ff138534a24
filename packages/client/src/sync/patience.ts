import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import type { Parts } from './parts.ts'
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

const lookMs = 25

/**
 * Waits for what the log is to say: until `isSaid`, or everything has been read and nothing more came for `idleMs`; at most
 * for `longestMs`, for the network may be away. @throws SottoClientError `closed`.
 */
export async function readingOn(
  { timers, caughtUp }: Pick<Parts, 'timers' | 'caughtUp'>,
  isSaid: () => boolean,
  { idleMs, longestMs }: { readonly idleMs: number; readonly longestMs: number },
): Promise<void> {
  for (let [idle, waited] = [0, 0]; idle <= idleMs && waited < longestMs && !isSaid(); waited += lookMs) {
    if (caughtUp()) idle += lookMs
    await timers.sleep(lookMs)
    if (timers.hasEnded) throw new SottoClientError('closed')
  }
}

/** Refusals that say nothing about what was asked, but about the one who asks: it may ask the same again later. */
export function isUndecided(error: SottoError): boolean {
  return ['rate_limited', 'unauthenticated', 'token_expired', 'device_revoked', 'limit_reached'].includes(error.code)
}
