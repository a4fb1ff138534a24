import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import type { SottoOptions } from '../options.ts'
import { type IdentityPorts, keepDevice } from './kept-device.ts'
import { beginIdentity, link, newDevice, ownList, settleRotation } from './own-identity.ts'
import type { DeviceRecord } from './records.ts'

/** Makes the device what it has to be before it opens: registered, linked, or done with a rotation. @throws SottoClientError. */
export async function readyDevice(
  ports: IdentityPorts,
  options: SottoOptions,
  kept: DeviceRecord | undefined,
  deviceId: string,
): Promise<DeviceRecord> {
  const { engine, clock, storage, transport } = ports
  if (kept?.stage === 'listed') return await settled(ports, kept)
  const { userId } = await transport.request('GET /me', {})
  if (typeof userId !== 'string' || userId === '')
    throw new SottoClientError('internal', 'the server does not say whose the token is')
  const device = kept ?? (await newDevice(engine, clock, userId, deviceId, options.device?.name))
  if (device.userId !== userId)
    throw new SottoClientError('invalid_option', `the storage belongs to ${device.userId}, the token to ${userId}`)
  if (kept === undefined) await keepDevice(storage, device)
  const list = await ownList(ports, userId)
  // The list was put, and the answer did not get through.
  if (list !== undefined && device.identity !== undefined && sameKey(list.identityKey, device.identity.publicKey)) {
    const known = { ...device, stage: 'listed' as const }
    await keepDevice(storage, known)
    return known
  }
  if (list === undefined) return await begin(ports, { ...device, identity: undefined }, undefined)
  if (options.link !== undefined) return await link(ports, device, options.link)
  if (options.reset !== true) throw new SottoClientError('link_required')
  const others = list.devices.map((one) => one.deviceId).filter((id) => id !== deviceId)
  return await begin(ports, { ...device, identity: undefined, revoking: others }, list)
}

async function begin(
  ports: IdentityPorts,
  device: DeviceRecord,
  before: Awaited<ReturnType<typeof ownList>>,
): Promise<DeviceRecord> {
  try {
    return await beginIdentity(ports, device, before)
  } catch (error) {
    // Another device was first.
    if (error instanceof SottoError && error.code === 'stale_version')
      throw new SottoClientError('link_required', undefined, { cause: error })
    throw error
  }
}

async function settled(ports: IdentityPorts, device: DeviceRecord): Promise<DeviceRecord> {
  if (device.nextIdentity === undefined) return device
  const list = await ownList(ports, device.userId)
  return list === undefined ? device : await settleRotation(ports, device, list.identityKey)
}

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
