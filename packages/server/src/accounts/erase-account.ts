import type { Bus } from '../bus/bus.ts'
import type { Store } from '../store/store.ts'

/** Erases the user everywhere and ends all sessions. */
export async function eraseAccount(store: Store, bus: Bus, userId: string): Promise<void> {
  await store.eraseAccount(userId)
  bus.publish({ type: 'revoked', userId, deviceId: null })
}
