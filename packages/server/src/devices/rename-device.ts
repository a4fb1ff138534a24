import { SottoError } from '@sotto/protocol'
import type { Store } from '../store/store.ts'

/** Names a device of the user. Throws `not_found`. */
export async function renameDevice(store: Store, userId: string, deviceId: string, name: string): Promise<void> {
  if (!(await store.renameDevice(userId, deviceId, name))) throw new SottoError('not_found', 'there is no such device')
}
