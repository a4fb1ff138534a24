import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, type TestServer } from './test-server.suite.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ limits: { KEYS_LOW: 2 } })
})
afterAll(() => server.close())

const key = (name: string) => `public key ${name}`.padEnd(24, '.')
const preKeys = (...ids: (number | string)[]) => ids.map((keyId) => ({ keyId, publicKey: key(`${keyId}`) }))

async function publish(as: string, device: string, ids: readonly (number | string)[]): Promise<void> {
  await server.call('POST /keys/identity', { as, device, body: { identityKey: key(as), signedPreKey: key(`signed ${device}`) } })
  if (ids.length > 0) await server.call('POST /keys/prekeys', { as, device, body: { oneTimePreKeys: preKeys(...ids) } })
}
const claim = (as: string, userId: string, device?: string) =>
  server.call('GET /keys/prekeys/:userId', { as, params: { userId }, ...(device === undefined ? {} : { query: { device } }) })

test('keys are handed out one by one, then the signed prekey alone', async () => {
  await publish('amy', 'default', [7, 'eight'])
  const rest = {
    userId: 'amy',
    deviceId: 'default',
    identityKey: key('amy'),
    signedPreKey: key('signed default'),
    pqPreKey: null,
  }
  const claimed = [await claim('ben', 'amy'), await claim('ben', 'amy'), await claim('ben', 'amy')]
  expect(claimed).toEqual([
    { ...rest, oneTimePreKey: preKeys(7)[0] },
    { ...rest, oneTimePreKey: preKeys('eight')[0] },
    { ...rest, oneTimePreKey: null },
  ])
})

test('a signed prekey in the long form comes back as it was', async () => {
  const signed = { keyId: 1, publicKey: key('long'), signature: 'signature-of-it'.padEnd(64, 's') }
  const pqPreKey = { ...signed, keyId: 'pq' }
  await server.call('POST /keys/identity', { as: 'cat', body: { identityKey: key('cat'), signedPreKey: signed, pqPreKey } })
  expect(await claim('ben', 'cat')).toMatchObject({ signedPreKey: signed, pqPreKey })
})

test('all devices of a user are claimed at once, none of the counts told', async () => {
  await publish('dee', 'phone', [1])
  await publish('dee', 'laptop', [1])
  const claimed = await claim('ben', 'dee', '*')
  expect(claimed).toMatchObject({ userId: 'dee' })
  const { devices } = claimed as { devices: { deviceId: string }[] }
  expect(devices.map(({ deviceId }) => deviceId).toSorted()).toEqual(['laptop', 'phone'])
  for (const device of devices) expect(device).not.toHaveProperty('left')
})

test('who has published nothing has no prekeys, whether known or not', async () => {
  await server.call('POST /groups', { as: 'eli', body: { members: [] } })
  for (const userId of ['eli', 'nobody-at-all']) {
    const { status, body } = await server.ask(`GET /keys/prekeys/${userId}`, { as: 'ben' })
    expect(status).toBe(404)
    expect(body).toMatchObject({ code: 'no_prekeys' })
  }
})

test('a key id means one key', async () => {
  await publish('fin', 'default', [1])
  const add = (oneTimePreKeys: unknown) => server.ask('POST /keys/prekeys', { as: 'fin', body: { oneTimePreKeys } })
  expect(await add(preKeys(1, 2))).toMatchObject({ status: 200, body: { count: 2 } })
  const conflict = { status: 409, body: { code: 'key_conflict' } }
  expect(await add([{ keyId: 1, publicKey: key('other') }])).toMatchObject(conflict)
  expect(await add([...preKeys(3), { keyId: 3, publicKey: key('other') }])).toMatchObject(conflict)
  await claim('ben', 'fin')
  expect(await add([{ keyId: 1, publicKey: key('other') }])).toMatchObject(conflict)
  expect(await server.call('GET /keys/count', { as: 'fin' })).toEqual({ oneTimePreKeys: 1, keyPackages: 0 })
})

test('the count is of the calling device', async () => {
  await publish('gil', 'phone', [1, 2, 3])
  expect(await server.call('GET /keys/count', { as: 'gil', device: 'phone' })).toMatchObject({ oneTimePreKeys: 3 })
  expect(await server.call('GET /keys/count', { as: 'gil', device: 'laptop' })).toEqual({ oneTimePreKeys: 0, keyPackages: 0 })
})

test('a device that runs low is asked for more by each claim', async () => {
  await publish('hue', 'default', [1, 2, 3])
  const before = server.events.length
  for (let i = 0; i < 4; i++) await claim('ben', 'hue')
  const hint = { type: 'keysLow', userId: 'hue', deviceId: 'default', keyPackages: 0 }
  expect(server.events.slice(before)).toEqual([
    { ...hint, oneTimePreKeys: 1 },
    { ...hint, oneTimePreKeys: 0 },
    { ...hint, oneTimePreKeys: 0 },
  ])
})

test('one user cannot drain another', async () => {
  await publish('ivy', 'default', [...Array(20).keys()])
  const answers = []
  for (let i = 0; i < 7; i++) answers.push(await server.ask('GET /keys/prekeys/ivy', { as: 'jon' }))
  expect(answers.slice(0, 6).map(({ status }) => status)).toEqual(Array(6).fill(200))
  expect(answers[6]).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
  expect(Number(answers[6]?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await server.call('GET /keys/count', { as: 'ivy' })).toMatchObject({ oneTimePreKeys: 14 })
})

test('no two claims get one key', async () => {
  await publish('kai', 'default', [...Array(40).keys()])
  const claims = Array.from({ length: 40 }, (_, index) => claim(`claimant-${index % 8}`, 'kai'))
  const claimed = (await Promise.all(claims)) as { oneTimePreKey: { keyId: number } | null }[]
  const ids = claimed.map(({ oneTimePreKey }) => oneTimePreKey?.keyId)
  expect(new Set(ids).size).toBe(40)
  expect(ids).not.toContain(undefined)
})
