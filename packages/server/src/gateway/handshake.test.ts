import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Handshake, handshakeText, rawSocket } from './raw-socket.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'
import { clientFrame } from './websocket-bytes.suite.ts'

let relay: Relay
beforeAll(async () => {
  relay = await startRelay({ env: { CORS_ORIGINS: 'https://app.example,http://localhost:5173' } })
})
afterAll(() => relay.close())
afterEach(async () => {
  expect(await relay.call('GET /health')).toEqual({ status: 'ok' })
  expect(relay.logged.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([])
})

async function statusOf(handshake: Handshake): Promise<number> {
  return (await rawSocket(relay.port)).handshake(handshake)
}

describe('a handshake', () => {
  test('is answered', async () => {
    expect(await statusOf({})).toBe(101)
  })

  const refused: readonly [what: string, handshake: Handshake, status: number][] = [
    ['of another path', { path: '/' }, 404],
    ['of a path below', { path: '/ws/' }, 404],
    ['of a path that begins the same', { path: '/wss' }, 404],
    ['of a route', { path: '/messages' }, 404],
    ['of no address', { path: '//' }, 404],
    ['by POST', { method: 'POST' }, 405],
    ['by HEAD', { method: 'HEAD' }, 405],
    ['without a key', { headers: { 'sec-websocket-key': undefined } }, 400],
    ['with an empty key', { headers: { 'sec-websocket-key': '' } }, 400],
    ['with a short key', { headers: { 'sec-websocket-key': 'c2hvcnQ=' } }, 400],
    ['without a version', { headers: { 'sec-websocket-version': undefined } }, 400],
    ['of an old version', { headers: { 'sec-websocket-version': '7' } }, 400],
    ['of no version', { headers: { 'sec-websocket-version': 'x' } }, 400],
    ['with broken subprotocols', { headers: { 'sec-websocket-protocol': 'sotto.v1,,' } }, 400],
    ['of a page elsewhere', { headers: { origin: 'https://evil.example' } }, 403],
  ]
  test.each(refused)('%s is refused, and the connection let go', async (_, handshake, status) => {
    const socket = await rawSocket(relay.port)
    expect(await socket.handshake(handshake)).toBe(status)
    expect(await socket.isCut()).toBe(true)
  })

  test.each([
    ['of another kind', 'Basic YWxpY2U6eA=='],
    ['without a token', 'Bearer'],
    ['with an empty token', 'Bearer '],
    ['with two words', 'bearer a b'],
    ['of many bytes', 'x'.repeat(8_000)],
  ])('with an authorization %s is closed as unauthenticated', async (_, authorization) => {
    const socket = await rawSocket(relay.port)
    expect(await socket.handshake({ headers: { authorization } })).toBe(101)
    expect(await socket.json()).toMatchObject({ type: 'error', code: 'unauthenticated' })
    expect(await socket.closeCode()).toBe(4401)
  })

  test.each(['?token=', '?token=x', '?ticket=', '?ticket=x', '?token=%00', '?token=%', '?token=&ticket=x', '?ticket=%FF'])(
    'with %s is closed as unauthenticated',
    async (search) => {
      const socket = await rawSocket(relay.port)
      expect(await socket.handshake({ path: `/ws${search}` })).toBe(101)
      expect(await socket.closeCode()).toBe(4401)
    },
  )

  test('with a ticket that is too long is closed as unauthenticated', async () => {
    const socket = await rawSocket(relay.port)
    await socket.handshake({ path: `/ws?ticket=${'x'.repeat(2_000)}` })
    expect(await socket.closeCode()).toBe(4401)
  })

  test.each(['/', 'a b', 'ä', 'x'.repeat(65), '..%2f', '\0'])(
    'that names the device %j is closed, not to be repeated',
    async (device) => {
      const authorization = `Bearer ${await relay.token('amy')}`
      const socket = await rawSocket(relay.port)
      expect(await socket.handshake({ path: `/ws?device=${encodeURIComponent(device)}`, headers: { authorization } })).toBe(101)
      expect(await socket.json()).toMatchObject({ code: 'bad_request' })
      expect(await socket.closeCode()).toBe(4400)
    },
  )

  test('that names two devices is closed', async () => {
    const authorization = `Bearer ${await relay.token('amy')}`
    const socket = await rawSocket(relay.port)
    await socket.handshake({ path: '/ws?device=a', headers: { authorization, 'x-device-id': 'b' } })
    expect(await socket.json()).toMatchObject({ code: 'forbidden' })
    expect(await socket.closeCode()).toBe(4400)
  })

  test.each([
    ['sotto.v1', 'synced'],
    ['chat, sotto.v1', 'synced'],
    ['chat', undefined],
  ])('that offers %s', async (offered, then) => {
    const authorization = `Bearer ${await relay.token('ben')}`
    const socket = await rawSocket(relay.port)
    await socket.handshake({ headers: { authorization, 'sec-websocket-protocol': offered } })
    expect(await socket.json()).toMatchObject({ type: 'welcome' })
    socket.write(clientFrame('{"type":"ping"}'))
    expect(await socket.json()).toMatchObject({ type: then ?? 'pong' })
  })

  test.each([
    ['a large one first', 0],
    ['a small one first', 1],
  ])('may have its frames right behind it, %s', async (_, pings) => {
    const [sender, receiver, ciphertext] = [`dan-${pings}`, await relay.synced(`cat-${pings}`), 'x'.repeat(60_000)]
    const authorization = `Bearer ${await relay.token(sender)}`
    const message = JSON.stringify({ type: 'msg', id: 'large', to: `cat-${pings}`, scope: 'direct', ciphertext })
    const frames = [...Array.from({ length: pings }, () => clientFrame('{"type":"ping"}')), clientFrame(message)]
    const socket = await rawSocket(relay.port)
    socket.write(Buffer.concat([Buffer.from(handshakeText({ headers: { authorization } })), ...frames]))
    expect(await socket.status()).toBe(101)
    expect(await socket.json()).toMatchObject({ type: 'welcome' })
    for (let i = 0; i < pings; i++) expect(await socket.json()).toMatchObject({ type: 'pong' })
    expect(await socket.json()).toMatchObject({ type: 'accepted', id: 'large' })
    expect(await receiver.take('msg')).toMatchObject({ id: 'large', ciphertext })
  })
})

describe('a request that offers to upgrade to what is not a WebSocket', () => {
  test.each([
    ['h2c', '/health', 200],
    ['tls/1.0', '/health', 200],
    ['h2c', '/ws', 404],
  ])('to %s: %s is answered as if it had not', async (upgrade, path, status) => {
    const socket = await rawSocket(relay.port)
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade, 'http2-settings': '' }
    expect(await socket.handshake({ path, headers })).toBe(status)
  })
})

