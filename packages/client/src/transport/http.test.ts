import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { SottoClientError } from '../errors.ts'
import { addressOf, requestLine } from './http-address.ts'
import { manualTimers } from './manual-timers.suite.ts'
import { startProxy } from './proxy.suite.ts'
import { lineTo, message, start, startRelay } from './relay.suite.ts'

const timeout = 60_000

describe('addresses', () => {
  test('of the server and its socket follow from one', () => {
    expect(addressOf('https://chat.example.org')).toEqual({
      http: 'https://chat.example.org',
      socket: 'wss://chat.example.org/ws',
    })
    expect(addressOf('http://localhost:8080/sotto/')).toEqual({
      http: 'http://localhost:8080/sotto',
      socket: 'ws://localhost:8080/sotto/ws',
    })
  })

  test('of requests have their parameters in place', () => {
    expect(requestLine('GET /health', {})).toEqual(['GET', '/health'])
    expect(requestLine('DELETE /groups/:groupId/members/:userId', { params: { groupId: 'g1', userId: 'zoë/../x?#%' } })).toEqual([
      'DELETE',
      '/groups/g1/members/zo%C3%AB%2F..%2Fx%3F%23%25',
    ])
    expect(requestLine('GET /messages', { query: { limit: 5, waitMs: undefined, cursor: 'a&b' } })).toEqual([
      'GET',
      '/messages?limit=5&cursor=a%26b',
    ])
  })

  test.each(['.', '..', '', '\ud800', undefined])('%j cannot be part of a path', (userId) => {
    expect(() => requestLine('GET /identity/:userId', { params: { userId } })).toThrow(SottoClientError)
  })
})

test('requests are made as the device, errors come as the server means them', { timeout }, async () => {
  const relay = await startRelay()
  const { transport } = lineTo(relay, { user: 'alice', deviceId: 'desk' })
  await transport.request('POST /keys/identity', { body: { identityKey: 'an opaque public key' } })
  const { devices } = await transport.request('GET /devices', {})
  expect(devices).toMatchObject([{ deviceId: 'desk', current: true }])
  const found = await transport.request('GET /messages/since/:timestamp', { params: { timestamp: 0 }, query: { limit: 5 } })
  expect(found.messages).toEqual([])
  expect(await transport.request('GET /metrics', {})).toBeUndefined()
  await expect(transport.request('GET /groups/:groupId', { params: { groupId: 'none' } })).rejects.toMatchObject({
    name: 'SottoError',
    code: 'not_member',
  })
})

test('whoever asks for what is open needs no token', { timeout }, async () => {
  const relay = await startRelay()
  const line = lineTo(relay)
  expect(await line.transport.request('GET /health', {})).toEqual({ status: 'ok' })
  expect(line.tokensAsked).toBe(0)
})

test('a rate that is exceeded is told with the time to wait', { timeout }, async () => {
  const relay = await startRelay({ REQUESTS_BURST: 1, REQUESTS_PER_SECOND: 1 })
  const { transport } = lineTo(relay)
  await transport.request('GET /devices', {})
  const error = await transport.request('GET /devices', {}).catch((refused) => refused)
  expect(error).toMatchObject({ code: 'rate_limited', extra: { limit: 'REQUESTS_PER_SECOND' } })
  expect(error.extra.retryAfterMs).toBeGreaterThan(0)
})

test('answers that are lost: what has an id is asked again and done once, the rest is offline', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  const { transport } = lineTo(relay, { user: 'alice', url: proxy.url })
  proxy.dropAnswers(3, /^POST \/messages HTTP/)
  expect(await transport.request('POST /messages', { body: message('m1') })).toMatchObject({ seq: 1, duplicate: true })
  proxy.dropAnswers(2, /^GET \/devices HTTP/)
  await transport.request('GET /devices', {})
  expect(proxy.dropped).toBe(5)
  proxy.dropAnswers(1, /^POST \/groups HTTP/)
  await expect(transport.request('POST /groups', { body: { members: [] } })).rejects.toMatchObject({ code: 'offline' })
  expect((await transport.request('GET /groups', {})).groups).toHaveLength(1)
})

