import { sha256 } from '@noble/hashes/sha2.js'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import {
  fromCanonical,
  type Plain,
  readBytes,
  readCount,
  readList,
  readOptional,
  readTuple,
  sameBytes,
  toCanonical,
} from './canonical.ts'
import type { DeviceList, FormerKey, ListedDevice, Signatures, SignedList, VerifiedList } from './identity.ts'
import { isDeviceId, isLabel, isUserId, readDeviceId, readLabel, readUserId } from './names.ts'
import { TrustFailure } from './trust-failure.ts'

/** What is signed is the whole encoding of the list, its label first. */
const listLabel = 'sotto device list v1'
const successionLabel = 'sotto identity succession v1'

export const deviceListBounds = {
  devices: 64,
  formerKeys: 16,
  sealedKeyBytes: 160,
  /** Of the encoding; 65,536 characters of base64url on the wire. */
  bytes: 49_152,
} as const

/** Raw Ed25519 and X25519 public keys. */
export const publicKeyBytes = 32
export const signatureBytes = 64

/**
 * The list of this user, if everything about it is right: form, signature, every endorsement, the user asked for.
 * Whether its key is the user's is for `meet` to say.
 * @throws TrustFailure `malformed`, `invalid_list`, `wrong_user`, `wrong_version`, `bad_signature`.
 */
export async function verifyList(userId: string, signed: SignedList, signatures: Signatures): Promise<VerifiedList> {
  const bytes = fromBase64Url(signed.devices, Math.ceil((deviceListBounds.bytes * 4) / 3))
  const list = decodeList(bytes)
  if (list.userId !== userId) throw new TrustFailure('wrong_user')
  const identityKey = readBytes(fromBase64Url(signed.identityKey, 64), publicKeyBytes)
  if (list.version !== signed.version || !sameBytes(list.identityKey, identityKey)) throw new TrustFailure('wrong_version')
  const signature = readBytes(fromBase64Url(signed.signature, 128), signatureBytes)
  if (!(await verifies(signatures, list.identityKey, bytes, signature))) throw new TrustFailure('bad_signature')
  const newest = list.formerKeys?.[0]?.endorsement
  const beside = signed.endorsement === undefined ? undefined : fromBase64Url(signed.endorsement, 128)
  if (beside !== undefined && (newest === undefined || !sameBytes(newest, beside))) throw new TrustFailure('bad_signature')
  await checkSuccession(list, signatures)
  return verified(list, bytes)
}

/** The encoding that is signed. @throws TrustFailure `invalid_list`. */
export function encodeList(list: DeviceList): Uint8Array {
  checkList(list)
  const bytes = toCanonical(listLabel, [
    list.userId,
    list.version,
    list.identityKey,
    list.devices.map(deviceTuple),
    list.sealed.map(({ deviceId, sealedKey }) => [deviceId, sealedKey]),
    (list.formerKeys ?? []).map(formerTuple),
  ])
  if (bytes.length > deviceListBounds.bytes) throw invalid('too large')
  return bytes
}

/** A list that was verified before, from the bytes that were signed. @throws TrustFailure `malformed`, `invalid_list`. */
export function readVerifiedList(bytes: Uint8Array): VerifiedList {
  return verified(decodeList(bytes), bytes)
}

function verified(list: DeviceList, bytes: Uint8Array): VerifiedList {
  return { ...list, hash: sha256(bytes), endorsedBy: list.formerKeys?.[0]?.identityKey }
}

function decodeList(bytes: Uint8Array): DeviceList {
  const fields = readTuple(fromCanonical(listLabel, bytes, deviceListBounds.bytes), 6)
  const formerKeys = readList(fields[5], deviceListBounds.formerKeys).map(readFormer)
  const list: DeviceList = {
    userId: readUserId(fields[0]),
    version: readCount(fields[1]),
    identityKey: readBytes(fields[2], publicKeyBytes),
    devices: readList(fields[3], deviceListBounds.devices).map(readDevice),
    sealed: readList(fields[4], deviceListBounds.devices).map(readSealed),
    ...(formerKeys.length === 0 ? {} : { formerKeys }),
  }
  checkList(list)
  return list
}

function deviceTuple({ deviceId, name, signatureKey, sealKey, addedAt }: ListedDevice): Plain {
  return [deviceId, name ?? null, signatureKey, sealKey, addedAt]
}

