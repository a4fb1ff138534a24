import type { Clock } from '../../clock.ts'

/** A clock that was wrong by more than this is corrected at once, order between mailboxes or not. */
const correctionMsMax = 24 * 3_600_000

/**
 * The store's clock: the machine's, but that it stands still where that one is set back, so that nothing is received
 * before what was received earlier (`Store.horizon`).
 * @param newestMs what it must not fall behind at first.
 */
export function risingClock(clock: Clock, newestMs: number): Clock {
  let last = newestMs
  return {
    now() {
      const now = clock.now()
      if (now > last || last - now > correctionMsMax) last = now
      return last
    },
    random: (bytes) => clock.random(bytes),
  }
}
