import { wire } from '@sotto/protocol'
import { beforeAll, describe, expect, test } from 'vitest'
import { fromBase64Url, toBase64Url } from './base64url.ts'
import { deviceListBounds, encodeList, readVerifiedList, verifyList } from './device-list.ts'
import {
  entry,
  flippedBits,
  flippedText,
  newDevice,
  newPerson,
  type OwnDevice,
  type Person,
  published,
  signatures,
} from './identity.suite.ts'
import type { DeviceList, ListedDevice, SignedList } from './identity.ts'
import { rotated, withDevice } from './identity-key.ts'
import { signList } from './signed-list.ts'

let alice: Person
let laptop: OwnDevice
let list: DeviceList
let signed: SignedList

const invalid = expect.objectContaining({ reason: 'invalid_list' })
const key = (byte: number) => new Uint8Array(32).fill(byte)

/** Any list, signed by whose key it names, without asking whether it is one. */
function listed(byte: number, deviceId = `d${byte}`): ListedDevice {
  return { deviceId, signatureKey: key(byte), sealKey: key(byte + 100), addedAt: 1 }
}

beforeAll(async () => {
  alice = await newPerson('alice')
  laptop = await newDevice('laptop')
  list = withDevice(alice.list, entry(laptop), new Uint8Array(96).fill(7))
  signed = await signList(list, alice.identity.privateKey, signatures)
})

test('what was signed is what is verified', async () => {
  const verified = await verifyList('alice', signed, signatures)
  expect(verified).toEqual({ ...list, hash: signatures.sha256(fromBase64Url(signed.devices, 65_536)), endorsedBy: undefined })
  expect(verified.devices.map(({ name }) => name)).toEqual(['Phone', undefined])
  expect(readVerifiedList(encodeList(list))).toEqual(verified)
})

test('every flipped bit of a signed list is refused', async () => {
  const next = await signatures.generateSignatureKeys()
  const after = rotated(list, next.publicKey, [], ['laptop'])
  const endorsed = await signList(after, next.privateKey, signatures, alice.identity.privateKey)
  await verifyList('alice', endorsed, signatures)
  let tried = 0
  for (const field of ['devices', 'signature', 'identityKey', 'endorsement'] as const) {
    for (const text of flippedText(endorsed[field]!)) {
      await expect(verifyList('alice', { ...endorsed, [field]: text }, signatures), `${field} ${text}`).rejects.toMatchObject({
        name: 'TrustFailure',
      })
      tried++
    }
  }
  for (let bit = 0; bit < 31; bit++) {
    const version = endorsed.version ^ (1 << bit)
    await expect(verifyList('alice', { ...endorsed, version }, signatures)).rejects.toMatchObject({ reason: 'wrong_version' })
  }
  expect(tried).toBeGreaterThan(4_000)
})

test('what was flipped and signed again is read as something else, or not at all', async () => {
  const bytes = encodeList(list)
  const texts = new Set([JSON.stringify(list)])
  for (const changed of flippedBits(bytes)) {
    const text = readOr(changed)
    if (text === undefined) continue
    expect(texts.has(text)).toBe(false)
    texts.add(text)
  }
  expect(texts.size).toBeGreaterThan(1_000)
})

function readOr(bytes: Uint8Array): string | undefined {
  try {
    const { hash: _, endorsedBy: __, ...read } = readVerifiedList(bytes)
    return JSON.stringify(read)
  } catch {
    return undefined
  }
}

