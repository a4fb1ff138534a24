import type { Limits, MemberDevice } from '@sotto/protocol'
import { expect, test } from 'vitest'
import type { Device, KeyPackageOutcome } from '../store.ts'
import { type NewWorld, numbers, refusal, retentionMs, type World } from './world.suite.ts'

const unlimited: Partial<Limits> = { CLAIMS_PAIR_BURST: 10_000, CLAIMS_TARGET_BURST: 10_000 }
const named = (names: readonly (string | number)[]) => names.map((name) => `key package ${name}`)

function add(
  world: World,
  device: Device,
  names: readonly (string | number)[],
  { ciphersuite = 1, lastResort }: { ciphersuite?: number; lastResort?: string } = {},
): Promise<number> {
  return world.store.addKeyPackages(device, { ciphersuite, keyPackages: named(names), lastResort: lastResort ?? null })
}

async function supplied(
  world: World,
  userId: string,
  deviceId: string,
  names: readonly (string | number)[],
  lastResort?: string,
) {
  const device = await world.device(userId, deviceId)
  await add(world, device, names, lastResort === undefined ? {} : { lastResort })
  return device
}

interface Asked {
  readonly claimant?: string
  readonly ciphersuite?: number
  readonly except?: readonly MemberDevice[]
}

function claim(world: World, userIds: readonly string[], { claimant = 'bob', ciphersuite = 1, except = [] }: Asked = {}) {
  return world.store.claimKeyPackages({ claimant, userIds, ciphersuite, except })
}

/** `alice/phone: key package 1`, with `last resort` or `missing` in the place of what was handed out. */
function words(outcomes: readonly KeyPackageOutcome[]): string[] {
  return outcomes.map(({ userId, deviceId, given }) => {
    const what = given === null ? 'missing' : given.lastResort ? `last resort ${given.keyPackage}` : given.keyPackage
    return `${userId}/${deviceId ?? 'no device'}: ${what}`
  })
}

const claimed = async (world: World, userIds: readonly string[], asked?: Asked) => words(await claim(world, userIds, asked))

