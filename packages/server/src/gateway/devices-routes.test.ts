import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestServer, type TestServer } from './test-server.suite.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const identityKey = 'a public key of enough length'
const publish = (as: string, device: string) =>
  server.call('POST /keys/identity', { as, device, body: { identityKey, signedPreKey: identityKey } })

test('devices are listed with their names; `current` is the one that asks', async () => {
  await publish('amy', 'phone')
  server.clock.advance(1_000)
  await publish('amy', 'laptop')
  await server.call('PATCH /devices/:deviceId', { as: 'amy', params: { deviceId: 'phone' }, body: { name: 'Amy’s phone' } })
  const { devices } = await server.call('GET /devices', { as: 'amy', device: 'laptop' })
  const now = server.clock.now()
  expect(devices).toEqual([
    { deviceId: 'phone', name: 'Amy’s phone', createdAt: now - 1_000, lastSeenAt: now - 1_000, current: false },
    { deviceId: 'laptop', name: null, createdAt: now, lastSeenAt: now, current: true },
  ])
})

test('nobody else’s devices can be named or revoked', async () => {
  await publish('ben', 'phone')
  for (const [request, body] of [
    ['PATCH /devices/phone', { name: 'Mine' }],
    ['DELETE /devices/phone', undefined],
    ['DELETE /devices/never-was', undefined],
  ] as const) {
    expect(await server.ask(request, { as: 'cat', body })).toMatchObject({ status: 404, body: { code: 'not_found' } })
  }
  expect(await server.call('GET /devices', { as: 'ben' })).toMatchObject({ devices: [{ deviceId: 'phone', name: null }] })
})

test('a revoked device is shut out everywhere, its keys are gone, its id stays dead, and its sessions are ended', async () => {
  await publish('dee', 'phone')
  await publish('dee', 'laptop')
  const before = server.events.length
  await server.call('DELETE /devices/:deviceId', { as: 'dee', device: 'laptop', params: { deviceId: 'phone' } })
  expect(server.events.slice(before)).toEqual([{ type: 'revoked', userId: 'dee', deviceId: 'phone' }])
  for (const request of ['GET /devices', 'GET /messages/since/0', 'POST /auth/ticket', 'DELETE /account']) {
    expect(await server.ask(request, { as: 'dee', device: 'phone' })).toMatchObject({
      status: 403,
      body: { code: 'device_revoked' },
    })
  }
  const token = await server.tokenOf('dee', 'phone')
  expect(await server.ask('POST /keys/identity', { token, body: { identityKey } })).toMatchObject({
    body: { code: 'device_revoked' },
  })
  expect(await server.ask('DELETE /devices/phone', { as: 'dee', device: 'laptop' })).toMatchObject({
    body: { code: 'not_found' },
  })
  const claimed = await server.call('GET /keys/prekeys/:userId', { as: 'eve', params: { userId: 'dee' }, query: { device: '*' } })
  expect(claimed).toMatchObject({ devices: [{ deviceId: 'laptop' }] })
  expect(await server.call('GET /devices', { as: 'dee', device: 'laptop' })).toMatchObject({ devices: [{ deviceId: 'laptop' }] })
})

test('a device may revoke itself', async () => {
  await publish('fay', 'phone')
  await server.call('DELETE /devices/:deviceId', { as: 'fay', device: 'phone', params: { deviceId: 'phone' } })
  expect(await server.ask('GET /devices', { as: 'fay', device: 'phone' })).toMatchObject({ body: { code: 'device_revoked' } })
})

test('a user has so many devices and no more', async () => {
  for (let i = 0; i < 10; i++) await publish('gus', `device-${i}`)
  const beyond = await server.ask('POST /keys/identity', { as: 'gus', device: 'one-more', body: { identityKey } })
  expect(beyond).toMatchObject({ status: 409, body: { code: 'limit_reached', limit: 'USER_DEVICES' } })
  expect(await server.ask('GET /groups', { as: 'gus', device: 'one-more' })).toMatchObject({ status: 200 })
})
