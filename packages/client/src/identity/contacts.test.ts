import { beforeAll, describe, expect, test } from 'vitest'
import { toCanonical } from './canonical.ts'
import { accept, decodeContact, encodeContact, isBlocked, keyToVerify, markVerified, meet } from './contacts.ts'
import {
  entry,
  flippedBits,
  type KeyPair,
  newDevice,
  newPerson,
  type OwnDevice,
  type Person,
  published,
  signatures,
} from './identity.suite.ts'
import type { Contact, DeviceList, VerifiedList } from './identity.ts'
import { firstList, rotated, withDevice, withoutDevice } from './identity-key.ts'

let alice: Person
let laptop: OwnDevice
let tablet: OwnDevice
let second: KeyPair
let third: KeyPair
let mallory: Person
/** Versions under the first key: phone; phone, laptop; phone. */
let v1: VerifiedList
let v2: VerifiedList
let v3: VerifiedList
/** Under the second key, endorsed, after v2 and without the laptop. */
let rotatedV3: VerifiedList
let pinned: Contact

const sign = (list: DeviceList, previous?: KeyPair, keys = alice.identity) =>
  published(list, keys.privateKey, previous?.privateKey)
const ids = (devices: readonly { deviceId: string }[]) => devices.map(({ deviceId }) => deviceId)
const key = (byte: number) => new Uint8Array(32).fill(byte)

beforeAll(async () => {
  ;[alice, mallory, laptop, tablet, second, third] = await Promise.all([
    newPerson('alice'),
    newPerson('alice'),
    newDevice('laptop'),
    newDevice('tablet'),
    signatures.generateSignatureKeys(),
    signatures.generateSignatureKeys(),
  ])
  v1 = alice.verified
  v2 = await sign(withDevice(v1, entry(laptop)))
  v3 = await sign(withoutDevice(v2, 'laptop'))
  rotatedV3 = await sign(rotated(v2, second.publicKey, [], ['laptop']), alice.identity, second)
  pinned = meet(undefined, v2, 1).contact
})

describe('lists under the pinned key', () => {
  test('the first one pins', () => {
    const met = meet(undefined, v2, 1)
    expect(met).toEqual({
      kind: 'pinned',
      contact: { userId: 'alice', identityKey: alice.identity.publicKey, list: v2, verified: false },
      addedDevices: v2.devices,
      removedDevices: [],
    })
    expect(isBlocked(met.contact)).toBe(false)
  })

  test('the same one changes nothing', () => {
    const met = meet(pinned, v2, 2)
    expect(met).toEqual({ kind: 'unchanged', contact: pinned, addedDevices: [], removedDevices: [] })
    expect(met.contact).toBe(pinned)
  })

  test('a newer one holds, and says what came and went', async () => {
    const met = meet(pinned, v3, 2)
    expect(met.kind).toBe('newer')
    expect([ids(met.addedDevices), ids(met.removedDevices)]).toEqual([[], ['laptop']])
    expect(met.contact).toEqual({ ...pinned, list: v3, retired: ['laptop'] })
    const v4 = await sign(withDevice(v3, entry(tablet)))
    const later = meet(met.contact, v4, 3)
    expect([later.kind, ids(later.addedDevices), later.contact.retired]).toEqual(['newer', ['tablet'], ['laptop']])
    expect(meet({ ...pinned, verified: true }, v3, 2).contact.verified).toBe(true)
  })

  test('an older one is ignored', () => {
    const met = meet(pinned, v1, 2)
    expect(met.kind).toBe('older')
    expect(met.contact).toBe(pinned)
  })

  test('another one of the same version is refused', async () => {
    const other = await sign(withDevice(v1, entry(tablet)))
    const met = meet(pinned, other, 2)
    expect([met.kind, met.reason]).toEqual(['forked', 'same_version'])
    expect(met.contact).toBe(pinned)
  })

  test('a removed device never comes back', async () => {
    const after = meet(pinned, v3, 2).contact
    const revived = await sign(withDevice(v3, entry(laptop)))
    expect(meet(after, revived, 3)).toMatchObject({ kind: 'forked', reason: 'revived_device', contact: after })
    const renewed = await newDevice('laptop')
    const underItsId = await sign(withDevice(v3, entry(renewed)))
    expect(meet(after, underItsId, 3)).toMatchObject({ kind: 'forked', reason: 'revived_device' })
    expect(meet(pinned, underItsId, 3)).toMatchObject({ kind: 'forked', reason: 'replaced_key' })
  })

  test.each(['signatureKey', 'sealKey'] as const)('a device keeps its %s', async (name) => {
    const devices = v2.devices.map((device) => ({ ...device, [name]: device.deviceId === 'laptop' ? key(9) : device[name] }))
    const next = await sign({ ...v2, version: 3, devices })
    expect(meet(pinned, next, 2)).toMatchObject({ kind: 'forked', reason: 'replaced_key' })
  })

  test('the list of another user is a mistake', () => {
    expect(() => meet({ ...pinned, userId: 'bob' }, v3, 2)).toThrow(expect.objectContaining({ reason: 'wrong_user' }))
  })
})

