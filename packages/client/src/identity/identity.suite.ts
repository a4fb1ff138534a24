import { createHash, type webcrypto } from 'node:crypto'
import { encodeCredential, makeCertificate } from './certificate.ts'
import { verifyList } from './device-list.ts'
import type { DeviceList, ListedDevice, Signatures, VerifiedList } from './identity.ts'
import { firstList } from './identity-key.ts'
import { generateSealKeys, type SealKeys } from './sealed-key.ts'
import { signList } from './signed-list.ts'

/** What the tests of who is who begin with: users with real keys. */

const pkcs8Prefix = Uint8Array.from(Buffer.from('302e020100300506032b657004220420', 'hex'))
const plain = (bytes: ArrayBuffer) => new Uint8Array(bytes)

/** Ed25519 by WebCrypto; private keys as 32 raw bytes. */
export const signatures: Signatures = {
  async generateSignatureKeys() {
    const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
    const privateKey = plain(await crypto.subtle.exportKey('pkcs8', pair.privateKey)).slice(pkcs8Prefix.length)
    return { publicKey: plain(await crypto.subtle.exportKey('raw', pair.publicKey)), privateKey }
  },
  async sign(privateKey, bytes) {
    const pkcs8 = new Uint8Array([...pkcs8Prefix, ...privateKey])
    const key = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign'])
    return plain(await crypto.subtle.sign('Ed25519', key, new Uint8Array(bytes)))
  },
  async verify(publicKey, bytes, signature) {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(publicKey), 'Ed25519', false, ['verify'])
    return crypto.subtle.verify('Ed25519', key, new Uint8Array(signature), new Uint8Array(bytes))
  },
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
}

export interface KeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

export interface OwnDevice extends ListedDevice {
  readonly keys: KeyPair
  readonly sealKeys: SealKeys
}

export async function newDevice(deviceId: string, name?: string): Promise<OwnDevice> {
  const [keys, sealKeys] = await Promise.all([signatures.generateSignatureKeys(), generateSealKeys()])
  const listed = { deviceId, signatureKey: keys.publicKey, sealKey: sealKeys.publicKey, addedAt: 1_700_000_000_000 }
  return { ...listed, keys, sealKeys, ...(name === undefined ? {} : { name }) }
}

/** As it stands in a list. */
export function entry({ deviceId, name, signatureKey, sealKey, addedAt }: ListedDevice): ListedDevice {
  return { deviceId, signatureKey, sealKey, addedAt, ...(name === undefined ? {} : { name }) }
}

export interface Person {
  readonly userId: string
  readonly identity: KeyPair
  readonly phone: OwnDevice
  readonly list: DeviceList
  readonly verified: VerifiedList
}

export async function newPerson(userId: string): Promise<Person> {
  const [identity, phone] = await Promise.all([signatures.generateSignatureKeys(), newDevice('phone', 'Phone')])
  const list = firstList(userId, identity.publicKey, entry(phone))
  return { userId, identity, phone, list, verified: await published(list, identity.privateKey) }
}

/** Signed, sent, and verified by another. */
export async function published(list: DeviceList, privateKey: Uint8Array, previous?: Uint8Array): Promise<VerifiedList> {
  return verifyList(list.userId, await signList(list, privateKey, signatures, previous), signatures)
}

export async function leafOf(userId: string, identity: KeyPair, device: Pick<OwnDevice, 'deviceId' | 'keys'>) {
  const certificate = await makeCertificate(
    {
      userId,
      deviceId: device.deviceId,
      identityKey: identity.publicKey,
      identityPrivateKey: identity.privateKey,
      leafSignatureKey: device.keys.publicKey,
    },
    signatures,
  )
  return { credential: encodeCredential(certificate), signatureKey: device.keys.publicKey }
}

/** The same bytes with one bit changed: every way there is. */
export function* flippedBits(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = new Uint8Array(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    yield changed
  }
}

/** The same text with one bit of one of its (ASCII) characters changed. */
export function* flippedText(text: string): Generator<string> {
  for (const bytes of flippedBits(Uint8Array.from(text, (character) => character.charCodeAt(0)))) {
    yield String.fromCharCode(...bytes)
  }
}
