import { beforeAll, describe, expect, test } from 'vitest'
import { encodeCredential, readCredential } from './certificate.ts'
import { accept, meet } from './contacts.ts'
import {
  entry,
  flippedBits,
  type KeyPair,
  leafOf,
  newDevice,
  newPerson,
  type OwnDevice,
  type Person,
  published,
  signatures,
} from './identity.suite.ts'
import type { Contact, VerifiedList } from './identity.ts'
import { rotated, withDevice, withoutDevice } from './identity-key.ts'
import { certifies, certifiesAs, type LeafClaim, standing, vouches, vouchesAs } from './vouching.ts'

let alice: Person
let mallory: Person
let laptop: OwnDevice
let second: KeyPair
let v2: VerifiedList
let rotatedV3: VerifiedList
let contact: Contact
let phoneLeaf: LeafClaim
let laptopLeaf: LeafClaim

const phone = { userId: 'alice', deviceId: 'phone' }
const laptopName = { userId: 'alice', deviceId: 'laptop' }
const both = async (one: Contact, leaf: LeafClaim) => [vouches(one, leaf), await certifies(one, leaf, signatures)]

beforeAll(async () => {
  ;[alice, mallory, laptop, second] = await Promise.all([
    newPerson('alice'),
    newPerson('mallory'),
    newDevice('laptop'),
    signatures.generateSignatureKeys(),
  ])
  v2 = await published(withDevice(alice.list, entry(laptop)), alice.identity.privateKey)
  rotatedV3 = await published(rotated(v2, second.publicKey, [], ['laptop']), second.privateKey, alice.identity.privateKey)
  contact = meet(undefined, v2, 1).contact
  phoneLeaf = await leafOf('alice', alice.identity, alice.phone)
  laptopLeaf = await leafOf('alice', alice.identity, laptop)
})

test('a device of the list with its key and its certificate', async () => {
  expect(await both(contact, phoneLeaf)).toEqual([phone, phone])
  expect(await both(contact, laptopLeaf)).toEqual([laptopName, laptopName])
})

test('every flipped bit of a leaf is refused', async () => {
  for (const credential of flippedBits(phoneLeaf.credential)) {
    expect(await certifies(contact, { ...phoneLeaf, credential }, signatures)).toBeTypeOf('string')
  }
  for (const signatureKey of flippedBits(phoneLeaf.signatureKey)) {
    expect(await both(contact, { ...phoneLeaf, signatureKey })).toEqual([expect.any(String), expect.any(String)])
  }
})

describe('nobody’s leaf', () => {
  test('of another user', async () => {
    expect(await both(contact, await leafOf('mallory', mallory.identity, mallory.phone))).toEqual([
      'the credential names another user',
      'the credential names another user',
    ])
  })

  test('with a certificate by a key that is not pinned', async () => {
    const leaf = await leafOf('alice', mallory.identity, alice.phone)
    const reason = 'the certificate is by an identity key that is not pinned'
    expect(await both(contact, leaf)).toEqual([reason, reason])
  })

  test('of a device that is in no list, though certified: a ghost', async () => {
    const ghost = await newDevice('ghost')
    const leaf = await leafOf('alice', alice.identity, ghost)
    expect(vouches(contact, leaf)).toBe('the device is not in its user’s device list')
    const forged = await leafOf('alice', alice.identity, { ...ghost, deviceId: 'phone' })
    const reason = 'the device has another key in its user’s device list'
    expect(await both(contact, forged)).toEqual([reason, reason])
  })

  test('with a certificate of another device or leaf', async () => {
    const { signature } = readCredential(laptopLeaf.credential)
    const credential = encodeCredential({ ...readCredential(phoneLeaf.credential), signature })
    expect(await certifies(contact, { ...phoneLeaf, credential }, signatures)).toBe('the certificate does not verify')
  })

  test('without a credential', async () => {
    const leaf = { ...phoneLeaf, credential: new TextEncoder().encode('alice') }
    expect(await both(contact, leaf)).toEqual(['the credential is malformed', 'the credential is malformed'])
    expect(vouchesAs(new Map([['alice', contact]]), leaf)).toBe('the credential is malformed')
  })
})

describe('when lists move on', () => {
  test('a removed device is nobody’s, its past stays certified', async () => {
    const v3 = await published(withoutDevice(v2, 'laptop'), alice.identity.privateKey)
    const after = meet(contact, v3, 2).contact
    expect(await both(after, laptopLeaf)).toEqual(['the device is not in its user’s device list', laptopName])
  })

  test('a change that waits: only what stays under an endorsed one is vouched for, strangers change nothing', async () => {
    const waiting = meet(contact, rotatedV3, 2).contact
    expect(vouches(waiting, phoneLeaf)).toEqual(phone)
    expect(vouches(waiting, laptopLeaf)).toBe('the device is removed by a change of identity that waits for acceptance')
    const renewed = await leafOf('alice', second, alice.phone)
    expect(vouches(waiting, renewed)).toBe('the certificate is by an identity key that is not pinned')
    const stranger = meet(contact, { ...mallory.verified, userId: 'alice' }, 2).contact
    expect([vouches(stranger, phoneLeaf), vouches(stranger, laptopLeaf)]).toEqual([phone, laptopName])
  })

  test('after acceptance certificates of both keys count', async () => {
    const accepted = accept(meet(contact, rotatedV3, 2).contact)
    expect(await both(accepted, phoneLeaf)).toEqual([phone, phone])
    expect(await both(accepted, await leafOf('alice', second, alice.phone))).toEqual([phone, phone])
    expect(vouches(accepted, laptopLeaf)).toBe('the device is not in its user’s device list')
    const met = meet(undefined, rotatedV3, 3).contact
    expect(await both(met, phoneLeaf)).toEqual([phone, phone])
  })
})

test('by the contact whom the credential names', async () => {
  const contacts = new Map([
    ['alice', contact],
    ['mallory', meet(undefined, mallory.verified, 1).contact],
  ])
  const leaf = await leafOf('mallory', mallory.identity, mallory.phone)
  const bob = await newPerson('bob')
  for (const [one, name] of [
    [phoneLeaf, phone],
    [leaf, { userId: 'mallory', deviceId: 'phone' }],
  ] as const) {
    expect([vouchesAs(contacts, one), await certifiesAs(contacts, one, signatures)]).toEqual([name, name])
  }
  const unknown = await leafOf('bob', bob.identity, bob.phone)
  expect(vouchesAs(contacts, unknown)).toBe('nothing is known of the user')
  expect(await certifiesAs(contacts, unknown, signatures)).toBe('nothing is known of the user')
})

test('how a device stands', () => {
  const contacts = new Map([['alice', contact]])
  expect(standing(contacts, phone)).toBe('listed')
  expect(standing(contacts, { userId: 'alice', deviceId: 'ghost' })).toBe('unlisted')
  expect(standing(contacts, { userId: 'bob', deviceId: 'phone' })).toBe('unknown')
  const waiting = new Map([['alice', meet(contact, rotatedV3, 2).contact]])
  expect([standing(waiting, phone), standing(waiting, laptopName)]).toEqual(['listed', 'unlisted'])
})
