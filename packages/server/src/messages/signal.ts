import { type Limits, type SignalFrame, SottoError } from '@sotto/protocol'
import type { Bus } from '../bus/bus.ts'
import type { Device, Store } from '../store/store.ts'
import { checkCiphertext } from './rules.ts'

/** Passes an ephemeral message on to those online now. Throws `too_large`, `not_member`. */
export async function signal(
  { store, bus, limits }: { readonly store: Pick<Store, 'group'>; readonly bus: Bus; readonly limits: Limits },
  from: Device,
  { to, scope, ciphertext }: SignalFrame,
): Promise<void> {
  checkCiphertext(ciphertext, limits, 'SIGNAL_BYTES')
  let users: readonly string[] = [to]
  if (scope === 'group') {
    const group = await store.group(to)
    if (group === undefined || !group.members.has(from.userId)) throw new SottoError('not_member')
    users = [...group.members.keys()]
  }
  const { userId, deviceId } = from
  const frame = JSON.stringify({ type: 'signal', from: userId, fromDevice: deviceId, to, scope, ciphertext })
  bus.publish({ type: 'signal', to: users, frame, from: { userId, deviceId }, scope })
}
