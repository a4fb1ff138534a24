import { SottoError } from '@sotto/protocol'
import type { Bus } from '../bus/bus.ts'
import type { Store } from '../store/store.ts'

/** Revokes a device of the user and ends its sessions. Throws `not_found`. */
export async function revokeDevice(store: Store, bus: Bus, userId: string, deviceId: string): Promise<void> {
  if (!(await store.revokeDevice(userId, deviceId))) throw new SottoError('not_found', 'there is no such device')
  bus.publish({ type: 'revoked', userId, deviceId })
}
