import { type RouteAnswer, SottoError } from '@sotto/protocol'
import type { Store } from '../store/store.ts'

/** A user's signed device list. Throws `not_found`. */
export async function getDeviceList(store: Store, userId: string): Promise<RouteAnswer<'GET /identity/:userId'>> {
  const list = await store.deviceList(userId)
  if (list === undefined) throw new SottoError('not_found', 'this user has put no device list')
  return { userId, ...list }
}
