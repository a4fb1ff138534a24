import type { RouteAnswer } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'

/** What the calling device has acknowledged in each mailbox that it holds entries back in: none while it is not registered. */
export async function acknowledged(store: Store, clock: Clock, caller: Caller): Promise<RouteAnswer<'GET /messages/cursors'>> {
  const cursors = caller.known === undefined ? [] : await store.acknowledged(caller.known)
  return { cursors: [...cursors], now: clock.now() }
}
