import { checkList, deviceListBounds } from './device-list.ts'
import type { DeviceList, ListedDevice, Signatures } from './identity.ts'
import { sealIdentityKey } from './sealed-key.ts'
import { TrustFailure } from './trust-failure.ts'

/**
 * The next device list: version one higher, ready for `signList`. Each builder takes a list, a verified one too.
 * @throws TrustFailure `invalid_list` where the outcome would be none.
 */

/** @param version 1, or the next one of a user whose identity begins anew because no device of it is left. */
export function firstList(userId: string, identityKey: Uint8Array, device: ListedDevice, version = 1): DeviceList {
  return checked({ userId, version, identityKey, devices: [device], sealed: [] })
}

/** @param sealedKey the identity key for the new device. What waits for others goes on waiting. */
export function withDevice(list: DeviceList, device: ListedDevice, sealedKey?: Uint8Array): DeviceList {
  const sealed = sealedKey === undefined ? [] : [{ deviceId: device.deviceId, sealedKey }]
  return next(list, { devices: [...list.devices, device], sealed: [...list.sealed, ...sealed] })
}

/**
 * Without the device, under the same key: for one that is known to have deleted its copy of it. Who is lost or stolen
 * takes the key along: then `rotateIdentity` without it.
 */
export function withoutDevice(list: DeviceList, deviceId: string): DeviceList {
  return next(list, without(list, [deviceId]))
}

/** Without what was sealed for devices that have opened it. */
export function withoutSealed(list: DeviceList, deviceIds: readonly string[]): DeviceList {
  return next(list, { sealed: list.sealed.filter(({ deviceId }) => !deviceIds.includes(deviceId)) })
}

/**
 * Under another identity key, which the one before has to endorse: `signList` with both private keys.
 * @param sealed the new private key for every other device that stays.
 * @param removed ids of devices that do not stay: they must have no way to the new key.
 */
export function rotated(
  list: DeviceList,
  identityKey: Uint8Array,
  sealed: DeviceList['sealed'],
  removed: readonly string[] = [],
): DeviceList {
  const formerKeys = [{ identityKey: list.identityKey }, ...(list.formerKeys ?? [])].slice(0, deviceListBounds.formerKeys)
  return next(list, { ...without(list, removed), identityKey, sealed, formerKeys })
}

export interface Rotation {
  readonly list: DeviceList
  readonly identity: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }
}

/**
 * A new identity key, sealed to all devices that stay but the one that does it. Afterwards, in this order: keep the pair,
 * `signList` with both private keys, put it to the server, renew the certificate of one's own leaf.
 */
export async function rotateIdentity(
  list: DeviceList,
  ownDeviceId: string,
  removed: readonly string[],
  signatures: Signatures,
): Promise<Rotation> {
  if (removed.includes(ownDeviceId)) throw invalid('the device that rotates stays')
  const identity = await signatures.generateSignatureKeys()
  const { devices } = without(list, removed)
  const receivers = devices.filter(({ deviceId }) => deviceId !== ownDeviceId)
  const sealed = await Promise.all(
    receivers.map(async ({ deviceId, sealKey }) => ({
      deviceId,
      sealedKey: await sealIdentityKey({ identityPrivateKey: identity.privateKey, userId: list.userId, deviceId, sealKey }),
    })),
  )
  return { list: rotated(list, identity.publicKey, sealed, removed), identity }
}

function without({ devices, sealed }: DeviceList, removed: readonly string[]): Pick<DeviceList, 'devices' | 'sealed'> {
  const absent = removed.find((removedId) => !devices.some(({ deviceId }) => deviceId === removedId))
  if (absent !== undefined) throw invalid(`${absent} is not in the list`)
  return {
    devices: devices.filter(({ deviceId }) => !removed.includes(deviceId)),
    sealed: sealed.filter(({ deviceId }) => !removed.includes(deviceId)),
  }
}

function next(list: DeviceList, changes: Partial<DeviceList>): DeviceList {
  const { userId, version, identityKey, devices, sealed, formerKeys } = { ...list, ...changes }
  return checked({
    userId,
    version: version + 1,
    identityKey,
    devices,
    sealed,
    ...(formerKeys === undefined ? {} : { formerKeys }),
  })
}

function checked(list: DeviceList): DeviceList {
  checkList(list)
  return list
}

function invalid(detail: string): TrustFailure {
  return new TrustFailure('invalid_list', detail)
}
