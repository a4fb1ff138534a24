import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestServer, type TestServer } from './test-server.suite.ts'

const key = 'a public key of enough length'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

describe('the acting device', () => {
  const current = async (server: TestServer, request: string, token: string, device?: string) => {
    const { body } = await server.ask(request, { token, ...(device === undefined ? {} : { device }) })
    return body
  }

  test('is the token’s, else the one that the request names, else `default`', async () => {
    for (const device of ['phone', 'laptop', 'default'])
      await server.store.openDevice({ userId: 'alice', deviceId: device, holds: false })
    const any = await server.tokenOf('alice')
    const phone = await server.tokenOf('alice', 'phone')
    const acting = async (request: string, token: string, device?: string) => {
      const { devices } = (await current(server, request, token, device)) as { devices: { deviceId: string; current: boolean }[] }
      return devices.find((item) => item.current)?.deviceId
    }
    expect(await acting('GET /devices', any)).toBe('default')
    expect(await acting('GET /devices', any, 'laptop')).toBe('laptop')
    expect(await acting('GET /devices?device=laptop', any)).toBe('laptop')
    expect(await acting('GET /devices', phone)).toBe('phone')
    expect(await acting('GET /devices?device=phone', phone, 'phone')).toBe('phone')
  })

  test('is refused when two are named, or none could be', async () => {
    const any = await server.tokenOf('alice')
    const phone = await server.tokenOf('alice', 'phone')
    expect(await current(server, 'GET /devices', phone, 'laptop')).toMatchObject({ code: 'forbidden' })
    expect(await current(server, 'GET /devices?device=laptop', phone)).toMatchObject({ code: 'forbidden' })
    expect(await current(server, 'GET /devices?device=a', any, 'b')).toMatchObject({ code: 'forbidden' })
    expect(await current(server, 'GET /devices', any, 'no such thing')).toMatchObject({ code: 'bad_request' })
    expect(await current(server, 'GET /devices?device=a&device=b', any)).toMatchObject({ code: 'bad_request' })
  })

  test('is not what `device` of a claim names', async () => {
    await server.call('POST /keys/identity', { as: 'bob', device: 'tablet', body: { identityKey: key, signedPreKey: key } })
    const claimed = await current(server, 'GET /keys/prekeys/bob?device=tablet', await server.tokenOf('alice', 'phone'))
    expect(claimed).toMatchObject({ userId: 'bob', deviceId: 'tablet' })
  })

  test('comes to exist by writing, not by reading', async () => {
    for (const path of ['/devices', '/groups', '/keys/count', '/messages/since/0', '/account/export']) {
      expect(await server.ask(`GET ${path}`, { as: 'carol' })).toMatchObject({ status: 200 })
    }
    await server.ask('POST /groups/g1/members', { as: 'carol', body: { members: ['bob'] } })
    expect(await server.call('GET /devices', { as: 'carol' })).toEqual({ devices: [] })
    await server.call('POST /keys/identity', { as: 'carol', body: { identityKey: key } })
    expect(await server.call('GET /devices', { as: 'carol' })).toMatchObject({
      devices: [{ deviceId: 'default', current: true }],
    })
  })
})
