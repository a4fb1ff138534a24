import { beforeAll, describe, expect, test } from 'vitest'
import { verifyList } from './device-list.ts'
import { entry, newDevice, newPerson, type OwnDevice, type Person, published, signatures } from './identity.suite.ts'
import { rotated, rotateIdentity, withDevice, withoutDevice, withoutSealed } from './identity-key.ts'
import { makeLinkCode, readLinkCode } from './link-code.ts'
import { isKeyOf, openIdentityKey, sealIdentityKey } from './sealed-key.ts'
import { signList } from './signed-list.ts'

let alice: Person
let laptop: OwnDevice
let tablet: OwnDevice
const sealedKey = new Uint8Array(80).fill(1)
const invalid = expect.objectContaining({ reason: 'invalid_list' })

beforeAll(async () => {
  ;[alice, laptop, tablet] = await Promise.all([newPerson('alice'), newDevice('laptop', 'Laptop'), newDevice('tablet')])
})

describe('the next list', () => {
  test('with a device, without it, without what was sealed', () => {
    const two = withDevice(alice.verified, entry(laptop), sealedKey)
    expect(two).toEqual({
      userId: 'alice',
      version: 2,
      identityKey: alice.identity.publicKey,
      devices: [entry(alice.phone), entry(laptop)],
      sealed: [{ deviceId: 'laptop', sealedKey }],
    })
    const three = withDevice(two, entry(tablet))
    expect([three.version, three.sealed]).toEqual([3, two.sealed])
    expect(withoutSealed(three, ['laptop'])).toEqual({ ...three, version: 4, sealed: [] })
    expect(withoutSealed(three, ['phone'])).toEqual({ ...three, version: 4 })
    expect(withoutDevice(two, 'laptop')).toEqual({ ...alice.list, version: 3 })
  })

  test('refuses what would be none', () => {
    expect(() => withDevice(alice.list, entry(alice.phone))).toThrow(invalid)
    expect(() => withoutDevice(alice.list, 'laptop')).toThrow(invalid)
    expect(() => rotated(alice.list, alice.identity.publicKey, [])).toThrow(invalid)
    expect(() => rotated(alice.list, new Uint8Array(32), [{ deviceId: 'laptop', sealedKey }])).toThrow(invalid)
    const devices = Array.from({ length: 64 }, (_, at) => ({
      deviceId: `d${at}`,
      signatureKey: new Uint8Array(32).fill(at),
      sealKey: new Uint8Array(32).fill(100 + at),
      addedAt: 1,
    }))
    const full = { ...alice.list, devices }
    expect(() => withDevice(full, entry(laptop))).toThrow(invalid)
  })
})

test('linking: a code, a sealed key, the identity on both devices', async () => {
  const secret = crypto.getRandomValues(new Uint8Array(32))
  const code = makeLinkCode({ userId: 'alice', ...entry(laptop), secret })

  const read = readLinkCode(code, 'alice')
  const sealed = await sealIdentityKey({ identityPrivateKey: alice.identity.privateKey, userId: 'alice', ...read })
  const { deviceId, signatureKey, sealKey, name } = read
  const list = withDevice(
    alice.list,
    { deviceId, signatureKey, sealKey, addedAt: 5, ...(name === undefined ? {} : { name }) },
    sealed,
  )
  const signed = await signList(list, alice.identity.privateKey, signatures)

  const verified = await verifyList('alice', signed, signatures)
  const mine = verified.sealed.find((one) => one.deviceId === 'laptop')!
  const privateKey = await openIdentityKey({
    userId: 'alice',
    deviceId: 'laptop',
    sealedKey: mine.sealedKey,
    sealKeys: laptop.sealKeys,
    secret,
  })
  expect(await isKeyOf(verified.identityKey, privateKey, signatures)).toBe(true)
})

test('rotation: who stays can open the new key, who is removed and whose version is old cannot', async () => {
  const before = await published(withDevice(withDevice(alice.list, entry(laptop)), entry(tablet)), alice.identity.privateKey)
  const { list, identity } = await rotateIdentity(before, 'phone', ['tablet'], signatures)
  const after = await published(list, identity.privateKey, alice.identity.privateKey)
  expect([after.version, after.endorsedBy]).toEqual([before.version + 1, alice.identity.publicKey])
  expect(after.devices.map(({ deviceId }) => deviceId)).toEqual(['phone', 'laptop'])
  expect(after.sealed.map(({ deviceId }) => deviceId)).toEqual(['laptop'])
  const { sealedKey: forLaptop } = after.sealed[0]!
  const opened = await openIdentityKey({ userId: 'alice', deviceId: 'laptop', sealedKey: forLaptop, sealKeys: laptop.sealKeys })
  expect(await isKeyOf(after.identityKey, opened, signatures)).toBe(true)
  expect(await isKeyOf(before.identityKey, opened, signatures)).toBe(false)
  for (const deviceId of ['laptop', 'tablet']) {
    const stolen = { userId: 'alice', deviceId, sealedKey: forLaptop, sealKeys: tablet.sealKeys }
    await expect(openIdentityKey(stolen)).rejects.toMatchObject({ reason: 'not_opened' })
  }
  await expect(rotateIdentity(before, 'phone', ['phone'], signatures)).rejects.toThrow(invalid)
  await expect(rotateIdentity(before, 'phone', ['nobody'], signatures)).rejects.toThrow(invalid)
})
