import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import { accept } from '../identity/contacts.ts'
import type { Contact, ListedDevice } from '../identity/identity.ts'
import type { DeviceSnapshot } from './core-api.ts'
import { type IdentityPorts, keepDevice } from './kept-device.ts'
import type { OwnDevice } from './late-own-device.ts'
import { confirmLink, followRotation, revoke, settleRotation } from './own-identity.ts'
import type { Parts } from './parts.ts'

export async function listDevices({ contacts, self }: Parts): Promise<DeviceSnapshot[]> {
  const contact = await contacts.refresh(self.userId, { force: true })
  const known = typeof contact === 'object' ? contact : contacts.of(self.userId)
  return (known?.list.devices ?? []).map((device) => snapshotOf(device, self.deviceId))
}

/** Confirms the code that a new device shows. @throws SottoClientError `link_refused`. */
export async function linkDevice(own: OwnDevice, code: string): Promise<DeviceSnapshot> {
  const { parts } = own
  await catchUp(own)
  const { device, signed } = await confirmLink(portsOf(parts), parts.self, code)
  await parts.contacts.take(parts.self.userId, signed)
  return snapshotOf(device, parts.self.deviceId)
}

/**
 * Takes a device of this user out for good: out of the list, under a new identity key, off the server, out of all groups.
 * @throws SottoClientError `not_found`, `not_permitted` for this very device.
 */
export async function revokeDevice(own: OwnDevice, deviceId: string): Promise<void> {
  const { parts, changes, replaced } = own
  if (deviceId === parts.self.deviceId) throw new SottoClientError('not_permitted', 'a device is revoked by another one')
  await catchUp(own)
  const { self, signed } = await revoke(portsOf(parts), parts.self, deviceId, replaced)
  replaced(self)
  await parts.contacts.take(self.userId, signed)
  await acceptOwn(parts)
  await finishRevocations(own)
  for (const { id, status } of parts.memory.conversations.values()) {
    if (status === 'active')
      await changes.change(id, ({ removingDevice }) => removingDevice(parts, deviceId)).catch(() => parts.ask.tidy(id))
  }
}

/** Another device may have given the user a new identity key a moment ago. */
async function catchUp(own: OwnDevice): Promise<void> {
  const contact = await own.parts.contacts.refresh(own.parts.self.userId, { force: true })
  if (typeof contact === 'object') await followOwnList(own, contact)
}

/** Takes revoked devices off the server, also after a crash in between: out of the list they are already. */
export async function finishRevocations({ parts, replaced }: OwnDevice): Promise<void> {
  const { revoking } = parts.self
  if (revoking.length === 0) return
  const contact = await parts.contacts.refresh(parts.self.userId, { force: true })
  // Without an answer nobody knows whether the rotation has come about.
  if (typeof contact !== 'object') throw new SottoClientError('offline')
  const list = contact.change?.list ?? contact.list
  for (const deviceId of revoking) {
    // The rotation that was under way never came about.
    if (list.devices.some((device) => device.deviceId === deviceId)) continue
    await parts.transport.request('DELETE /devices/:deviceId', { params: { deviceId } }).catch((error: unknown) => {
      if (!(error instanceof SottoError) || error.code !== 'not_found') throw error
    })
  }
  const next = { ...parts.self, revoking: parts.self.revoking.filter((deviceId) => !revoking.includes(deviceId)) }
  await keepDevice(parts.memory.storage, next)
  replaced(next)
}

/** Another device of this user has changed the list: this one goes along where the list is the user's own doing. */
export async function followOwnList({ parts, replaced }: OwnDevice, contact: Contact): Promise<void> {
  const { change } = contact
  if (change === undefined) return
  const { identityKey } = change.list
  if (parts.self.nextIdentity !== undefined && same(parts.self.nextIdentity.publicKey, identityKey))
    replaced(await settleRotation(portsOf(parts), parts.self, identityKey))
  if (parts.self.identity !== undefined && same(parts.self.identity.publicKey, identityKey)) return acceptOwn(parts)
  if (!change.endorsed) {
    const detail = 'another identity of this user has been published: this device has no part in it'
    parts.incident('list_refused', undefined, detail, parts.self.userId)
    return
  }
  const next = await followRotation(portsOf(parts), parts.self, change.list)
  if (next === undefined) return
  replaced(next)
  await acceptOwn(parts)
}

async function acceptOwn(parts: Parts): Promise<void> {
  await parts.memory.transact(async (transaction) => {
    const contact = transaction.contact(parts.self.userId)
    if (contact?.change !== undefined) transaction.setContact(accept(contact))
  })
}

function portsOf({ memory, engine, clock, transport, timers }: Parts): IdentityPorts {
  return { storage: memory.storage, engine, clock, transport, sleep: (delayMs) => timers.sleep(delayMs) }
}

function snapshotOf({ deviceId, name, addedAt }: ListedDevice, ownDeviceId: string): DeviceSnapshot {
  return { deviceId, name, addedAt, current: deviceId === ownDeviceId }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
