import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestServer, type TestServer } from './test-server.suite.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ limits: { USER_DEVICES: 2 } })
})
afterAll(() => server.close())

const list = (version: number, more: object = {}) => ({
  version,
  identityKey: 'the identity key of a user',
  devices: `{"version":${version},"devices":["ü"]}`,
  signature: `signature of ${version}`,
  ...more,
})
const put = (as: string, body: unknown, device = 'phone') => server.ask('PUT /identity', { as, device, body })

describe('a device list', () => {
  test('is what anybody reads once it was put, byte for byte', async () => {
    const missing = await server.ask('GET /identity/amy', { as: 'ben' })
    expect(missing).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(await put('amy', list(1))).toMatchObject({ status: 200, body: { version: 1 } })
    expect(await server.call('GET /identity/:userId', { as: 'ben', params: { userId: 'amy' } })).toEqual({
      userId: 'amy',
      ...list(1),
    })
    const second = list(2, { endorsement: 'by the key before', devices: ' \u0000 anything at all, opaque ' })
    expect(await put('amy', second, 'laptop')).toMatchObject({ status: 200, body: { version: 2 } })
    expect(await server.call('GET /identity/:userId', { as: 'amy', params: { userId: 'amy' } })).toEqual({
      userId: 'amy',
      ...second,
    })
  })

  test('of a user id that has to be escaped in the address is found', async () => {
    const userId = 'cät/ 100%'
    await put(userId, list(1))
    expect(await server.call('GET /identity/:userId', { as: 'ben', params: { userId } })).toMatchObject({ userId, version: 1 })
  })

  test('of another version than the next one is refused with the current list', async () => {
    expect(await put('dan', list(2))).toMatchObject({ status: 409, body: { code: 'stale_version', version: 0 } })
    await put('dan', list(1, { endorsement: 'an endorsement' }))
    for (const version of [1, 3]) {
      const { status, body } = await put('dan', list(version, { devices: 'of another device' }))
      expect(status).toBe(409)
      expect(body).toMatchObject({ code: 'stale_version', ...list(1), endorsement: 'an endorsement' })
    }
  })

  test('put again is answered as before', async () => {
    for (let again = 0; again < 3; again++) expect(await put('eve', list(1))).toMatchObject({ status: 200, body: { version: 1 } })
    await put('eve', list(2))
    expect(await put('eve', list(1))).toMatchObject({ status: 409, body: { code: 'stale_version', version: 2 } })
  })

  test('is put by one of those who race', async () => {
    for (let version = 1; version <= 5; version++) {
      const puts = Array.from({ length: 8 }, (_, n) => put('fay', list(version, { devices: `${n}` }), `device${n % 2}`))
      const answers = await Promise.all(puts)
      const winners = answers.flatMap(({ status }, n) => (status === 200 ? [n] : []))
      expect(winners).toHaveLength(1)
      expect(await server.call('GET /identity/:userId', { as: 'ben', params: { userId: 'fay' } })).toMatchObject({
        version,
        devices: `${winners[0]}`,
      })
    }
  })

  test.each([
    ['version 0', { version: 0 }],
    ['no version', { version: undefined }],
    ['a version that is no integer', { version: 1.5 }],
    ['a short identity key', { identityKey: 'short' }],
    ['no signature', { signature: '' }],
    ['an empty endorsement', { endorsement: '' }],
    ['no devices', { devices: '' }],
    ['too much', { devices: 'x'.repeat(65_537) }],
    ['something more', { name: 'x' }],
  ])('with %s is refused', async (_, change) => {
    expect(await put('gil', { ...list(1), ...change })).toMatchObject({ status: 400, body: { code: 'bad_request' } })
    expect((await server.ask('GET /identity/gil', { as: 'gil' })).status).toBe(404)
  })

  test('is put by a device, which a user may not have too many of', async () => {
    await put('hue', list(1), 'one')
    await put('hue', list(2), 'two')
    expect(await put('hue', list(3), 'three')).toMatchObject({ status: 409, body: { code: 'limit_reached' } })
    await server.call('DELETE /devices/:deviceId', { as: 'hue', params: { deviceId: 'one' } })
    expect(await put('hue', list(3), 'one')).toMatchObject({ status: 403, body: { code: 'device_revoked' } })
    expect(await put('hue', list(3), 'three')).toMatchObject({ status: 200 })
  })

  test('is exported and erased with the account', async () => {
    await put('ivy', list(1))
    expect(await server.call('GET /account/export', { as: 'ivy' })).toMatchObject({ deviceList: list(1) })
    await server.call('DELETE /account', { as: 'ivy' })
    expect((await server.ask('GET /identity/ivy', { as: 'ben' })).status).toBe(404)
    expect(await put('ivy', list(1))).toMatchObject({ status: 200 })
  })
})

describe('the cursors', () => {
  test('are what the calling device has acknowledged, by mailbox', async () => {
    const cursors = (as: string, device: string) => server.call('GET /messages/cursors', { as, device })
    expect(await cursors('jon', 'phone')).toEqual({ cursors: [], now: server.clock.now() })
    await server.store.openDevice({ userId: 'jon', deviceId: 'phone', holds: true })
    const before = await cursors('jon', 'phone')
    expect(before.cursors.map(({ seq }) => seq)).toEqual([0, 0])
    const message = { to: 'jon', scope: 'direct', ciphertext: 'AAAA' }
    const { mailbox } = await server.call('POST /messages', { as: 'ben', body: { id: 'one', ...message } })
    await server.call('POST /messages', { as: 'ben', body: { id: 'two', ...message } })
    await server.call('POST /messages/ack', { as: 'jon', device: 'phone', body: { acks: [{ mailbox, seq: 2 }] } })
    const expected = before.cursors.map((cursor) => (cursor.mailbox === mailbox ? { mailbox, seq: 2 } : cursor))
    expect((await cursors('jon', 'phone')).cursors).toEqual(expected)
    expect((await cursors('jon', 'laptop')).cursors).toEqual([])
    expect(await server.store.listDevices('jon')).toHaveLength(1)
  })
})
