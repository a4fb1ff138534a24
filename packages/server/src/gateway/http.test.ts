import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { started, startTestServer, type TestServer } from './test-server.suite.ts'

const key = 'a public key of enough length'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ devTokens: 'loopback' })
})
afterAll(() => server.close())

test('a refusal is a problem of RFC 9457 with the table’s words', async () => {
  const { status, headers, body } = await server.ask('GET /nowhere')
  expect(status).toBe(404)
  expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  expect(body).toEqual({
    type: 'urn:sotto:error:not_found',
    title: 'Not found',
    status: 404,
    code: 'not_found',
    detail: 'there is no such route',
  })
})

test('a known address under another method names those that it answers', async () => {
  const wrong = await server.ask('PUT /groups/g1', { as: 'alice', body: {} })
  expect(wrong.body).toMatchObject({ code: 'not_found', detail: 'this address answers GET and DELETE only' })
  expect(wrong.headers.get('allow')).toBe('GET, DELETE')
  const unknown = await server.ask('GET /groups/g1/', { as: 'alice' })
  expect(unknown.headers.get('allow')).toBeNull()
})

test('requests beyond a user’s rate are told when to come back; others are not held up', async () => {
  const server = await started({ limits: { REQUESTS_BURST: 3, REQUESTS_PER_SECOND: 2 } })
  const ask = (as: string) => server.ask('GET /devices', { as })
  for (let i = 0; i < 3; i++) expect(await ask('alice')).toMatchObject({ status: 200 })
  const refused = await ask('alice')
  expect(refused.status).toBe(429)
  expect(refused.body).toMatchObject({ code: 'rate_limited', limit: 'REQUESTS_PER_SECOND', retryAfterMs: 500 })
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await ask('bob')).toMatchObject({ status: 200 })
  server.clock.advance(500)
  expect(await ask('alice')).toMatchObject({ status: 200 })
})

test('a fault is answered without its cause, which is logged', async () => {
  const cause = 'the disk said something only we should know'
  const server = await started({
    handlers: {
      'GET /devices': async () => {
        throw new Error(cause)
      },
    },
  })
  const { status, body, text: sent } = await server.ask('GET /devices', { as: 'alice' })
  expect(status).toBe(500)
  expect(body).toMatchObject({ code: 'internal', detail: 'Something failed in the server' })
  expect(sent).not.toContain(cause)
  expect(server.logged).toHaveLength(1)
  expect(server.logged[0]).toContain(cause)
  expect(server.logged[0]).toContain('/devices')
})

test('an answer of any kind forbids sniffing, caching and rendering', async () => {
  const requests: [string, { as?: string; body?: unknown }][] = [
    ['GET /devices', { as: 'alice' }],
    ['GET /devices', {}],
    ['GET /nowhere', {}],
    ['GET /health', {}],
    ['POST /auth/dev-token', { body: { userId: 'alice' } }],
  ]
  for (const [request, asked] of requests) {
    const { headers } = await server.ask(request, asked)
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    })
  }
})

test('the page of the docs admits its own style and nothing else', async () => {
  const { headers, text: page } = await server.ask('GET /docs')
  const styles = [...page.matchAll(/<style>([^<]*)<\/style>/g)].map(([, style]) => style ?? '')
  const hashes = styles.map((style) => `'sha256-${createHash('sha256').update(style).digest('base64')}'`)
  expect(hashes).toHaveLength(1)
  expect(headers.get('content-security-policy')).toContain(`default-src 'none'; style-src ${hashes[0]};`)
  expect(page).not.toMatch(/<script|\son\w+=|style="/)
})

describe('pages of other origins', () => {
  const origin = 'https://app.example.org'
  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,x-device-id' }

  test('of the list may ask and read, refusals included', async () => {
    const server = await started({ corsOrigins: [origin] })
    const asked = await server.ask('OPTIONS /groups', { headers: { origin, ...preflight } })
    expect(asked.status).toBe(204)
    expect(asked.text).toBe('')
    expect(asked.headers.get('access-control-allow-origin')).toBe(origin)
    expect(asked.headers.get('access-control-allow-headers')).toBe('Authorization, Content-Type, X-Device-Id')
    for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) {
      expect(asked.headers.get('access-control-allow-methods')).toContain(method)
    }
    expect(asked.headers.has('access-control-allow-credentials')).toBe(false)
    for (const request of ['GET /health', 'GET /devices', 'GET /nowhere']) {
      const { headers } = await server.ask(request, { headers: { origin } })
      expect(headers.get('access-control-allow-origin')).toBe(origin)
      expect(headers.get('vary')).toBe('Origin')
    }
  })

  test.each([
    ['not of the list', 'https://evil.example', [origin]],
    ['without a list', origin, []],
  ])('%s may not', async (_, from, corsOrigins) => {
    const server = await started({ corsOrigins })
    const asked = await server.ask('OPTIONS /groups', { headers: { origin: from, ...preflight } })
    expect(asked.status).toBe(404)
    const answered = await server.ask('GET /health', { headers: { origin: from } })
    for (const { headers } of [asked, answered]) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })
})

test('HEAD is answered where GET has no effect, and nowhere else', async () => {
  expect(await server.ask('HEAD /health')).toMatchObject({ status: 200, text: '' })
  await server.call('POST /keys/identity', { as: 'bob', body: { identityKey: key, signedPreKey: key } })
  await server.call('POST /keys/prekeys', { as: 'bob', body: { oneTimePreKeys: [{ keyId: 1, publicKey: key }] } })
  expect(await server.ask('HEAD /keys/prekeys/bob', { as: 'alice' })).toMatchObject({ status: 404, text: '' })
  expect(await server.call('GET /keys/count', { as: 'bob' })).toMatchObject({ oneTimePreKeys: 1 })
})

test('a server whose store does not answer is alive, but not ready', async () => {
  const server = await started()
  expect(await server.call('GET /ready')).toEqual({ status: 'ready', store: 'ok', bus: 'ok' })
  await server.closeStore()
  const { status, body, headers } = await server.ask('GET /ready')
  expect(status).toBe(503)
  expect(body).toMatchObject({ code: 'overloaded', store: expect.stringMatching(/failed|timeout/), bus: 'ok' })
  expect(headers.get('retry-after')).toBe('1')
  expect(await server.call('GET /health')).toEqual({ status: 'ok' })
})

test('what was answered is counted by route', async () => {
  await server.ask('GET /groups/secret-group', { as: 'alice' })
  await server.ask('GET /nowhere/secret-address')
  const { text: metrics } = await server.ask('GET /metrics')
  expect(metrics).toContain('sotto_http_requests_total{method="GET",route="/groups/:groupId",status="4xx"} 1')
  expect(metrics).toContain('route="unmatched"')
  expect(metrics).not.toContain('secret')
})
