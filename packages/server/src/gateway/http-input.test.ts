import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawAnswer, started, startTestServer, type TestServer } from './test-server.suite.ts'

const key = 'a public key of enough length'
const problemType = 'application/problem+json; charset=utf-8'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

describe('a body', () => {
  const deep = 100_000
  type Case = readonly [what: string, body: string | Buffer<ArrayBuffer>, says: RegExp, type: string]
  const json = 'application/json'
  const cases: readonly Case[] = [
    ['that is empty', '', /no body/, json],
    ['that is no JSON', '{"identityKey":', /not JSON/, json],
    ['that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), /not UTF-8/, json],
    ['that is a list', '[]', /expected object/, json],
    ['that is null', 'null', /expected object/, json],
    ['that nests deeply', '['.repeat(deep) + ']'.repeat(deep), /expected object/, json],
    ['that nests deeply in a member', `{"identityKey":${'['.repeat(deep)}${']'.repeat(deep)}}`, /identityKey/, json],
    ['that names the prototype', `{"identityKey":"${key}","__proto__":{"admin":true}}`, /member that none may have/, json],
    ['that names the prototype in disguise', `{"identityKey":"${key}","\\u005f_proto__":{}}`, /member that none may have/, json],
    ['that names the constructor’s prototype', `{"constructor":{"prototype":{}}}`, /member that none may have/, json],
    ['with an unknown member', `{"identityKey":"${key}","shoe":1}`, /unknown member "shoe"/, json],
    ['with a member of the wrong type', '{"identityKey":7}', /identityKey: .*expected string/, json],
    ['of another type', `{"identityKey":"${key}"}`, /application\/json/, 'text/plain'],
    ['of a type that is none', `{"identityKey":"${key}"}`, /application\/json/, 'json'],
    ['of a form’s type', 'identityKey=1', /application\/json/, 'application/x-www-form-urlencoded'],
  ]
  test.each(cases)('%s is refused in words', async (_, body, says, type) => {
    const response = await fetch(`${server.url}/keys/identity`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await server.tokenOf('alice')}`, 'content-type': type },
      body,
    })
    expect(response.headers.get('content-type')).toBe(problemType)
    expect(await response.json()).toMatchObject({ code: 'bad_request', status: 400, detail: expect.stringMatching(says) })
    expect(server.logged).toEqual([])
  })

  test('with a long member is not sent back', async () => {
    const long = 'x'.repeat(10_000)
    for (const body of [{ [long]: 1 }, { identityKey: long }, { identityKey: key, signedPreKey: { [long]: long } }]) {
      const answered = await server.ask('POST /keys/identity', { as: 'alice', body })
      expect(answered.body).toMatchObject({ code: 'bad_request' })
      expect(answered.text.length).toBeLessThan(600)
    }
  })

  test('beyond the limit is refused, whether it says so or not', async () => {
    const small = await started({ limits: { BODY_BYTES: 1_000 } })
    const authorization = `authorization: Bearer ${await small.tokenOf('alice')}\r\ncontent-type: application/json\r\nhost: x\r\n`
    const announced = await rawAnswer(small, `POST /keys/identity HTTP/1.1\r\n${authorization}content-length: 1001\r\n\r\n`)
    const chunk = `400\r\n${'x'.repeat(1_024)}\r\n`
    const chunked = await rawAnswer(
      small,
      `POST /keys/identity HTTP/1.1\r\n${authorization}transfer-encoding: chunked\r\n\r\n${chunk}`,
    )
    for (const answer of [announced, chunked]) {
      expect(answer).toMatch(/^HTTP\/1.1 413 /)
      expect(answer).toContain('"code":"too_large"')
      expect(answer).toContain('"limit":"BODY_BYTES"')
    }
  })

  test('is not read before the caller is known', async () => {
    const { body } = await server.ask('POST /keys/identity', { body: '{' })
    expect(body).toMatchObject({ code: 'unauthenticated' })
  })

  test('where none belongs is refused, but for an empty object', async () => {
    for (const body of ['', '{}', undefined]) {
      expect(await server.ask('POST /auth/ticket', { as: 'alice', body })).toMatchObject({ status: 200 })
    }
    for (const body of ['{"a":1}', '[1]', '0', '"text"']) {
      expect(await server.ask('POST /auth/ticket', { as: 'alice', body })).toMatchObject({ body: { code: 'bad_request' } })
    }
  })
})

describe('an address', () => {
  test.each([
    ['an unknown parameter', '/groups?shoe=1', /"shoe"/],
    ['an unknown parameter where there are none', '/devices?shoe=1', /"shoe"/],
    ['a parameter given twice', '/groups?limit=1&limit=2', /limit/],
    ['a parameter out of range', '/groups?limit=0', /limit/],
    ['a parameter that is no number', '/groups?limit=ten', /limit/],
    ['an escape that is none', '/groups/%zz', /not valid/],
    ['an escape that is no UTF-8', '/groups/%ff', /not valid/],
    ['a part of the wrong form', '/groups/a%20b', /group id/],
    ['a control character', '/keys/prekeys/a%00b', /control/],
    ['a user id that is too long', `/keys/prekeys/${'x'.repeat(129)}`, /userId/],
    ['a part without end', `/keys/prekeys/${'x'.repeat(5_000)}`, /too long/],
    ['a time that is none', '/messages/since/yesterday', /timestamp/],
    ['a time before 1970', '/messages/since/-1', /timestamp/],
  ])('with %s is refused in words', async (_, path, says) => {
    const { status, body, headers } = await server.ask(`GET ${path}`, { as: 'alice' })
    expect(body).toMatchObject({ code: 'bad_request', detail: expect.stringMatching(says) })
    expect(status).toBe(400)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test.each(['ünïcode', 'a/b', 'a?b#c', '100%', '..', '日本'.repeat(64), '🙂'.repeat(64), 'a b', '__proto__', '%2F'])(
    'carries the user id %s whole',
    async (userId) => {
      await server.call('POST /keys/identity', { as: userId, body: { identityKey: key, signedPreKey: key } })
      // Clients resolve `..` themselves, escaped or not: only a raw request gets it here.
      const head = `GET /keys/prekeys/${encodeURIComponent(userId)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n`
      const answer = await rawAnswer(server, `${head}authorization: Bearer ${await server.tokenOf('alice')}\r\n\r\n`)
      expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ userId, identityKey: key })
    },
  )
})