describe('origins', () => {
  const cases: readonly [origin: string, host: string, status: number][] = [
    ['http://relay.example', 'relay.example', 101],
    ['https://relay.example', 'relay.example', 101],
    ['http://relay.example:8080', 'relay.example:8080', 101],
    ['http://[::1]:8080', '[::1]:8080', 101],
    ['https://app.example', 'relay.example', 101],
    ['http://localhost:5173', 'relay.example', 101],
    ['null', 'relay.example', 403],
    ['', 'relay.example', 403],
    ['http://relay.example', 'relay.example:8080', 403],
    ['http://relay.example:8081', 'relay.example:8080', 403],
    ['http://relay.example.evil.example', 'relay.example', 403],
    ['http://evil-relay.example', 'relay.example', 403],
    ['http://evil.example/relay.example', 'relay.example', 403],
    ['http://evil.example#relay.example', 'relay.example', 403],
    ['http://relay.example@evil.example', 'relay.example', 403],
    ['http://app.example', 'relay.example', 403],
    ['https://app.example.evil.example', 'relay.example', 403],
    ['https://evil.example,https://app.example', 'relay.example', 403],
    ['https://app.example:8443', 'relay.example', 403],
    ['http://localhost:5174', 'relay.example', 403],
    ['file://', 'relay.example', 403],
    ['relay.example', 'relay.example', 403],
    ['chrome-extension://abcdef', 'relay.example', 403],
  ]
  test.each(cases)('%s to %s: %i', async (origin, host, status) => {
    expect(await statusOf({ headers: { origin, host } })).toBe(status)
  })

  test('of nobody where the request has no host', async () => {
    expect(await statusOf({ version: '1.0', headers: { origin: 'null', host: undefined } })).not.toBe(101)
    expect(await statusOf({ headers: { origin: 'http://', host: '' } })).not.toBe(101)
  })
})

describe('limits of sockets', () => {
  test('of the process: one more is refused until one goes', async () => {
    const small = await relayOf({ limits: { SOCKETS: 2 } })
    const first = await small.peer('amy')
    await small.peer('ben')
    const third = await rawSocket(small.port)
    expect(await third.handshake()).toBe(503)
    expect(await third.isCut()).toBe(true)
    await first.close()
    expect(await (await rawSocket(small.port)).handshake()).toBe(101)
  })
})