describe('lists under another key', () => {
  test('an endorsed one waits, the contact keeps its own', () => {
    const met = meet(pinned, rotatedV3, 7)
    expect(met).toMatchObject({ kind: 'changed', contact: { ...pinned, change: { list: rotatedV3, endorsed: true, seenAt: 7 } } })
    expect(ids(met.removedDevices)).toEqual(['laptop'])
    expect(isBlocked(met.contact)).toBe(true)
    expect(keyToVerify(met.contact)).toEqual(second.publicKey)
    expect(meet(met.contact, rotatedV3, 8)).toMatchObject({ kind: 'unchanged', contact: met.contact })
  })

  test('one that nobody endorsed waits as such, whatever its version', () => {
    for (const list of [mallory.verified, { ...mallory.verified, version: 9 }]) {
      expect(meet(pinned, list, 7)).toMatchObject({ kind: 'changed', contact: { list: v2, change: { list, endorsed: false } } })
    }
  })

  test('an endorsement counts only for a higher version', async () => {
    const early = await sign(rotated(v1, second.publicKey, []), alice.identity, second)
    expect(early.version).toBe(2)
    expect(meet(pinned, early, 7)).toMatchObject({ kind: 'changed', contact: { change: { endorsed: false } } })
  })

  test('who missed a change in between still follows the chain', async () => {
    const twice = await sign(rotated(rotatedV3, third.publicKey, []), second, third)
    expect(twice.endorsedBy).toEqual(second.publicKey)
    expect(meet(pinned, twice, 7)).toMatchObject({ kind: 'changed', contact: { change: { endorsed: true } } })
    const waiting = meet(pinned, rotatedV3, 6).contact
    expect(meet(waiting, twice, 7)).toMatchObject({
      kind: 'changed',
      contact: { change: { list: twice, endorsed: true, seenAt: 7 } },
    })
    const first = meet(pinned, twice, 6).contact
    expect(meet(first, rotatedV3, 7)).toMatchObject({ kind: 'older', contact: first })
  })

  test('what waits is replaced by a later list under its key, not by an older or another of the same version', async () => {
    const waiting = meet(pinned, rotatedV3, 6).contact
    const v4 = await sign(withDevice(rotatedV3, entry(tablet)), undefined, second)
    expect(meet(waiting, v4, 9)).toMatchObject({ kind: 'changed', contact: { change: { list: v4, endorsed: true, seenAt: 6 } } })
    const advanced = meet(waiting, v4, 9).contact
    expect(meet(advanced, rotatedV3, 9)).toMatchObject({ kind: 'older', contact: advanced })
    const other = await sign(rotated(v2, second.publicKey, []), alice.identity, second)
    expect(meet(waiting, other, 9)).toMatchObject({ kind: 'forked', reason: 'same_version', contact: waiting })
  })

  test('while an endorsed key waits, no unendorsed one takes its place', () => {
    const waiting = meet(pinned, rotatedV3, 6).contact
    const stranger = { ...mallory.verified, version: 9 }
    expect(meet(waiting, stranger, 7)).toMatchObject({ kind: 'forked', reason: 'unendorsed', contact: waiting })
    const forged = { ...stranger, identityKey: second.publicKey }
    expect(meet(waiting, forged, 7)).toMatchObject({ kind: 'forked', reason: 'unendorsed', contact: waiting })
  })

  test('an unendorsed one is replaced by the one that is endorsed, and by another stranger', () => {
    const waiting = meet(pinned, mallory.verified, 6).contact
    expect(meet(waiting, rotatedV3, 7)).toMatchObject({
      kind: 'changed',
      contact: { change: { list: rotatedV3, endorsed: true, seenAt: 7 } },
    })
    const stranger = { ...mallory.verified, identityKey: key(3) }
    expect(meet(waiting, stranger, 8)).toMatchObject({ kind: 'changed', contact: { change: { list: stranger, seenAt: 8 } } })
  })

  test('a key that has endorsed its successor makes no later list: a thief has it', async () => {
    const waiting = meet(pinned, rotatedV3, 6).contact
    const thief = await sign(withDevice(withDevice(v2, entry(tablet)), entry(await newDevice('thief'))))
    expect(thief.version).toBe(4)
    expect(meet(waiting, thief, 7)).toMatchObject({ kind: 'forked', reason: 'retired_key', contact: waiting })
    const accepted = accept(waiting)
    expect(meet(accepted, thief, 7)).toMatchObject({ kind: 'forked', reason: 'retired_key', contact: accepted })
    expect(meet(accepted, v2, 7)).toMatchObject({ kind: 'older', contact: accepted })
    const between = await sign(withDevice(v1, entry(laptop), key(1)))
    expect(meet({ ...waiting, list: v1 }, between, 7)).toMatchObject({ kind: 'newer', contact: { change: { list: rotatedV3 } } })
  })

  test('an endorsed list with a device that was removed is refused', async () => {
    const after = meet(pinned, v3, 2).contact
    const revived = await sign(rotated(withDevice(v3, entry(laptop)), second.publicKey, []), alice.identity, second)
    expect(meet(after, revived, 3)).toMatchObject({ kind: 'forked', reason: 'revived_device' })
    const v4 = await sign(
      { ...withDevice(rotatedV3, entry(laptop)), devices: [entry({ ...alice.phone, sealKey: key(7) })] },
      undefined,
      second,
    )
    expect(meet(meet(pinned, rotatedV3, 6).contact, v4, 7)).toMatchObject({ kind: 'forked', reason: 'replaced_key' })
  })
})

