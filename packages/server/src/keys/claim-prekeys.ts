import { type ClaimedKeys, type Limits, type RouteAnswer, SottoError } from '@sotto/protocol'
import type { Bus } from '../bus/bus.ts'
import type { Claimed, Store } from '../store/store.ts'
import { runningLow } from './rules.ts'

/**
 * Claims keys of one device of `userId`, or of each (`device` is `*`), and asks devices that run low for more.
 * Throws `no_prekeys`, `rate_limited`.
 */
export async function claimPreKeys(
  store: Store,
  bus: Bus,
  limits: Limits,
  claimant: string,
  userId: string,
  device: string | undefined,
): Promise<RouteAnswer<'GET /keys/prekeys/:userId'>> {
  const claimed = await store.claimPreKeys({ claimant, userId, device: device ?? null })
  for (const { deviceId, left } of runningLow(claimed, limits.KEYS_LOW)) {
    bus.publish({ type: 'keysLow', userId, deviceId, ...left })
  }
  if (device === '*') return { userId, devices: claimed.map(withoutCount) }
  const [first] = claimed
  if (first === undefined) throw new SottoError('no_prekeys')
  return withoutCount(first)
}

/** How many keys a device has left is its own business. */
function withoutCount({ left: _, ...keys }: Claimed): ClaimedKeys {
  return keys
}
