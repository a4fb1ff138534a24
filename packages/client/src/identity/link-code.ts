import { sha256 } from '@noble/hashes/sha2.js'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import { malformed, plainBytes, readBytes, readOptional, readPlain, readTuple, sameBytes, toCanonical } from './canonical.ts'
import { publicKeyBytes } from './device-list.ts'
import { isDeviceId, isLabel, isUserId, readDeviceId, readLabel } from './names.ts'
import { TrustFailure } from './trust-failure.ts'

/**
 * What a new device shows and an old one reads, by camera or by hand: the new device's keys and a secret that nobody else
 * knows. base64url of: version, checksum of what follows, CBOR.
 */
export interface LinkRequest {
  readonly deviceId: string
  readonly name?: string
  /** Ed25519, raw: the leaf key of the new device. */
  readonly signatureKey: Uint8Array
  /** X25519, raw: the identity key is sealed to it. */
  readonly sealKey: Uint8Array
  /** 32 random bytes. */
  readonly secret: Uint8Array
}

const version = 1
const checksumBytes = 4
const userTagBytes = 4
export const linkSecretBytes = 32
/** So that the text has fewer than 200 characters. */
const bytesMax = 149
const bytesEver = 256

/**
 * The code: under 200 characters where the device id has at most 36. The name is cut to what there is room for.
 * @throws TrustFailure `malformed` where something of it has another shape.
 */
export function makeLinkCode(request: LinkRequest & { readonly userId?: string }): string {
  const { userId, deviceId, name, signatureKey, sealKey, secret } = request
  if (!isDeviceId(deviceId)) throw malformed('no device id')
  if (userId !== undefined && !isUserId(userId)) throw malformed('no user id')
  if (name !== undefined && !isLabel(name)) throw malformed('no name of a device')
  const keys = new Uint8Array([
    ...readBytes(signatureKey, publicKeyBytes),
    ...readBytes(sealKey, publicKeyBytes),
    ...readBytes(secret, linkSecretBytes),
  ])
  const tag = userId === undefined ? null : userTag(userId)
  const bodyOf = (shown: string) => plainBytes([deviceId, keys, tag, shown === '' ? null : shown])
  const room = bytesMax - 1 - checksumBytes
  let characters = Array.from(name ?? '')
  while (characters.length > 0 && bodyOf(characters.join('')).length > room) characters = characters.slice(0, -1)
  const body = bodyOf(characters.join(''))
  return toBase64Url(new Uint8Array([version, ...checksum(body), ...body]))
}

/**
 * @param userId who reads it: a code that was made for another user is refused (`wrong_user`).
 * @throws TrustFailure `malformed`: mistyped, cut off, of another version.
 */
export function readLinkCode(code: string, userId?: string): LinkRequest {
  const bytes = fromBase64Url(code.replace(/\s/g, ''), bytesEver * 2)
  if (bytes[0] !== version) throw malformed('a code of another version')
  const body = bytes.subarray(1 + checksumBytes)
  if (!sameBytes(checksum(body), bytes.subarray(1, 1 + checksumBytes))) throw malformed('a code with a mistake in it')
  const fields = readTuple(readPlain(body, bytesEver), 4)
  const keys = readBytes(fields[1], 2 * publicKeyBytes + linkSecretBytes)
  const tag = readOptional(fields[2], (value) => readBytes(value, userTagBytes))
  if (userId !== undefined && tag !== undefined && !sameBytes(tag, userTag(userId))) throw new TrustFailure('wrong_user')
  const name = readOptional(fields[3], readLabel)
  return {
    deviceId: readDeviceId(fields[0]),
    ...(name === undefined ? {} : { name }),
    signatureKey: keys.slice(0, publicKeyBytes),
    sealKey: keys.slice(publicKeyBytes, 2 * publicKeyBytes),
    secret: keys.slice(2 * publicKeyBytes),
  }
}

function checksum(body: Uint8Array): Uint8Array {
  return sha256(toCanonical('sotto link code v1', [version, body])).subarray(0, checksumBytes)
}

/** Against mistakes alone: what is sealed is bound to the whole id. */
function userTag(userId: string): Uint8Array {
  return sha256(toCanonical('sotto link code user v1', userId)).subarray(0, userTagBytes)
}