describe('accepting', () => {
  test('an endorsed change pins the new key; what it removed stays removed', () => {
    const waiting = meet({ ...pinned, verified: true }, rotatedV3, 6).contact
    expect(accept(waiting)).toEqual({
      userId: 'alice',
      identityKey: second.publicKey,
      list: rotatedV3,
      verified: false,
      formerKeys: [alice.identity.publicKey],
      retired: ['laptop'],
    })
    expect(accept(pinned)).toBe(pinned)
  })

  test('an unendorsed change begins anew, and the earlier key can come back only by being accepted again', () => {
    const accepted = accept({ ...meet(pinned, { ...mallory.verified, version: 3 }, 6).contact, retired: ['phone'] })
    expect(accepted).toMatchObject({ identityKey: mallory.identity.publicKey, formerKeys: [alice.identity.publicKey] })
    expect(accepted.retired).toBeUndefined()
    expect(meet(accepted, v2, 7)).toMatchObject({ kind: 'older' })
    expect(meet(accepted, { ...v3, version: 4 }, 7)).toMatchObject({ kind: 'changed', contact: { change: { endorsed: false } } })
  })

  test('only the key that was shown', () => {
    const waiting = meet(pinned, rotatedV3, 6).contact
    expect(() => accept(waiting, third.publicKey)).toThrow(expect.objectContaining({ reason: 'wrong_key' }))
    expect(accept(waiting, second.publicKey).identityKey).toEqual(second.publicKey)
  })

  test('verifying the key that waits accepts it, verifying the pinned one proves an unendorsed change false', () => {
    const endorsed = meet(pinned, rotatedV3, 6).contact
    expect(markVerified(endorsed, second.publicKey)).toEqual({ ...accept(endorsed), verified: true })
    expect(markVerified(endorsed, alice.identity.publicKey)).toEqual({ ...endorsed, verified: true })
    const stranger = meet(pinned, mallory.verified, 6).contact
    expect(markVerified(stranger, alice.identity.publicKey)).toEqual({ ...pinned, verified: true })
    expect(markVerified(pinned, keyToVerify(pinned))).toEqual({ ...pinned, verified: true })
    expect(() => markVerified(pinned, second.publicKey)).toThrow(expect.objectContaining({ reason: 'wrong_key' }))
  })

  test('at most 16 former keys and 1,024 removed devices are remembered', async () => {
    const full = Array.from({ length: 16 }, (_, at) => key(at))
    const retired = Array.from({ length: 1_024 }, (_, at) => `d${at}`)
    const contact = { ...pinned, formerKeys: full, retired }
    expect(accept(meet(contact, rotatedV3, 6).contact).formerKeys).toEqual([alice.identity.publicKey, ...full.slice(0, 15)])
    expect(meet(contact, v3, 6).contact.retired).toEqual([...retired.slice(1), 'laptop'])
  })
})

describe('storage', () => {
  test('a contact comes back as it was', () => {
    const waiting = meet({ ...pinned, verified: true }, rotatedV3, 6).contact
    const contacts = [pinned, waiting, accept(waiting), meet(pinned, mallory.verified, 9).contact, meet(pinned, v3, 2).contact]
    for (const contact of contacts) expect(decodeContact(encodeContact(contact))).toEqual(contact)
  })

  test('damaged bytes are refused, or another contact', () => {
    const bytes = encodeContact(pinned)
    let refused = 0
    for (const changed of flippedBits(bytes)) {
      try {
        expect(decodeContact(changed)).not.toEqual(pinned)
      } catch (error) {
        expect(error).toMatchObject({ name: 'TrustFailure' })
        refused++
      }
    }
    expect(refused).toBeGreaterThan(0)
    expect(() => decodeContact(toCanonical('sotto contact v1', []))).toThrow(expect.objectContaining({ reason: 'malformed' }))
  })

  test('a list of another user or key in a contact is refused', () => {
    const malformed = expect.objectContaining({ reason: 'malformed' })
    const bob = { ...v2, userId: 'bob' }
    expect(() => decodeContact(encodeContact({ ...pinned, list: bob }))).toThrow(malformed)
    expect(() => decodeContact(encodeContact({ ...pinned, identityKey: third.publicKey }))).toThrow(malformed)
    expect(() => decodeContact(encodeContact({ ...pinned, change: { list: bob, endorsed: false, seenAt: 1 } }))).toThrow(
      malformed,
    )
  })

  test('the first list of a reset has the next version', () => {
    expect(firstList('alice', third.publicKey, entry(tablet), 4).version).toBe(4)
  })
})
