import { beforeAll, expect, test } from 'vitest'
import { flippedBits, type KeyPair, signatures } from './identity.suite.ts'
import { generateSealKeys, isKeyOf, openIdentityKey, type SealKeys, sealIdentityKey } from './sealed-key.ts'

let identity: KeyPair
let sealKeys: SealKeys
const secret = new Uint8Array(32).fill(5)
const device = { userId: 'alice', deviceId: 'laptop' }
const notOpened = { reason: 'not_opened' }

beforeAll(async () => {
  identity = await signatures.generateSignatureKeys()
  sealKeys = await generateSealKeys()
})

const seal = (more: { secret?: Uint8Array } = {}) =>
  sealIdentityKey({ ...device, identityPrivateKey: identity.privateKey, sealKey: sealKeys.publicKey, ...more })

test.each([[{ secret }], [{}]])('sealed and opened with %j', async (mode) => {
  const sealedKey = await seal(mode)
  expect(sealedKey).toHaveLength(32 + 32 + 16)
  expect(await openIdentityKey({ ...device, sealedKey, sealKeys, ...mode })).toEqual(identity.privateKey)
  expect(await seal(mode)).not.toEqual(sealedKey)
})

test('a private key in PKCS #8 fits too', async () => {
  const identityPrivateKey = new Uint8Array(48).fill(3)
  const sealedKey = await sealIdentityKey({ ...device, identityPrivateKey, sealKey: sealKeys.publicKey })
  expect(await openIdentityKey({ ...device, sealedKey, sealKeys })).toEqual(identityPrivateKey)
})

test('every flipped bit is refused, in both modes', async () => {
  for (const mode of [{ secret }, {}]) {
    for (const sealedKey of flippedBits(await seal(mode))) {
      await expect(openIdentityKey({ ...device, sealedKey, sealKeys, ...mode })).rejects.toMatchObject(notOpened)
    }
  }
})

test('only with the secret of the code, and never without one where one is expected', async () => {
  const linked = await seal({ secret })
  const open = (sealedKey: Uint8Array, more: { secret?: Uint8Array }) =>
    openIdentityKey({ ...device, sealedKey, sealKeys, ...more })
  await expect(open(linked, {})).rejects.toMatchObject(notOpened)
  for (const wrong of flippedBits(secret)) await expect(open(linked, { secret: wrong })).rejects.toMatchObject(notOpened)
  // Who has not seen the code knows the device's public keys, from the server: an identity made up with them is refused.
  await expect(open(await seal(), { secret })).rejects.toMatchObject(notOpened)
})

test('it opens for one device of one user alone', async () => {
  const sealedKey = await seal({ secret })
  const other = await generateSealKeys()
  for (const wrong of [
    { ...device, userId: 'bob', sealKeys },
    { ...device, deviceId: 'phone', sealKeys },
    { ...device, sealKeys: other },
    { ...device, sealKeys: { publicKey: other.publicKey, privateKey: sealKeys.privateKey } },
  ]) {
    await expect(openIdentityKey({ ...wrong, sealedKey, secret })).rejects.toMatchObject(notOpened)
  }
})

test.each([
  ['zero', new Uint8Array(32)],
  ['one', Uint8Array.of(1, ...new Uint8Array(31))],
  ['of order 8', Uint8Array.from(Buffer.from('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'hex'))],
])('nothing is sealed to a point of low order (%s)', async (_, sealKey) => {
  const input = { ...device, identityPrivateKey: identity.privateKey, sealKey }
  await expect(sealIdentityKey(input)).rejects.toMatchObject({ reason: 'wrong_key' })
})

test('lengths that cannot be are malformed', async () => {
  const malformed = { reason: 'malformed' }
  const sealedKey = await seal()
  for (const length of [0, 32, 48, 300]) {
    await expect(openIdentityKey({ ...device, sealedKey: new Uint8Array(length), sealKeys })).rejects.toMatchObject(malformed)
  }
  const input = { ...device, identityPrivateKey: identity.privateKey, sealKey: sealKeys.publicKey }
  for (const wrong of [
    { identityPrivateKey: new Uint8Array() },
    { identityPrivateKey: new Uint8Array(97) },
    { sealKey: new Uint8Array(31) },
    { secret: new Uint8Array(16) },
    { userId: '' },
    { deviceId: 'a/b' },
  ]) {
    await expect(sealIdentityKey({ ...input, ...wrong })).rejects.toMatchObject(malformed)
  }
  await expect(openIdentityKey({ ...device, sealedKey, sealKeys, deviceId: '' })).rejects.toMatchObject(malformed)
})

test('a private key is known by what it signs', async () => {
  const other = await signatures.generateSignatureKeys()
  expect(await isKeyOf(identity.publicKey, identity.privateKey, signatures)).toBe(true)
  expect(await isKeyOf(other.publicKey, identity.privateKey, signatures)).toBe(false)
  expect(await isKeyOf(identity.publicKey, new Uint8Array(5), signatures)).toBe(false)
})
