import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyPackageOf } from '../keys/key-package.suite.ts'
import { relayOf } from './test-relay.suite.ts'
import { started, startTestServer, type TestServer } from './test-server.suite.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ limits: { KEYS_LOW: 2 } })
})
afterAll(() => server.close())

interface Upload {
  readonly ciphersuite?: number
  readonly lastResort?: string
}

function upload(as: string, device: string, names: readonly string[], { ciphersuite = 1, lastResort }: Upload = {}) {
  const keyPackages = names.map((name) => keyPackageOf(name, { ciphersuite }))
  const body = { ciphersuite, keyPackages, ...(lastResort && { lastResort: keyPackageOf(lastResort, { ciphersuite }) }) }
  return server.call('POST /key-packages', { as, device, body })
}

function claim(as: string, userIds: readonly string[], rest: object = {}) {
  return server.call('POST /key-packages/claim', { as, body: { userIds, ciphersuite: 1, ...rest } })
}

const given = (userId: string, deviceId: string, name: string, lastResort = false) => ({
  userId,
  deviceId,
  keyPackage: keyPackageOf(name),
  lastResort,
})

describe('key packages', () => {
  test('are handed out as they were uploaded, oldest first, then the last-resort one, marked', async () => {
    expect(await upload('amy', 'phone', ['a1', 'a2'], { lastResort: 'a0' })).toEqual({ count: 2 })
    expect(await upload('amy', 'phone', ['a3', 'a1'])).toEqual({ count: 3 })
    for (const name of ['a1', 'a2', 'a3']) {
      expect(await claim('ben', ['amy'])).toEqual({ keyPackages: [given('amy', 'phone', name)], missing: [] })
    }
    for (let again = 0; again < 3; again++) {
      expect(await claim('ben', ['amy'])).toEqual({ keyPackages: [given('amy', 'phone', 'a0', true)], missing: [] })
    }
  })

  test('are claimed of each device of each user but those excepted; the rest is missing', async () => {
    await upload('cat', 'phone', ['c1'])
    await upload('cat', 'laptop', ['c2'])
    await upload('dan', 'phone', [], { lastResort: 'd0' })
    await server.call('POST /keys/identity', { as: 'dan', device: 'olm', body: { identityKey: 'k'.repeat(16) } })
    const except = [{ userId: 'cat', deviceId: 'laptop' }]
    expect(await claim('ben', ['cat', 'dan', 'nobody', 'cat'], { except })).toEqual({
      keyPackages: [given('cat', 'phone', 'c1'), given('dan', 'phone', 'd0', true)],
      missing: [{ userId: 'dan', deviceId: 'olm' }, { userId: 'nobody' }],
    })
    expect(await claim('ben', ['cat'])).toEqual({
      keyPackages: [given('cat', 'laptop', 'c2')],
      missing: [{ userId: 'cat', deviceId: 'phone' }],
    })
  })

  test('are apart by ciphersuite', async () => {
    await upload('eve', 'phone', ['e1'], { ciphersuite: 2, lastResort: 'e0' })
    expect(await claim('ben', ['eve'])).toEqual({ keyPackages: [], missing: [{ userId: 'eve', deviceId: 'phone' }] })
    const { keyPackages } = await claim('ben', ['eve'], { ciphersuite: 2 })
    expect(keyPackages).toMatchObject([{ keyPackage: keyPackageOf('e1', { ciphersuite: 2 }), lastResort: false }])
  })

  test('that were handed out are refused, and the others of the upload with them', async () => {
    await upload('fay', 'phone', ['f1'])
    await claim('ben', ['fay'])
    const body = { ciphersuite: 1, keyPackages: [keyPackageOf('f2'), keyPackageOf('f1')] }
    const refused = await server.ask('POST /key-packages', { as: 'fay', device: 'phone', body })
    expect(refused).toMatchObject({ status: 409, body: { code: 'key_conflict' } })
    const counted = await server.call('GET /keys/count', { as: 'fay', device: 'phone' })
    expect(counted).toEqual({ oneTimePreKeys: 0, keyPackages: 0 })
  })

  test('that are none are refused', async () => {
    const whole = keyPackageOf('g1')
    const odd = [
      keyPackageOf('g1', { version: 2 }),
      keyPackageOf('g1', { wireFormat: 2 }),
      keyPackageOf('g1', { ciphersuite: 2 }),
      'AAEABQABAAE=',
      whole.slice(0, -1),
      `${whole}!`,
      '',
      'A'.repeat(16_388),
    ]
    for (const keyPackage of odd) {
      for (const body of [{ keyPackages: [keyPackage] }, { lastResort: keyPackage }, { keyPackages: [whole, keyPackage] }]) {
        const { status, body: problem } = await server.ask('POST /key-packages', { as: 'gil', body: { ciphersuite: 1, ...body } })
        expect(problem, keyPackage.slice(0, 60)).toMatchObject({ code: 'bad_request' })
        expect(status).toBe(400)
      }
    }
    for (const ciphersuite of [0, 65_536, 1.5, '1']) {
      const body = { ciphersuite, keyPackages: [] }
      expect((await server.ask('POST /key-packages', { as: 'gil', body })).status).toBe(400)
    }
    expect(await server.call('GET /keys/count', { as: 'gil' })).toMatchObject({ keyPackages: 0 })
  })

  test('are no more than KEY_PACKAGES for a device', async () => {
    const names = Array.from({ length: 201 }, (_, n) => `h${n}`)
    await upload('hue', 'phone', names.slice(0, 100))
    expect(await upload('hue', 'phone', names.slice(100, 200))).toEqual({ count: 200 })
    const body = { ciphersuite: 1, keyPackages: [keyPackageOf('h200')] }
    const refused = await server.ask('POST /key-packages', { as: 'hue', device: 'phone', body })
    expect(refused).toMatchObject({ status: 409, body: { code: 'limit_reached', limit: 'KEY_PACKAGES' } })
  })

  test('of one user, another cannot drain: over the limit the last-resort one is given', async () => {
    await upload(
      'ivy',
      'phone',
      Array.from({ length: 20 }, (_, n) => `i${n}`),
      { lastResort: 'i-resort' },
    )
    const claims = await Promise.all(Array.from({ length: 30 }, () => claim('jon', ['ivy'])))
    const oneTime = claims.flatMap(({ keyPackages }) => keyPackages).filter(({ lastResort }) => !lastResort)
    expect(oneTime).toHaveLength(6)
    expect(await server.call('GET /keys/count', { as: 'ivy', device: 'phone' })).toMatchObject({ keyPackages: 14 })
    expect((await claim('kim', ['ivy'])).keyPackages).toMatchObject([{ lastResort: false }])
  })

  test('running low, a device is asked for more by each claim that leaves it with fewer', async () => {
    await upload('lea', 'phone', ['l1', 'l2', 'l3'], { lastResort: 'l0' })
    const before = server.events.length
    for (let n = 0; n < 4; n++) await claim('ben', ['lea'])
    const hint = { type: 'keysLow', userId: 'lea', deviceId: 'phone', oneTimePreKeys: 0 }
    expect(server.events.slice(before)).toEqual([
      { ...hint, keyPackages: 1 },
      { ...hint, keyPackages: 0 },
    ])
  })

  test('claiming those of many users counts for as many requests', async () => {
    const small = await started({ limits: { REQUESTS_BURST: 10 } })
    const body = (count: number) => ({ userIds: Array.from({ length: count }, (_, n) => `u${n}`), ciphersuite: 1 })
    const claimOf = (count: number) => small.ask('POST /key-packages/claim', { as: 'ada', body: body(count) })
    expect(await claimOf(6)).toMatchObject({ status: 200 })
    expect((await claimOf(5)).body).toMatchObject({ code: 'rate_limited', limit: 'REQUESTS_PER_SECOND' })
    expect(await claimOf(3)).toMatchObject({ status: 200 })
    expect((await claimOf(1)).body).toMatchObject({ code: 'rate_limited' })
  })

  test('no two claims get one, and the claimer need not be a device', async () => {
    const names = Array.from({ length: 48 }, (_, n) => `m${n}`)
    await upload('mae', 'phone', names)
    const claims = await Promise.all(names.map((_, n) => claim(`claimer-${n % 12}`, ['mae', 'mae'])))
    const claimed = claims.flatMap(({ keyPackages }) => keyPackages.map(({ keyPackage }) => keyPackage))
    expect(claimed.toSorted()).toEqual(names.map((name) => keyPackageOf(name)).toSorted())
    expect(await server.store.listDevices('claimer-0')).toEqual([])
  })
})

