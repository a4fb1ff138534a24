import type { OneTimePreKey } from '@sotto/protocol'
import { expect, test } from 'vitest'
import type { Claim, Device, IdentityKeys } from '../store.ts'
import { type NewWorld, numbers, refusal, type World } from './world.suite.ts'

const identity: IdentityKeys = { identityKey: 'an identity key of sixteen', signedPreKey: null, pqPreKey: null }
const signed: IdentityKeys = {
  ...identity,
  signedPreKey: { keyId: 1, publicKey: 'a signed prekey of sixteen', signature: 'sig' },
  pqPreKey: 'a post-quantum key',
}

function key(keyId: number | string, publicKey = `one-time prekey ${keyId}`): OneTimePreKey {
  return { keyId, publicKey }
}

async function keyed(world: World, userId: string, deviceId: string, ids: readonly number[], keys = identity): Promise<Device> {
  const device = await world.device(userId, deviceId)
  await world.store.setIdentity(device, keys)
  if (ids.length > 0) {
    await world.store.addPreKeys(
      device,
      ids.map((id) => key(id)),
    )
  }
  return device
}

const fromAlice: Claim = { claimant: 'bob', userId: 'alice', device: null }
const unlimited = { CLAIMS_PAIR_BURST: 10_000, CLAIMS_TARGET_BURST: 10_000 }

