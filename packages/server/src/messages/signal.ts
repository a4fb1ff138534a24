import { type Limits, type SignalFrame, SottoError } from '@sotto/protocol'
import type { Bus, BusEvent } from '../bus/bus.ts'
import type { Device, Group, Store } from '../store/store.ts'
import { checkCiphertext } from './rules.ts'

type Receivers = Extract<BusEvent, { type: 'signal' }>['to']

/** Passes an ephemeral message on to those online now. Throws `too_large`, `not_member`. */
export async function signal(
  { store, bus, limits }: { readonly store: Pick<Store, 'group'>; readonly bus: Bus; readonly limits: Limits },
  from: Device,
  { to, scope, ciphertext }: SignalFrame,
): Promise<void> {
  checkCiphertext(ciphertext, limits, 'SIGNAL_BYTES')
  const receivers = scope === 'group' ? readersOf(await store.group(to), from) : [{ userId: to, deviceId: null }]
  const { userId, deviceId } = from
  const frame = JSON.stringify({ type: 'signal', from: userId, fromDevice: deviceId, to, scope, ciphertext })
  bus.publish({ type: 'signal', to: receivers, frame, from: { userId, deviceId }, scope })
}

/** Those who read a group as one of them sees it: members, in an MLS group the devices in it. Throws `not_member`. */
function readersOf(group: Group | undefined, from: Device): Receivers {
  if (group === undefined || !group.members.has(from.userId)) throw new SottoError('not_member')
  if (group.mls === null) return [...group.members.keys()].map((userId) => ({ userId, deviceId: null }))
  const { devices } = group.mls
  if (devices.get(from.userId)?.get(from.deviceId) !== from.no) {
    throw new SottoError('not_member', 'this device is not in the group')
  }
  return [...devices].flatMap(([userId, own]) => [...own.keys()].map((deviceId) => ({ userId, deviceId })))
}