test('a server that does not answer: offline when the time is up, what the signal says when it aborts', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  proxy.stall()
  const timers = manualTimers()
  const line = lineTo(relay, { url: proxy.url, ports: { timers } })
  let outcome: unknown
  line.transport.request('GET /devices', {}, { retryMs: 25_000 }).catch((error) => {
    outcome = error
  })
  await line.until(() => {
    timers.advance(100)
    return outcome !== undefined
  })
  expect(outcome).toMatchObject({ code: 'offline', message: 'no answer came in time' })
  expect(timers.now()).toBeGreaterThan(20_000)
  const controller = new AbortController()
  const given = line.transport.request('GET /devices', {}, { signal: controller.signal, retryMs: Number.POSITIVE_INFINITY })
  const aborted = expect(given).rejects.toThrow('enough')
  await line.until(() => timers.nextInMs === 10_000)
  controller.abort(new Error('enough'))
  await aborted
  await line.transport.close()
  expect(timers.waiting).toBe(0)
})

test('a request that waits to be repeated goes on when woken', { timeout }, async () => {
  const relay = await startRelay()
  const timers = manualTimers()
  const clock = { now: Date.now, random: () => new Uint8Array(4).fill(255) }
  const line = lineTo(relay, { ports: { timers, clock } })
  await relay.stop()
  const asked = line.transport.request('GET /devices', {}, { retryMs: Number.POSITIVE_INFINITY })
  await line.until(() => timers.waiting === 1 && timers.nextInMs < 1_000)
  await relay.restart()
  line.transport.wake()
  expect((await asked).devices).toEqual([])
})

/** A server of another kind. */
async function otherServer(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('answers of something else', () => {
  const once = { retryMs: 0 }

  test('are no answers', { timeout }, async () => {
    const relay = await startRelay()
    const answers: [number, string, string][] = [
      [200, 'application/json', '{"devices":'],
      [502, 'text/html', '<h1>Bad gateway</h1>'],
      [404, 'application/json', '{"code":"not_found"}'],
      [403, 'application/problem+json', 'no'],
      [403, 'application/problem+json', 'null'],
      [302, 'text/html', ''],
    ]
    let next = 0
    const url = await otherServer((_, response) => {
      const [status, type, text] = answers[next++]!
      response.writeHead(status, { 'content-type': type, location: 'http://127.0.0.1:9/' }).end(text)
    })
    const { transport } = lineTo(relay, { url })
    for (const [status] of answers) {
      await expect(transport.request('GET /devices', {}, once), `${status}`).rejects.toMatchObject({ code: 'offline' })
    }
    expect(next).toBe(answers.length)
  })

  test('that have no end are not read to the end', { timeout }, async () => {
    const relay = await startRelay()
    const url = await otherServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const chunk = Buffer.alloc(1024 * 1024, ' ')
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', more)
      more()
    })
    const { transport } = lineTo(relay, { url })
    await expect(transport.request('GET /devices', {}, once)).rejects.toThrow('too large')
  })

  test('with a code of a newer server keep their meaning as far as it goes', { timeout }, async () => {
    const relay = await startRelay()
    const url = await otherServer((_, response) => {
      const body = { type: 'x', title: 'x', status: 429, code: 'out_of_stamps', detail: 'buy some', stamps: 0 }
      response.writeHead(429, { 'content-type': 'application/problem+json', 'retry-after': '7' }).end(JSON.stringify(body))
    })
    const { transport } = lineTo(relay, { url })
    await expect(transport.request('GET /devices', {}, once)).rejects.toMatchObject({
      code: 'rate_limited',
      message: 'buy some',
      extra: { newCode: 'out_of_stamps', stamps: 0, retryAfterMs: 7_000 },
    })
  })

  test('that ask to come back later are heard', { timeout }, async () => {
    const relay = await startRelay()
    let asked = 0
    const url = await otherServer((_, response) => {
      asked += 1
      if (asked === 1) response.writeHead(503, { 'content-type': 'text/plain', 'retry-after': '3' }).end()
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"devices":[]}')
    })
    const timers = manualTimers()
    const line = lineTo(relay, { url, ports: { timers } })
    const answer = line.transport.request('GET /devices', {})
    await line.until(() => timers.nextInMs === 3_000)
    timers.advance(2_999)
    expect(asked).toBe(1)
    timers.advance(1)
    expect(await answer).toEqual({ devices: [] })
  })
})

test('a transport may be used for requests alone, before it is started', { timeout }, async () => {
  const relay = await startRelay()
  const line = lineTo(relay)
  expect(line.transport.state).toBe('offline')
  await line.transport.request('GET /devices', {})
  await start(line)
  expect(line.tokensAsked).toBe(1)
})