describe('the keys_low frame', () => {
  test('tells of key packages, while the device is online and when it connects', async () => {
    const relay = await relayOf({ limits: { KEYS_LOW: 2 } })
    const asked = { as: 'pam', device: 'phone' }
    const keyPackages = ['p1', 'p2'].map((name) => keyPackageOf(name))
    await relay.call('POST /key-packages', { ...asked, body: { ciphersuite: 1, keyPackages } })
    const phone = await relay.synced('pam', 'phone')
    const laptop = await relay.synced('pam', 'laptop')
    await relay.call('POST /key-packages/claim', { as: 'quy', body: { userIds: ['pam'], ciphersuite: 1 } })
    const low = { type: 'keys_low', oneTimePreKeys: 0, keyPackages: 1 }
    expect(await phone.take('keys_low')).toEqual(low)
    expect(await laptop.flushed()).toEqual([])
    await phone.close()
    const again = await relay.peer('pam', { device: 'phone' })
    expect(await again.take('keys_low')).toEqual(low)
  })

  test('about prekeys has the right count of key packages', async () => {
    const relay = await relayOf({ limits: { KEYS_LOW: 2 } })
    const asked = { as: 'pam', device: 'phone' }
    const keyPackages = ['p1', 'p2', 'p3'].map((name) => keyPackageOf(name))
    await relay.call('POST /key-packages', { ...asked, body: { ciphersuite: 1, keyPackages } })
    await relay.call('POST /keys/identity', { ...asked, body: { identityKey: 'i'.repeat(16) } })
    await relay.call('POST /keys/prekeys', { ...asked, body: { oneTimePreKeys: [{ keyId: 1, publicKey: 'k'.repeat(16) }] } })
    const phone = await relay.peer('pam', { device: 'phone' })
    expect(await phone.take('keys_low')).toEqual({ type: 'keys_low', oneTimePreKeys: 1, keyPackages: 3 })
    await relay.call('GET /keys/prekeys/:userId', { as: 'quy', params: { userId: 'pam' } })
    expect(await phone.take('keys_low')).toEqual({ type: 'keys_low', oneTimePreKeys: 0, keyPackages: 3 })
  })
})
