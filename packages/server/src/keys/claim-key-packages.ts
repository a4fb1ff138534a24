import type { Limits, RouteAnswer, RouteInput } from '@sotto/protocol'
import type { Bus } from '../bus/bus.ts'
import type { Store } from '../store/store.ts'
import { claimedKeyPackages, shortOfKeyPackages } from './rules.ts'

/**
 * Claims a key package of each live device of some users, and asks devices that run low for more. Over a limit the
 * last-resort one is given; what has none is `missing`.
 */
export async function claimKeyPackages(
  store: Store,
  bus: Bus,
  limits: Limits,
  claimant: string,
  request: RouteInput<'POST /key-packages/claim'>['body'],
): Promise<RouteAnswer<'POST /key-packages/claim'>> {
  const outcomes = await store.claimKeyPackages({ claimant, ...request })
  for (const hint of shortOfKeyPackages(outcomes, limits.KEYS_LOW)) bus.publish({ type: 'keysLow', ...hint })
  return claimedKeyPackages(outcomes)
}