describe('refused', () => {
  test('the list of another user', async () => {
    await expect(verifyList('bob', signed, signatures)).rejects.toMatchObject({ reason: 'wrong_user' })
  })

  test('another version or key beside it than in it', async () => {
    const other = await signatures.generateSignatureKeys()
    const identityKey = toBase64Url(other.publicKey)
    for (const change of [{ version: 3 }, { identityKey }]) {
      await expect(verifyList('alice', { ...signed, ...change }, signatures)).rejects.toMatchObject({ reason: 'wrong_version' })
    }
  })

  test('a signature by another key, also at signing', async () => {
    const mallory = await signatures.generateSignatureKeys()
    await expect(signList(list, mallory.privateKey, signatures)).rejects.toMatchObject({ reason: 'wrong_key' })
    const signature = toBase64Url(await signatures.sign(mallory.privateKey, encodeList(list)))
    await expect(verifyList('alice', { ...signed, signature }, signatures)).rejects.toMatchObject({ reason: 'bad_signature' })
  })

  test('a signature by a key that is none', async () => {
    const none = { ...list, identityKey: key(0xff) }
    const forged = { ...signed, identityKey: toBase64Url(none.identityKey), devices: toBase64Url(encodeList(none)) }
    await expect(verifyList('alice', forged, signatures)).rejects.toMatchObject({ reason: 'bad_signature' })
  })

  test.each<[string, Partial<DeviceList>]>([
    ['no user id', { userId: '' }],
    ['version 0', { version: 0 }],
    ['half a version', { version: 1.5 }],
    ['a short identity key', { identityKey: new Uint8Array(31) }],
    ['65 devices', { devices: Array.from({ length: 65 }, (_, at) => listed(at)) }],
    ['a device twice', { devices: [listed(1), listed(2, 'd1')] }],
    ['no device id', { devices: [listed(1, 'a/b')] }],
    ['a signature key twice', { devices: [listed(1), { ...listed(2), signatureKey: key(1) }] }],
    ['a seal key twice', { devices: [listed(1), { ...listed(2), sealKey: key(101) }] }],
    ['one key to sign and to seal', { devices: [{ ...listed(1), sealKey: key(1) }] }],
    ['the identity key as a device’s', { identityKey: key(1), devices: [listed(1)] }],
    ['a short signature key', { devices: [{ ...listed(1), signatureKey: new Uint8Array(31) }] }],
    ['a long seal key', { devices: [{ ...listed(1), sealKey: new Uint8Array(33) }] }],
    ['a negative time', { devices: [{ ...listed(1), addedAt: -1 }] }],
    ['a name with a control character', { devices: [{ ...listed(1), name: 'a\n' }] }],
    ['a key sealed for no device', { sealed: [{ deviceId: 'tablet', sealedKey: key(1) }] }],
    ['a key sealed twice for one', { sealed: [1, 2].map((byte) => ({ deviceId: 'phone', sealedKey: key(byte) })) }],
    ['nothing sealed', { sealed: [{ deviceId: 'phone', sealedKey: new Uint8Array() }] }],
    ['too much sealed', { sealed: [{ deviceId: 'phone', sealedKey: new Uint8Array(161) }] }],
    ['a former key that endorsed nothing', { formerKeys: [{ identityKey: key(9) }] }],
    [
      'a former key that is the present one',
      { identityKey: key(9), formerKeys: [{ identityKey: key(9), endorsement: new Uint8Array(64) }] },
    ],
  ])('%s', async (_, change) => {
    await expect(signList({ ...list, ...change }, alice.identity.privateKey, signatures)).rejects.toThrow(invalid)
  })
})

test('a full list fits into what the server takes, and one of no device is a list', async () => {
  const longest = Array.from({ length: 64 }, (_, at) => ({
    ...listed(at, `${at}`.padStart(64, 'x')),
    name: '€'.repeat(128),
    addedAt: Number.MAX_SAFE_INTEGER,
  }))
  const sealed = longest.map(({ deviceId }) => ({ deviceId, sealedKey: new Uint8Array(112) }))
  const full = { ...list, userId: '€'.repeat(128), devices: longest, sealed }
  const sent = await signList(full, alice.identity.privateKey, signatures)
  expect(sent.devices.length).toBeLessThanOrEqual(wire.deviceListLength)
  expect((await verifyList(full.userId, sent, signatures)).devices).toHaveLength(64)
  expect((await published({ ...list, devices: [], sealed: [] }, alice.identity.privateKey)).devices).toEqual([])
})

describe('endorsement', () => {
  test('the key before signs the key after, and all later lists tell', async () => {
    const second = await signatures.generateSignatureKeys()
    const first = await published(rotated(list, second.publicKey, []), second.privateKey, alice.identity.privateKey)
    expect(first.endorsedBy).toEqual(alice.identity.publicKey)
    const tablet = await newDevice('tablet')
    const later = await published(withDevice(first, entry(tablet)), second.privateKey)
    expect(later.endorsedBy).toEqual(alice.identity.publicKey)
    const third = await signatures.generateSignatureKeys()
    const last = await published(rotated(later, third.publicKey, []), third.privateKey, second.privateKey)
    expect(last.formerKeys?.map(({ identityKey }) => identityKey)).toEqual([second.publicKey, alice.identity.publicKey])
  })

  test('by another key, for another user or for another key is refused', async () => {
    const [second, mallory] = await Promise.all([signatures.generateSignatureKeys(), signatures.generateSignatureKeys()])
    const next = rotated(list, second.publicKey, [])
    await expect(signList(next, second.privateKey, signatures, mallory.privateKey)).rejects.toMatchObject({ reason: 'wrong_key' })
    await expect(signList(next, second.privateKey, signatures)).rejects.toThrow(invalid)
    await expect(signList(list, alice.identity.privateKey, signatures, mallory.privateKey)).rejects.toThrow(invalid)
    const right = await published(next, second.privateKey, alice.identity.privateKey)
    const stolen: DeviceList[] = [
      { ...right, identityKey: mallory.publicKey },
      { ...right, identityKey: mallory.publicKey, userId: 'bob' },
    ]
    for (const forged of stolen) {
      const bytes = await signList(forged, mallory.privateKey, signatures)
      await expect(verifyList(forged.userId, bytes, signatures)).rejects.toMatchObject({ reason: 'bad_signature' })
    }
  })

  test('at most 16 former keys are kept', async () => {
    let [current, keys] = [alice.verified as DeviceList, alice.identity]
    for (let turn = 0; turn < 18; turn++) {
      const next = await signatures.generateSignatureKeys()
      current = await published(rotated(current, next.publicKey, []), next.privateKey, keys.privateKey)
      keys = next
    }
    expect(current.formerKeys).toHaveLength(deviceListBounds.formerKeys)
  })
})
