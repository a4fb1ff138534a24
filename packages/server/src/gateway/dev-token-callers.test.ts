import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'

let relay: Relay
beforeAll(async () => {
  // Whatever a proxy's headers are believed for, it is not this.
  relay = await startRelay({ env: { DEV_TOKENS: 'true', TRUST_PROXY: 'true' } })
})
afterAll(() => relay.close())

/** The status and body of a request for a token. */
async function asked(headers: Record<string, string> = {}, port = relay.port) {
  return new Promise<{ status: number | undefined; body: { token?: string; code?: string } }>((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/auth/dev-token',
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    }
    const sent = request(options, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({ status: response.statusCode, body: JSON.parse(text) })
    })
    sent.on('error', reject).end('{"userId":"amy"}')
  })
}

describe('a development token', () => {
  test('is given to a caller on this machine, and opens a socket', async () => {
    const { status, body } = await asked()
    expect(status).toBe(200)
    const peer = await connect(relay.port, { search: `?token=${body.token}` })
    expect(await peer.take('welcome')).toMatchObject({ userId: 'amy' })
  })

  test.each([
    ['forwarded for this machine', { 'x-forwarded-for': '127.0.0.1' }],
    ['forwarded for another', { 'x-forwarded-for': '203.0.113.9' }],
    ['forwarded, in the standard’s words', { forwarded: 'for=127.0.0.1' }],
    ['that came by a proxy', { via: '1.1 proxy' }],
    ['for a name that only resolves to this machine', { host: 'evil.example' }],
    ['for such a name with a port', { host: 'evil.example:8080' }],
  ])('is not given to a request %s', async (_, headers) => {
    expect(await asked(headers)).toMatchObject({ status: 403, body: { code: 'dev_tokens_disabled' } })
  })

  test('is given to nobody where they are off', async () => {
    const off = await relayOf()
    expect(await asked({}, off.port)).toMatchObject({ status: 403, body: { code: 'dev_tokens_disabled' } })
  })
})
