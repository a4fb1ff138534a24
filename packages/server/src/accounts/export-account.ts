import type { RouteAnswer } from '@sotto/protocol'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'

/** Everything held about the user. */
export async function exportAccount(store: Store, clock: Clock, userId: string): Promise<RouteAnswer<'GET /account/export'>> {
  return { ...(await store.exportAccount(userId)), userId, exportedAt: clock.now() }
}