export function keyTests(open: NewWorld): void {
  test('a claim hands out what was published, one-time prekeys in the order of their upload', async () => {
    const world = await open()
    const alice = await keyed(world, 'alice', 'default', [9, 4], signed)
    expect(await world.store.addPreKeys(alice, [key('last')])).toBe(3)
    expect(await world.store.countKeys(alice)).toEqual({ oneTimePreKeys: 3, keyPackages: 0 })
    const answer = { userId: 'alice', deviceId: 'default', ...signed }
    for (const [n, keyId] of [9, 4, 'last'].entries()) {
      await world.pause()
      const left = { oneTimePreKeys: 2 - n, keyPackages: 0 }
      expect(await world.store.claimPreKeys(fromAlice)).toEqual([{ ...answer, oneTimePreKey: key(keyId), left }])
    }
    await world.pause()
    const none = { oneTimePreKeys: 0, keyPackages: 0 }
    expect(await world.store.claimPreKeys(fromAlice)).toEqual([{ ...answer, oneTimePreKey: null, left: none }])
    expect(await world.store.countKeys(alice)).toEqual({ oneTimePreKeys: 0, keyPackages: 0 })
  })

  test('each of 100 keys is handed out once to 64 claimers at once', async () => {
    const world = await open(unlimited)
    await keyed(world, 'alice', 'default', numbers(1, 100))
    const claim = (claimant: string) => world.store.claimPreKeys({ ...fromAlice, claimant }).then(([claimed]) => claimed!)
    const first = await Promise.all(numbers(1, 64).map((n) => claim(`user${n}`)))
    await world.pause()
    const outcomes = await Promise.allSettled(numbers(1, 64).map((n) => claim(`user${n}`)))
    const second = outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value)
    const keyIds = [...first, ...second].map(({ oneTimePreKey }) => oneTimePreKey?.keyId)
    expect(keyIds.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers(1, 100))
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'no_prekeys' })
    }
  })

  test('who has neither a one-time nor a signed prekey has none', async () => {
    const world = await open()
    const none = { code: 'no_prekeys' }
    expect(await refusal(() => world.store.claimPreKeys(fromAlice))).toEqual(none)
    await keyed(world, 'alice', 'default', [1])
    await world.store.claimPreKeys(fromAlice)
    await world.pause()
    for (const device of [null, '*', 'default', 'unknown']) {
      expect(await refusal(() => world.store.claimPreKeys({ ...fromAlice, device })), `${device}`).toEqual(none)
    }
  })

  test('a key id is one key for ever, also after it was handed out', async () => {
    const world = await open()
    const alice = await keyed(world, 'alice', 'default', [1, 2])
    await world.store.claimPreKeys(fromAlice)
    await world.pause()
    expect(await world.store.addPreKeys(alice, [key(1), key(2), key('1', 'the key of a text 1')])).toBe(2)
    for (const keyId of [1, 2, '1']) {
      const upload = [key(3), key(keyId, 'quite another key than before')]
      expect(await refusal(() => world.store.addPreKeys(alice, upload))).toMatchObject({ code: 'key_conflict' })
    }
    await world.pause()
    expect((await world.store.countKeys(alice)).oneTimePreKeys).toBe(2)
  })

  test('a device holds no more than PREKEYS', async () => {
    const world = await open({ PREKEYS: 3 })
    const alice = await keyed(world, 'alice', 'default', [1, 2, 3])
    await world.pause()
    const full = { code: 'limit_reached', limit: 'PREKEYS' }
    expect(await refusal(() => world.store.addPreKeys(alice, [key(4)]))).toMatchObject(full)
    expect(await world.store.addPreKeys(alice, [key(3)])).toBe(3)
    await world.store.claimPreKeys(fromAlice)
    expect(await refusal(() => world.store.addPreKeys(alice, [key(4), key(5)]))).toMatchObject(full)
    await world.pause()
    expect(await world.store.addPreKeys(alice, [key(4)])).toBe(3)
  })

  test("a changed identity key clears the device's other keys and its key id history", async () => {
    const world = await open()
    const alice = await keyed(world, 'alice', 'default', [1, 2], signed)
    const laptop = await keyed(world, 'alice', 'laptop', [1])
    await world.store.setIdentity(alice, signed)
    expect((await world.store.countKeys(alice)).oneTimePreKeys).toBe(2)
    await world.store.claimPreKeys(fromAlice)
    await world.store.setIdentity(alice, { ...identity, identityKey: 'another identity key' })
    await world.pause()
    expect((await world.store.countKeys(alice)).oneTimePreKeys).toBe(0)
    expect((await world.store.countKeys(laptop)).oneTimePreKeys).toBe(1)
    expect(await refusal(() => world.store.claimPreKeys({ ...fromAlice, device: 'default' }))).toEqual({ code: 'no_prekeys' })
    expect(await world.store.addPreKeys(alice, [key(1, 'a new key for the id one')])).toBe(1)
    expect((await world.store.claimPreKeys({ ...fromAlice, device: 'default' }))[0]).toMatchObject({
      identityKey: 'another identity key',
      signedPreKey: null,
      oneTimePreKey: key(1, 'a new key for the id one'),
    })
  })

  test('unnamed, it is the device `default`, else the one that uploaded last', async () => {
    const world = await open(unlimited)
    const phone = await keyed(world, 'alice', 'phone', [1, 2], signed)
    world.clock.advance(1)
    await keyed(world, 'alice', 'laptop', [1, 2], signed)
    await world.pause()
    const claimed = async () => (await world.store.claimPreKeys(fromAlice)).map(({ deviceId }) => deviceId)
    expect(await claimed()).toEqual(['laptop'])
    world.clock.advance(1)
    await world.store.addPreKeys(phone, [key(3)])
    await world.pause()
    expect(await claimed()).toEqual(['phone'])
    await keyed(world, 'alice', 'default', [], signed)
    world.clock.advance(1)
    await world.store.addPreKeys(phone, [key(4)])
    await world.pause()
    expect(await claimed()).toEqual(['default'])
  })

  test('named, it is that device; `*` is each', async () => {
    const world = await open()
    await keyed(world, 'alice', 'phone', [1])
    await keyed(world, 'alice', 'laptop', [11, 12])
    await world.device('alice', 'tablet')
    await world.pause()
    const claim = async (device: string) =>
      (await world.store.claimPreKeys({ ...fromAlice, device })).map(({ deviceId, oneTimePreKey }) => [
        deviceId,
        oneTimePreKey?.keyId,
      ])
    expect(await claim('laptop')).toEqual([['laptop', 11]])
    expect((await claim('*')).toSorted()).toEqual([
      ['laptop', 12],
      ['phone', 1],
    ])
    expect(await refusal(() => claim('tablet'))).toEqual({ code: 'no_prekeys' })
  })

  test('one user claims no more of a device than CLAIMS_PAIR, another may', async () => {
    const world = await open({ CLAIMS_PAIR_BURST: 2, CLAIMS_PAIR_PER_HOUR: 4 })
    await keyed(world, 'alice', 'phone', numbers(1, 10))
    await keyed(world, 'alice', 'laptop', numbers(1, 10))
    const claim = (claimant: string, device: string) => world.store.claimPreKeys({ userId: 'alice', claimant, device })
    await claim('bob', 'phone')
    await claim('bob', 'phone')
    await world.pause()
    const refused = await refusal(() => claim('bob', 'phone'))
    expect(refused).toMatchObject({ code: 'rate_limited', limit: expect.stringContaining('CLAIMS_PAIR') })
    expect(refused.retryAfterMs).toBe(900_000)
    await claim('bob', 'laptop')
    await claim('carol', 'phone')
    world.clock.advance(899_999)
    expect(await refusal(() => claim('bob', 'phone'))).toMatchObject({ code: 'rate_limited', retryAfterMs: 1 })
    world.clock.advance(1)
    await world.pause()
    expect((await claim('bob', 'phone'))[0]?.oneTimePreKey).toEqual(key(4))
  })

  test('all together claim no more of a device than CLAIMS_TARGET', async () => {
    const world = await open({ CLAIMS_TARGET_BURST: 3, CLAIMS_TARGET_PER_SECOND: 2 })
    await keyed(world, 'alice', 'phone', numbers(1, 10))
    const claim = (claimant: string) => world.store.claimPreKeys({ ...fromAlice, claimant })
    const outcomes = await Promise.allSettled(numbers(1, 8).map((n) => claim(`user${n}`)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    await world.pause()
    const refused = await refusal(() => claim('bob'))
    expect(refused).toMatchObject({ code: 'rate_limited', limit: expect.stringContaining('CLAIMS_TARGET'), retryAfterMs: 500 })
    world.clock.advance(500)
    expect((await claim('bob'))[0]?.oneTimePreKey).toEqual(key(4))
  })

  test("one's own devices are exempt", async () => {
    const world = await open({ CLAIMS_PAIR_BURST: 1, CLAIMS_TARGET_BURST: 1 })
    await keyed(world, 'alice', 'phone', numbers(1, 10))
    const own = { claimant: 'alice', userId: 'alice', device: 'phone' }
    const claimed = await Promise.all(numbers(1, 5).map(() => world.store.claimPreKeys(own)))
    expect(claimed).toHaveLength(5)
    await world.pause()
    expect(await world.store.claimPreKeys(fromAlice)).toHaveLength(1)
  })

  test('of each device (`*`), one over its limit gives its signed prekey alone', async () => {
    const world = await open({ CLAIMS_PAIR_BURST: 1, CLAIMS_PAIR_PER_HOUR: 1 })
    await keyed(world, 'alice', 'phone', [1, 2], signed)
    await keyed(world, 'alice', 'laptop', [1, 2])
    await world.store.claimPreKeys({ ...fromAlice, device: 'phone' })
    await world.pause()
    const all = () => world.store.claimPreKeys({ ...fromAlice, device: '*' })
    const claimed = await all()
    expect(claimed.map(({ deviceId, oneTimePreKey }) => [deviceId, oneTimePreKey?.keyId ?? null]).toSorted()).toEqual([
      ['laptop', 1],
      ['phone', null],
    ])
    expect((await all()).map(({ deviceId }) => deviceId)).toEqual(['phone'])
    await world.store.revokeDevice('alice', 'phone')
    expect(await refusal(all)).toMatchObject({ code: 'rate_limited', retryAfterMs: 3_600_000 })
  })

  test('a device that has uploaded keys and runs low is told, others are not', async () => {
    const world = await open({ ...unlimited, KEYS_LOW: 2 })
    const alice = await keyed(world, 'alice', 'default', [1, 2, 3])
    const never = await keyed(world, 'alice', 'laptop', [])
    const claim = () => world.store.claimPreKeys({ ...fromAlice, device: 'default' })
    await claim()
    await world.pause()
    expect(await world.store.keysLow(alice)).toBeUndefined()
    await claim()
    expect(await world.store.keysLow(alice)).toEqual({ oneTimePreKeys: 1, keyPackages: 0 })
    await claim()
    await world.pause()
    expect(await world.store.keysLow(alice)).toEqual({ oneTimePreKeys: 0, keyPackages: 0 })
    expect(await world.store.keysLow(never)).toBeUndefined()
    await world.store.addPreKeys(alice, [key(4), key(5)])
    expect(await world.store.keysLow(alice)).toBeUndefined()
  })

  test("revoking a device drops its keys, not another's", async () => {
    const world = await open()
    const phone = await keyed(world, 'alice', 'phone', [1])
    await keyed(world, 'alice', 'laptop', [2])
    await world.store.revokeDevice('alice', 'phone')
    await world.pause()
    expect(await refusal(() => world.store.claimPreKeys({ ...fromAlice, device: 'phone' }))).toEqual({ code: 'no_prekeys' })
    expect(await refusal(() => world.store.addPreKeys(phone, [key(3)]))).toEqual({ code: 'device_revoked' })
    expect(await refusal(() => world.store.setIdentity(phone, identity))).toEqual({ code: 'device_revoked' })
    expect(await world.store.claimPreKeys(fromAlice)).toMatchObject([{ deviceId: 'laptop', oneTimePreKey: key(2) }])
  })
}
