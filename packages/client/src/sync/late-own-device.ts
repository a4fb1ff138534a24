import type { Contact } from '../identity/identity.ts'
import type { DeviceSnapshot } from './core-api.ts'
import { loadAccount } from './late-account.ts'
import type { LateChanges } from './late-changes.ts'
import type { Parts } from './parts.ts'
import type { DeviceRecord } from './records.ts'

export interface OwnDevice {
  readonly parts: Parts
  readonly changes: LateChanges
  readonly replaced: (self: DeviceRecord) => void
}

export async function listDevices(parts: Parts): Promise<DeviceSnapshot[]> {
  return (await loadAccount()).listDevices(parts)
}

export async function linkDevice(own: OwnDevice, code: string): Promise<DeviceSnapshot> {
  return (await loadAccount()).linkDevice(own, code)
}

export async function revokeDevice(own: OwnDevice, deviceId: string): Promise<void> {
  await (await loadAccount()).revokeDevice(own, deviceId)
}

export async function finishRevocations(own: OwnDevice): Promise<void> {
  if (own.parts.self.revoking.length > 0) await (await loadAccount()).finishRevocations(own)
}

export async function followOwnList(own: OwnDevice, contact: Contact): Promise<void> {
  if (contact.change !== undefined) await (await loadAccount()).followOwnList(own, contact)
}
