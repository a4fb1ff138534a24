import { loadHpke } from '../late-hpke.ts'
import { lazily } from '../lazily.ts'
import { malformed, readBytes, toCanonical } from './canonical.ts'
import { publicKeyBytes, verifies } from './device-list.ts'
import type { Signatures } from './identity.ts'
import { linkSecretBytes } from './link-code.ts'
import { type DeviceName, isDeviceId, isUserId } from './names.ts'
import { TrustFailure } from './trust-failure.ts'

/**
 * The identity's private key on its way to another device of the user: HPKE (RFC 9180), DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM; the encapsulated key, then the ciphertext.
 *
 * While linking, in mode PSK under the secret of the link code: only who has seen the code can give the new device an
 * identity, and the device knows that. To devices that have one already, in base mode: what makes that one believed is
 * the signed list that carries it. The info binds mode, user, device and its key.
 */
const loadSuite = lazily(async () => (await loadHpke())('AES-256-GCM'))

const transferLabel = 'sotto identity transfer v1'
const pskId = new TextEncoder().encode('sotto link secret v1')
const encapsulatedBytes = 32
const tagBytes = 16
const privateKeyBytesMax = 96

export interface SealKeys {
  /** X25519, raw. */
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** The pair whose public half stands in the device list as `sealKey`. */
export async function generateSealKeys(): Promise<SealKeys> {
  const suite = await loadSuite()
  const { publicKey, privateKey } = await suite.kem.generateKeyPair()
  return {
    publicKey: new Uint8Array(await suite.kem.serializePublicKey(publicKey)),
    privateKey: new Uint8Array(await suite.kem.serializePrivateKey(privateKey)),
  }
}

export interface SealInput extends DeviceName {
  readonly identityPrivateKey: Uint8Array
  /** Of the device that it is for. */
  readonly sealKey: Uint8Array
  /** Of the link code, while linking. */
  readonly secret?: Uint8Array
}

/** @throws TrustFailure `malformed`, `wrong_key` (a seal key that is none). */
export async function sealIdentityKey(input: SealInput): Promise<Uint8Array> {
  const privateKey = readBytes(input.identityPrivateKey, 1, privateKeyBytesMax)
  const context = contextOf(input, readBytes(input.sealKey, publicKeyBytes))
  const suite = await loadSuite()
  try {
    const recipientPublicKey = await suite.kem.deserializePublicKey(input.sealKey)
    const { enc, ct } = await suite.seal({ recipientPublicKey, ...context }, privateKey)
    return new Uint8Array([...new Uint8Array(enc), ...new Uint8Array(ct)])
  } catch (cause) {
    throw new TrustFailure('wrong_key', 'nothing can be sealed to it', { cause })
  }
}

export interface OpenInput extends DeviceName {
  readonly sealedKey: Uint8Array
  readonly sealKeys: SealKeys
  /** Given while linking: what was sealed without it is refused. */
  readonly secret?: Uint8Array
}

/**
 * The identity's private key, in the form it was sealed in. Whether it is the identity of the list: `isKeyOf`.
 * @throws TrustFailure `not_opened`, `malformed`.
 */
export async function openIdentityKey(input: OpenInput): Promise<Uint8Array> {
  const { sealKeys } = input
  const sealed = readBytes(input.sealedKey, encapsulatedBytes + tagBytes + 1, encapsulatedBytes + tagBytes + privateKeyBytesMax)
  const context = contextOf(input, readBytes(sealKeys.publicKey, publicKeyBytes))
  const suite = await loadSuite()
  try {
    const recipientKey = await suite.kem.deserializePrivateKey(readBytes(sealKeys.privateKey, publicKeyBytes))
    const enc = sealed.slice(0, encapsulatedBytes)
    return new Uint8Array(await suite.open({ recipientKey, enc, ...context }, sealed.slice(encapsulatedBytes)))
  } catch (cause) {
    throw new TrustFailure('not_opened', undefined, { cause })
  }
}

/** Whether this private key is the one of this public key: it signs, and the signature verifies. */
export async function isKeyOf(publicKey: Uint8Array, privateKey: Uint8Array, signatures: Signatures): Promise<boolean> {
  const probe = toCanonical('sotto identity check v1', publicKey)
  try {
    return await verifies(signatures, publicKey, probe, await signatures.sign(privateKey, probe))
  } catch {
    return false
  }
}

function contextOf({ userId, deviceId, secret }: DeviceName & { readonly secret?: Uint8Array }, sealKey: Uint8Array) {
  if (!isUserId(userId) || !isDeviceId(deviceId)) throw malformed('no device of a user')
  const mode = secret === undefined ? 'rotation' : 'link'
  const info = toCanonical(transferLabel, [mode, userId, deviceId, sealKey])
  return secret === undefined ? { info } : { info, psk: { id: pskId, key: readBytes(secret, linkSecretBytes) } }
}
