import { beforeAll, describe, expect, test } from 'vitest'
import { decodeClaim, encodeClaim } from '../membership/claim.ts'
import { decodeRoster, encodeRoster } from '../membership/roster.ts'
import { rosterOfNew } from '../membership/roster-changes.ts'
import { claimOf } from '../membership/rules.ts'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import { toCanonical } from './canonical.ts'
import { encodeCredential, makeCertificate, readCredential, verifyCertificate } from './certificate.ts'
import { decodeContact, encodeContact, meet } from './contacts.ts'
import { encodeList, readVerifiedList, verifyList } from './device-list.ts'
import { entry, type KeyPair, newPerson, type Person, published, signatures } from './identity.suite.ts'
import type { Certificate, SignedList } from './identity.ts'
import { rotated } from './identity-key.ts'
import { makeLinkCode, readLinkCode } from './link-code.ts'
import { openIdentityKey, sealIdentityKey } from './sealed-key.ts'
import { signList } from './signed-list.ts'

/** T16: what was made for one use is refused in every other. */

let alice: Person
let second: KeyPair
let signed: SignedList
let endorsed: SignedList
let certificate: Certificate
/** Every kind of bytes there is. */
let kinds: Readonly<Record<string, Uint8Array>>
/** Every signature that an identity key makes, with what it was made for. */
let made: Readonly<Record<string, Uint8Array>>

const secret = new Uint8Array(32).fill(9)

beforeAll(async () => {
  alice = await newPerson('alice')
  second = await signatures.generateSignatureKeys()
  signed = await signList(alice.list, alice.identity.privateKey, signatures)
  endorsed = await signList(rotated(alice.list, second.publicKey, []), second.privateKey, signatures, alice.identity.privateKey)
  certificate = await makeCertificate(
    {
      userId: 'alice',
      deviceId: 'phone',
      identityKey: alice.identity.publicKey,
      identityPrivateKey: alice.identity.privateKey,
      leafSignatureKey: alice.phone.signatureKey,
    },
    signatures,
  )
  const roster = rosterOfNew('alice', ['bob'], false)
  const by = { userId: 'alice', deviceId: 'phone' }
  const { sealKey } = alice.phone
  kinds = {
    list: encodeList(alice.list),
    credential: encodeCredential(certificate),
    contact: encodeContact(meet(undefined, alice.verified, 1).contact),
    roster: encodeRoster(roster),
    claim: encodeClaim(claimOf(roster, { by, add: [], remove: [], leave: [] }, false).claim),
    linkCode: fromBase64Url(makeLinkCode({ ...entry(alice.phone), secret }), 300),
    sealedKey: await sealIdentityKey({ ...by, identityPrivateKey: alice.identity.privateKey, sealKey }),
    linkSealedKey: await sealIdentityKey({ ...by, identityPrivateKey: alice.identity.privateKey, sealKey, secret }),
  }
  made = {
    list: fromBase64Url(signed.signature, 128),
    certificate: certificate.signature,
    endorsement: fromBase64Url(endorsed.endorsement, 128),
  }
})

const open = (sealedKey: Uint8Array, more: { secret?: Uint8Array }) =>
  openIdentityKey({ userId: 'alice', deviceId: 'phone', sealedKey, sealKeys: alice.phone.sealKeys, ...more })

const readers: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  list: readVerifiedList,
  credential: readCredential,
  contact: decodeContact,
  roster: decodeRoster,
  claim: decodeClaim,
  linkCode: (bytes) => readLinkCode(toBase64Url(bytes)),
  sealedKey: (bytes) => open(bytes, {}),
  linkSealedKey: (bytes) => open(bytes, { secret }),
}

describe('bytes', () => {
  test('each kind is read by its own reader alone', async () => {
    expect(Object.keys(kinds)).toEqual(Object.keys(readers))
    for (const [reader, read] of Object.entries(readers)) {
      const accepted: string[] = []
      for (const [kind, bytes] of Object.entries(kinds)) {
        try {
          await read(bytes)
          accepted.push(kind)
        } catch (error) {
          expect(error).toMatchObject({ name: 'TrustFailure' })
        }
      }
      expect(accepted, reader).toEqual([reader])
    }
  })
})

describe('signatures by the identity key', () => {
  test('each counts for its own use alone', async () => {
    for (const [use, signature] of Object.entries(made)) {
      const asList = await succeeds(() => verifyList('alice', { ...signed, signature: toBase64Url(signature) }, signatures))
      const asCertificate = await verifyCertificate({ ...certificate, signature }, alice.phone.signatureKey, signatures)
      const forged = rotated(alice.list, second.publicKey, [])
      const chain = [{ identityKey: alice.identity.publicKey, endorsement: signature }]
      const asEndorsement = await succeeds(() => published({ ...forged, formerKeys: chain }, second.privateKey))
      expect({ asList, asCertificate, asEndorsement }, use).toEqual({
        asList: use === 'list',
        asCertificate: use === 'certificate',
        asEndorsement: use === 'endorsement',
      })
    }
  })

  test('a signature over the bare fields, or under another label, counts for nothing', async () => {
    const fields = ['alice', 'phone', alice.identity.publicKey, alice.phone.signatureKey]
    for (const label of ['', 'sotto device list v1', 'sotto certificate v2', 'sotto credential v1', 'sotto identity check v1']) {
      const signature = await signatures.sign(alice.identity.privateKey, toCanonical(label, fields))
      expect(await verifyCertificate({ ...certificate, signature }, alice.phone.signatureKey, signatures)).toBe(false)
    }
  })

  test('a leaf’s own signature is none of the identity: the same key cannot be both', async () => {
    const { keys } = alice.phone
    const byLeaf = { userId: 'alice', deviceId: 'phone', identityKey: keys.publicKey, identityPrivateKey: keys.privateKey }
    await expect(makeCertificate({ ...byLeaf, leafSignatureKey: keys.publicKey }, signatures)).rejects.toMatchObject({
      reason: 'wrong_key',
    })
    await expect(signList({ ...alice.list, identityKey: keys.publicKey }, keys.privateKey, signatures)).rejects.toMatchObject({
      reason: 'invalid_list',
    })
  })
})

async function succeeds(attempt: () => Promise<unknown>): Promise<boolean> {
  try {
    await attempt()
    return true
  } catch (error) {
    expect(error).toMatchObject({ name: 'TrustFailure' })
    return false
  }
}