export function keyPackageTests(open: NewWorld): void {
  test('a claim hands out the oldest, each once, then the last-resort one again and again', async () => {
    const world = await open()
    const alice = await supplied(world, 'alice', 'phone', [9, 4])
    expect(await add(world, alice, ['last'], { lastResort: 'resort' })).toBe(3)
    expect(await world.store.countKeys(alice)).toEqual({ oneTimePreKeys: 0, keyPackages: 3 })
    for (const [n, name] of [9, 4, 'last'].entries()) {
      await world.pause()
      expect(await claim(world, ['alice'])).toEqual([
        {
          userId: 'alice',
          deviceId: 'phone',
          given: { keyPackage: `key package ${name}`, lastResort: false },
          left: { oneTimePreKeys: 0, keyPackages: 2 - n },
        },
      ])
    }
    for (let again = 0; again < 3; again++) {
      await world.pause()
      expect(await claimed(world, ['alice'])).toEqual(['alice/phone: last resort resort'])
    }
    expect(await world.store.countKeys(alice)).toEqual({ oneTimePreKeys: 0, keyPackages: 0 })
  })

  test('each of 2,000 is handed out once to 64 claimers at once, whatever happens in between', async () => {
    const world = await open({ ...unlimited, KEY_PACKAGES: 2_000 })
    await supplied(world, 'alice', 'phone', numbers(1, 2_000), 'resort')
    const given: string[] = []
    let resorts = 0
    const rounds = 4
    for (let round = 0; round < rounds; round++) {
      const claimers = numbers(1, 64).map(async (n) => {
        for (let turn = 0; turn < 8; turn++) {
          for (const outcome of await claim(world, ['alice'], { claimant: `user${n}` })) {
            if (outcome.given?.lastResort === true) resorts++
            else given.push(outcome.given!.keyPackage)
          }
        }
      })
      await Promise.all(claimers)
      await world.pause()
    }
    expect(given.toSorted()).toEqual(named(numbers(1, 2_000)).toSorted())
    expect(resorts).toBe(rounds * 64 * 8 - 2_000)
  })

  test('each live device of each user gives one; who has none is missing', async () => {
    const world = await open()
    await supplied(world, 'alice', 'phone', [1, 2])
    await supplied(world, 'alice', 'laptop', [], 'resort')
    const tablet = await world.device('alice', 'tablet')
    await supplied(world, 'carol', 'phone', [3])
    await supplied(world, 'carol', 'lost', [4])
    await world.store.revokeDevice('carol', 'lost')
    await world.pause()
    expect(await claimed(world, ['carol', 'alice', 'nobody', 'carol'])).toEqual([
      'carol/phone: key package 3',
      'alice/phone: key package 1',
      'alice/laptop: last resort resort',
      'alice/tablet: missing',
      'nobody/no device: missing',
    ])
    await world.store.setIdentity(tablet, { identityKey: 'of another family', signedPreKey: null, pqPreKey: null })
    const outcomes = await claim(world, ['alice', 'nobody', 'carol'])
    expect(outcomes.map(({ deviceId, left }) => [deviceId, left?.keyPackages ?? null])).toEqual([
      ['phone', 0],
      ['laptop', null],
      ['tablet', null],
      [null, null],
      ['phone', null],
    ])
  })

  test('what is excepted gives nothing, and is not missing either', async () => {
    const world = await open()
    await supplied(world, 'alice', 'phone', [1])
    await supplied(world, 'alice', 'laptop', [2])
    await supplied(world, 'carol', 'phone', [3])
    const except = [
      { userId: 'alice', deviceId: 'phone' },
      { userId: 'carol', deviceId: 'laptop' },
    ]
    expect(await claimed(world, ['alice', 'carol'], { except })).toEqual([
      'alice/laptop: key package 2',
      'carol/phone: key package 3',
    ])
    await world.pause()
    expect(await claimed(world, ['alice'], { except: [{ userId: 'alice', deviceId: 'laptop' }] })).toEqual([
      'alice/phone: key package 1',
    ])
    const all = ['phone', 'laptop'].map((deviceId) => ({ userId: 'alice', deviceId }))
    expect(await claimed(world, ['alice'], { except: all })).toEqual([])
  })

  test('ciphersuites are apart, but for the count', async () => {
    const world = await open()
    const alice = await supplied(world, 'alice', 'phone', ['one'], 'resort one')
    expect(await add(world, alice, ['two'], { ciphersuite: 2, lastResort: 'resort two' })).toBe(2)
    await world.pause()
    expect(await claimed(world, ['alice'], { ciphersuite: 2 })).toEqual(['alice/phone: key package two'])
    expect(await claimed(world, ['alice'], { ciphersuite: 2 })).toEqual(['alice/phone: last resort resort two'])
    expect(await claimed(world, ['alice'], { ciphersuite: 3 })).toEqual(['alice/phone: missing'])
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package one'])
  })

  test('one that is held is ignored, one that was handed out is refused with the whole upload', async () => {
    const world = await open()
    const alice = await supplied(world, 'alice', 'phone', [1, 2])
    expect(await add(world, alice, [2, 3, 3])).toBe(3)
    await claim(world, ['alice'])
    await world.pause()
    for (const upload of [[1], [4, 1]]) {
      expect(await refusal(() => add(world, alice, upload))).toEqual({ code: 'key_conflict' })
    }
    expect(await refusal(() => add(world, alice, [5], { lastResort: 'key package 1' }))).toEqual({ code: 'key_conflict' })
    await world.pause()
    expect((await world.store.countKeys(alice)).keyPackages).toBe(2)
    const laptop = await world.device('alice', 'laptop')
    expect(await add(world, laptop, [1])).toBe(1)
  })

  test('a last-resort one is replaced by the next, and is never a one-time one', async () => {
    const world = await open()
    const alice = await supplied(world, 'alice', 'phone', [1], 'first resort')
    await world.pause()
    for (const lastResort of ['first resort', 'second resort']) await add(world, alice, [], { lastResort })
    const resort = () => world.store.addKeyPackages(alice, { ciphersuite: 1, keyPackages: ['second resort'], lastResort: null })
    expect(await refusal(resort)).toEqual({ code: 'key_conflict' })
    expect(await refusal(() => add(world, alice, [], { lastResort: 'key package 1' }))).toEqual({ code: 'key_conflict' })
    expect(await refusal(() => add(world, alice, [7], { lastResort: 'key package 7' }))).toEqual({ code: 'key_conflict' })
    await world.pause()
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package 1'])
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: last resort second resort'])
  })

  test('a device holds no more than KEY_PACKAGES, last-resort ones apart', async () => {
    const world = await open({ KEY_PACKAGES: 3 })
    const alice = await supplied(world, 'alice', 'phone', [1, 2, 3], 'resort')
    await world.pause()
    const full = { code: 'limit_reached', limit: 'KEY_PACKAGES' }
    expect(await refusal(() => add(world, alice, [4]))).toEqual(full)
    expect(await refusal(() => add(world, alice, [4], { ciphersuite: 2 }))).toEqual(full)
    expect(await add(world, alice, [3])).toBe(3)
    for (const ciphersuite of [2, 3]) await add(world, alice, [], { ciphersuite, lastResort: `resort ${ciphersuite}` })
    expect(await refusal(() => add(world, alice, [], { ciphersuite: 4, lastResort: 'resort 4' }))).toEqual(full)
    await claim(world, ['alice'])
    expect(await refusal(() => add(world, alice, [4, 5]))).toEqual(full)
    await world.pause()
    expect(await add(world, alice, [4])).toBe(3)
  })

  test('over the limit of a pair, one gets the last-resort one or none, never a one-time one', async () => {
    const world = await open({ CLAIMS_PAIR_BURST: 2, CLAIMS_PAIR_PER_HOUR: 4 })
    const phone = await supplied(world, 'alice', 'phone', numbers(1, 9), 'resort')
    const laptop = await supplied(world, 'alice', 'laptop', numbers(11, 19))
    await claim(world, ['alice', 'alice'])
    await world.pause()
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package 2', 'alice/laptop: key package 12'])
    for (let again = 0; again < 3; again++) {
      expect(await claimed(world, ['alice'])).toEqual(['alice/phone: last resort resort', 'alice/laptop: missing'])
      await world.pause()
    }
    expect((await world.store.countKeys(phone)).keyPackages).toBe(7)
    expect((await world.store.countKeys(laptop)).keyPackages).toBe(7)
    expect(await claimed(world, ['alice'], { claimant: 'carol' })).toEqual([
      'alice/phone: key package 3',
      'alice/laptop: key package 13',
    ])
    world.clock.advance(899_999)
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: last resort resort', 'alice/laptop: missing'])
    world.clock.advance(1)
    await world.pause()
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package 4', 'alice/laptop: key package 14'])
  })

  test('all together get no more one-time ones of a device than CLAIMS_TARGET', async () => {
    const world = await open({ CLAIMS_TARGET_BURST: 3, CLAIMS_TARGET_PER_SECOND: 2 })
    await supplied(world, 'alice', 'phone', numbers(1, 10), 'resort')
    const claims = await Promise.all(numbers(1, 8).map((n) => claim(world, ['alice'], { claimant: `user${n}` })))
    expect(claims.flat().filter(({ given }) => given?.lastResort === false)).toHaveLength(3)
    await world.pause()
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: last resort resort'])
    world.clock.advance(500)
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package 4'])
  })

  test("one's own devices are exempt, and last-resort ones and prekeys are counted apart", async () => {
    const world = await open({ CLAIMS_PAIR_BURST: 1, CLAIMS_TARGET_BURST: 2, CLAIMS_TARGET_PER_SECOND: 1 })
    const phone = await supplied(world, 'alice', 'phone', numbers(1, 10))
    await Promise.all(numbers(1, 5).map(() => claim(world, ['alice'], { claimant: 'alice' })))
    await world.store.setIdentity(phone, { identityKey: 'an identity key', signedPreKey: null, pqPreKey: null })
    await world.store.addPreKeys(phone, [{ keyId: 1, publicKey: 'a one-time prekey' }])
    await world.store.claimPreKeys({ claimant: 'bob', userId: 'alice', device: 'phone' })
    await world.pause()
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package 6'])
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: missing'])
    const laptop = await supplied(world, 'alice', 'laptop', [], 'resort')
    const except = [{ userId: 'alice', deviceId: 'phone' }]
    for (let again = 0; again < 5; again++) await claim(world, ['alice'], { except })
    await add(world, laptop, ['fresh'])
    expect(await claimed(world, ['alice'], { except })).toEqual(['alice/laptop: key package fresh'])
  })

  test('a device that has uploaded some and runs low is told, others are not', async () => {
    const world = await open({ ...unlimited, KEYS_LOW: 2 })
    const alice = await supplied(world, 'alice', 'phone', [1, 2, 3], 'resort')
    const never = await world.device('alice', 'laptop')
    await claim(world, ['alice'])
    await world.pause()
    expect(await world.store.keysLow(alice)).toBeUndefined()
    await claim(world, ['alice'])
    expect(await world.store.keysLow(alice)).toEqual({ oneTimePreKeys: 0, keyPackages: 1 })
    await world.pause()
    await claim(world, ['alice'])
    expect(await world.store.keysLow(alice)).toEqual({ oneTimePreKeys: 0, keyPackages: 0 })
    expect(await world.store.keysLow(never)).toBeUndefined()
    await add(world, alice, [4, 5])
    await world.pause()
    expect(await world.store.keysLow(alice)).toBeUndefined()
    await world.store.addPreKeys(alice, [{ keyId: 1, publicKey: 'a one-time prekey' }])
    expect(await world.store.keysLow(alice)).toEqual({ oneTimePreKeys: 1, keyPackages: 2 })
  })

  test('what is older than the retention is handed out no more, swept or not', async () => {
    const world = await open({ KEYS_LOW: 2 })
    const alice = await supplied(world, 'alice', 'phone', ['old'], 'old resort')
    world.clock.advance(retentionMs / 2)
    await add(world, alice, ['new'])
    world.clock.advance(retentionMs / 2)
    expect((await world.store.countKeys(alice)).keyPackages).toBe(2)
    world.clock.advance(1)
    await world.pause()
    expect((await world.store.countKeys(alice)).keyPackages).toBe(1)
    expect(await world.store.keysLow(alice)).toEqual({ oneTimePreKeys: 0, keyPackages: 1 })
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package new'])
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: missing'])
    await world.store.sweep()
    expect(await add(world, alice, ['old'], { lastResort: 'another resort' })).toBe(1)
    world.clock.advance(retentionMs + 1)
    await world.pause()
    expect(await world.store.keysLow(alice)).toEqual({ oneTimePreKeys: 0, keyPackages: 0 })
    expect(await add(world, alice, ['old'])).toBe(1)
    await world.pause()
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package old'])
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: missing'])
  })

  test('a new identity key of the other family leaves them alone', async () => {
    const world = await open()
    const alice = await supplied(world, 'alice', 'phone', [1], 'resort')
    for (const identityKey of ['an identity key of it', 'another identity key of it']) {
      await world.store.setIdentity(alice, { identityKey, signedPreKey: null, pqPreKey: null })
    }
    await world.pause()
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package 1'])
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: last resort resort'])
  })

  test("revoking a device drops its key packages, not another's", async () => {
    const world = await open()
    const phone = await supplied(world, 'alice', 'phone', [1], 'resort')
    await supplied(world, 'alice', 'laptop', [2])
    await world.store.revokeDevice('alice', 'phone')
    await world.pause()
    expect(await claimed(world, ['alice'])).toEqual(['alice/laptop: key package 2'])
    expect(await refusal(() => add(world, phone, [3]))).toEqual({ code: 'device_revoked' })
    await world.store.revokeDevice('alice', 'laptop')
    expect(await claimed(world, ['alice'])).toEqual(['alice/no device: missing'])
  })

  test('an erased account has none, and what it uploaded may be uploaded anew', async () => {
    const world = await open()
    await supplied(world, 'alice', 'phone', [1, 2], 'resort')
    await claim(world, ['alice'])
    expect(JSON.stringify(await world.store.exportAccount('alice'))).toContain(
      '"keyPackages":1,"lastResortKeyPackages":1,"keyPackagesHandedOut":1',
    )
    await world.store.eraseAccount('alice')
    await world.pause()
    expect(await claimed(world, ['alice'])).toEqual(['alice/no device: missing'])
    await supplied(world, 'alice', 'phone', [1])
    expect(await claimed(world, ['alice'])).toEqual(['alice/phone: key package 1'])
  })
}