function readDevice(value: unknown): ListedDevice {
  const fields = readTuple(value, 5)
  const name = readOptional(fields[1], readLabel)
  return {
    deviceId: readDeviceId(fields[0]),
    ...(name === undefined ? {} : { name }),
    signatureKey: readBytes(fields[2], publicKeyBytes),
    sealKey: readBytes(fields[3], publicKeyBytes),
    addedAt: readCount(fields[4]),
  }
}

function readSealed(value: unknown): DeviceList['sealed'][number] {
  const [deviceId, sealedKey] = readTuple(value, 2)
  return { deviceId: readDeviceId(deviceId), sealedKey: readBytes(sealedKey, 1, deviceListBounds.sealedKeyBytes) }
}

function formerTuple({ identityKey, endorsement }: FormerKey): Plain {
  if (endorsement === undefined) throw invalid('a former key has not endorsed the next')
  return [identityKey, endorsement]
}

function readFormer(value: unknown): FormerKey {
  const [identityKey, endorsement] = readTuple(value, 2)
  return { identityKey: readBytes(identityKey, publicKeyBytes), endorsement: readBytes(endorsement, signatureBytes) }
}

/**
 * What must hold of every list: at most 64 devices, their ids and all keys valid and each once. None is a list too: a user
 * whose last device is gone. @throws TrustFailure `invalid_list`.
 */
export function checkList({ userId, version, identityKey, devices, sealed, formerKeys = [] }: DeviceList): void {
  if (!isUserId(userId)) throw invalid('user id')
  if (!Number.isSafeInteger(version) || version < 1) throw invalid('version')
  if (devices.length > deviceListBounds.devices) throw invalid('too many devices')
  if (formerKeys.length > deviceListBounds.formerKeys) throw invalid('too many former keys')
  for (const { deviceId, name, addedAt } of devices) {
    if (!isDeviceId(deviceId)) throw invalid('device id')
    if (name !== undefined && !isLabel(name)) throw invalid('name of a device')
    if (!Number.isSafeInteger(addedAt) || addedAt < 0) throw invalid('addedAt')
  }
  const ids = devices.map(({ deviceId }) => deviceId)
  if (hasRepeated(ids)) throw invalid('a device twice')
  const signing = [
    identityKey,
    ...formerKeys.map((former) => former.identityKey),
    ...devices.map((device) => device.signatureKey),
  ]
  const sealing = devices.map(({ sealKey }) => sealKey)
  const keys = [...signing, ...sealing]
  if (keys.some((key) => key.length !== publicKeyBytes)) throw invalid('length of a key')
  // A key has one use: a leaf's signature must never stand for one of the identity.
  if (hasRepeated(keys.map(toBase64Url))) throw invalid('a key twice')
  const receivers = sealed.map(({ deviceId }) => deviceId)
  if (hasRepeated(receivers) || receivers.some((deviceId) => !ids.includes(deviceId))) throw invalid('sealed for no device')
  if (sealed.some(({ sealedKey }) => sealedKey.length === 0 || sealedKey.length > deviceListBounds.sealedKeyBytes)) {
    throw invalid('length of a sealed key')
  }
}

async function checkSuccession({ userId, identityKey, formerKeys = [] }: DeviceList, signatures: Signatures): Promise<void> {
  let next = identityKey
  for (const { identityKey: former, endorsement } of formerKeys) {
    const bytes = successionBytes(userId, former, next)
    if (endorsement === undefined || !(await verifies(signatures, former, bytes, endorsement))) {
      throw new TrustFailure('bad_signature', 'endorsement')
    }
    next = former
  }
}

/** What a key signs that gives way to the next. */
export function successionBytes(userId: string, former: Uint8Array, next: Uint8Array): Uint8Array {
  return toCanonical(successionLabel, [userId, former, next])
}

/** False also for keys that are none. */
export async function verifies(
  signatures: Signatures,
  publicKey: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  try {
    return await signatures.verify(publicKey, bytes, signature)
  } catch {
    return false
  }
}

function hasRepeated(texts: readonly string[]): boolean {
  return new Set(texts).size < texts.length
}

export function invalid(detail: string): TrustFailure {
  return new TrustFailure('invalid_list', detail)
}
