import { beforeAll, expect, test } from 'vitest'
import { encodeCredential, makeCertificate, readCredential, verifyCertificate } from './certificate.ts'
import { flippedBits, type KeyPair, newPerson, type Person, signatures } from './identity.suite.ts'
import type { Certificate } from './identity.ts'

let alice: Person
let mallory: KeyPair
let certificate: Certificate

const certify = (identity: KeyPair, leafSignatureKey: Uint8Array, identityKey = identity.publicKey) =>
  makeCertificate(
    { userId: 'alice', deviceId: 'phone', identityKey, identityPrivateKey: identity.privateKey, leafSignatureKey },
    signatures,
  )

beforeAll(async () => {
  alice = await newPerson('alice')
  mallory = await signatures.generateSignatureKeys()
  certificate = await certify(alice.identity, alice.phone.signatureKey)
})

test('a credential carries a certificate that verifies', async () => {
  const read = readCredential(encodeCredential(certificate))
  expect(read).toEqual(certificate)
  expect(await verifyCertificate(read, alice.phone.signatureKey, signatures)).toBe(true)
})

test('every flipped bit of a credential or of the leaf key is refused', async () => {
  const bytes = encodeCredential(certificate)
  let tried = 0
  for (const changed of flippedBits(bytes)) {
    expect(await reads(changed, alice.phone.signatureKey)).toBe(false)
    tried++
  }
  for (const leafKey of flippedBits(alice.phone.signatureKey)) expect(await reads(bytes, leafKey)).toBe(false)
  expect(tried).toBe(bytes.length * 8)
})

async function reads(bytes: Uint8Array, leafKey: Uint8Array): Promise<boolean> {
  try {
    return await verifyCertificate(readCredential(bytes), leafKey, signatures)
  } catch {
    return false
  }
}

test.each<[string, Partial<Certificate>]>([
  ['another user', { userId: 'bob' }],
  ['another device', { deviceId: 'laptop' }],
  ['a signature cut short', { signature: new Uint8Array(63) }],
  ['no signature', { signature: new Uint8Array() }],
])('%s does not verify', async (_, change) => {
  expect(await verifyCertificate({ ...certificate, ...change }, alice.phone.signatureKey, signatures)).toBe(false)
})

test('a certificate is for one identity key and one leaf key, and these are two', async () => {
  expect(await verifyCertificate({ ...certificate, identityKey: mallory.publicKey }, alice.phone.signatureKey, signatures)).toBe(
    false,
  )
  expect(await verifyCertificate(certificate, mallory.publicKey, signatures)).toBe(false)
  await expect(certify(mallory, alice.phone.signatureKey, alice.identity.publicKey)).rejects.toMatchObject({
    reason: 'wrong_key',
  })
  await expect(certify(alice.identity, alice.identity.publicKey)).rejects.toMatchObject({ reason: 'wrong_key' })
})

test('a credential of another size or with ids that are none is malformed', () => {
  const broken = [
    new Uint8Array(),
    new TextEncoder().encode('alice'),
    encodeCredential({ ...certificate, userId: 'a\n' }),
    encodeCredential({ ...certificate, deviceId: 'a/b' }),
    encodeCredential({ ...certificate, identityKey: new Uint8Array(31) }),
    encodeCredential({ ...certificate, signature: new Uint8Array(65) }),
    new Uint8Array([...encodeCredential(certificate), 0]),
  ]
  for (const bytes of broken) expect(() => readCredential(bytes)).toThrow(expect.objectContaining({ reason: 'malformed' }))
})
