import type { Contact } from '../identity/identity.ts'
import { lazily } from '../lazily.ts'
import type { DeviceSnapshot } from './core-api.ts'
import type { LateChanges } from './late-changes.ts'
import type { Parts } from './parts.ts'
import type { DeviceRecord } from './records.ts'

export interface OwnDevice {
  readonly parts: Parts
  readonly changes: LateChanges
  readonly replaced: (self: DeviceRecord) => void
}

/** What is done with the devices of this user is seldom done: loaded when it is. @throws SottoClientError `code_unavailable`. */
const ownDevice = lazily(() => import('./own-device.ts'))

export async function listDevices(parts: Parts): Promise<DeviceSnapshot[]> {
  return (await ownDevice()).listDevices(parts)
}

export async function linkDevice(own: OwnDevice, code: string): Promise<DeviceSnapshot> {
  return (await ownDevice()).linkDevice(own, code)
}

export async function revokeDevice(own: OwnDevice, deviceId: string): Promise<void> {
  await (await ownDevice()).revokeDevice(own, deviceId)
}

export async function finishRevocations(own: OwnDevice): Promise<void> {
  if (own.parts.self.revoking.length > 0) await (await ownDevice()).finishRevocations(own)
}

export async function followOwnList(own: OwnDevice, contact: Contact): Promise<void> {
  if (contact.change !== undefined) await (await ownDevice()).followOwnList(own, contact)
}
