import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Authenticator, createAuthenticator, type JwksSettings } from './authenticator.ts'
import {
  ecdsa,
  ecPair,
  forge,
  jwkOf,
  type KeyPair,
  type KeyServer,
  keyServer,
  type StoppedClock,
  stoppedClock,
} from './forge.suite.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const pairs = { one: ecPair(), two: ecPair() }
const one = jwkOf(pairs.one, { kid: 'one' })
const two = jwkOf(pairs.two, { kid: 'two' })

let clock: StoppedClock
let server: KeyServer
let problems: string[]
const opened: Authenticator[] = []
let made = 0

beforeEach(async () => {
  clock = stoppedClock()
  server = await keyServer(one)
  problems = []
})
afterEach(async () => {
  for (const authenticator of opened.splice(0)) authenticator.close()
  await server.close()
})

function open(settings: Partial<JwksSettings> = {}) {
  const expected = { issuer: 'https://login.example.org/', audience: 'sotto', userClaim: 'sub' }
  const jwks = { url: server.url, ...expected, onProblem: (problem: string) => problems.push(problem), ...settings }
  const authenticator = createAuthenticator({ clock, jwks })
  opened.push(authenticator)
  return authenticator
}

/** A token that was not seen before. */
function tokenOf(pair: KeyPair, kid: string): string {
  made += 1
  const exp = Math.floor(clock.now() / 1000) + 7 * 86_400
  const claims = { iss: 'https://login.example.org/', aud: 'sotto', sub: 'bob', exp, jti: made }
  return forge({ alg: 'ES256', kid }, claims, ecdsa(pair.privateKey))
}

const accepted = { userId: 'bob' }
const refused = { code: 'unauthenticated' }
const overloaded = { code: 'overloaded', extra: { retryAfterMs: expect.any(Number) } }

describe('the key set', () => {
  it('is fetched once, on first use, however many tokens wait for it', async () => {
    const { verify } = open()
    expect(server.hits).toBe(0)
    const identities = await Promise.all(Array.from({ length: 20 }, () => verify(tokenOf(pairs.one, 'one'))))
    expect(identities).toHaveLength(20)
    expect(server.hits).toBe(1)
  })

  it('is fetched anew for an unknown kid, and a rotated key is picked up', async () => {
    const { verify } = open()
    const old = tokenOf(pairs.one, 'one')
    expect(await verify(old)).toMatchObject(accepted)
    server.publish(one, two)
    await expect(verify(tokenOf(pairs.two, 'two'))).rejects.toMatchObject(refused)
    expect(server.hits).toBe(1)
    clock.nowMs += 30_000
    expect(await verify(tokenOf(pairs.two, 'two'))).toMatchObject(accepted)
    expect(await verify(tokenOf(pairs.one, 'one'))).toMatchObject(accepted)
    expect(await verify(old)).toMatchObject(accepted)
    expect(server.hits).toBe(2)
  })

  it('that lacks a key ends the tokens of that key, remembered ones too', async () => {
    const { verify } = open()
    const old = tokenOf(pairs.one, 'one')
    await verify(old)
    await verify(old)
    server.publish(two)
    clock.nowMs += 30_000
    await verify(tokenOf(pairs.two, 'two'))
    await expect(verify(old)).rejects.toMatchObject(refused)
  })

  it('that lacks a key is noticed even if every token is a remembered one', async () => {
    const { verify } = open()
    const old = tokenOf(pairs.one, 'one')
    await verify(old)
    await verify(old)
    server.publish(two)
    clock.nowMs += 10 * minuteMs
    expect(await verify(old)).toMatchObject(accepted)
    await expect.poll(() => verify(old).catch(() => 'refused'), { timeout: 5_000 }).toBe('refused')
    expect(server.hits).toBe(2)
  })

  it('is asked for once in 30 s, whatever forged tokens name', async () => {
    const { verify } = open()
    await verify(tokenOf(pairs.one, 'one'))
    clock.nowMs += 30_000
    const forged = Array.from({ length: 50 }, (_, index) => verify(tokenOf(pairs.two, `forged-${index}`)))
    for (const { status } of await Promise.allSettled(forged)) expect(status).toBe('rejected')
    expect(server.hits).toBe(2)
    clock.nowMs += 29_999
    await expect(verify(tokenOf(pairs.two, 'forged'))).rejects.toMatchObject(refused)
    expect(server.hits).toBe(2)
    clock.nowMs += 1
    await expect(verify(tokenOf(pairs.two, 'forged'))).rejects.toMatchObject(refused)
    expect(server.hits).toBe(3)
  })

  it('is fetched anew before it is used when it is an hour old', async () => {
    const { verify } = open()
    await verify(tokenOf(pairs.one, 'one'))
    server.publish(two)
    clock.nowMs += hourMs
    await expect(verify(tokenOf(pairs.one, 'one'))).rejects.toMatchObject(refused)
    expect(server.hits).toBe(2)
  })

  it('may be empty: then nothing is accepted', async () => {
    server.publish()
    await expect(open().verify(tokenOf(pairs.one, 'one'))).rejects.toMatchObject(refused)
    expect(problems).toEqual([])
  })

  it('may hold what is not understood beside what is', async () => {
    server.publish(one, { kty: 'AKP', kid: 'one', alg: 'ML-DSA-44' }, { kty: 'EC', kid: 'broken', crv: 'P-256', x: '!', y: '!' })
    const { verify } = open()
    expect(await verify(tokenOf(pairs.one, 'one'))).toMatchObject(accepted)
    await expect(verify(tokenOf(pairs.one, 'broken'))).rejects.toMatchObject(refused)
  })
})

describe('while the key server is down', () => {
  it('the keys at hand go on working for a day', async () => {
    const { verify } = open()
    await verify(tokenOf(pairs.one, 'one'))
    await server.close()
    for (const ageMs of [15 * minuteMs, 2 * hourMs, 24 * hourMs - 1]) {
      clock.nowMs = stoppedClock().nowMs + ageMs
      expect(await verify(tokenOf(pairs.one, 'one'))).toMatchObject(accepted)
    }
    clock.nowMs += 1
    await expect(verify(tokenOf(pairs.one, 'one'))).rejects.toMatchObject(overloaded)
    expect(problems.at(-1)).toMatch(/^JWT_JWKS_URL: .*ECONNREFUSED/)
  })

  it('a token of an unknown key may be fine: overloaded', async () => {
    const { verify } = open()
    await verify(tokenOf(pairs.one, 'one'))
    server.answer = (_, response) => response.writeHead(503).end()
    clock.nowMs += 30_000
    await expect(verify(tokenOf(pairs.two, 'two'))).rejects.toMatchObject(overloaded)
    await expect(verify(tokenOf(pairs.two, 'two'))).rejects.toMatchObject(overloaded)
    expect(server.hits).toBe(2)
    server.publish(two)
    clock.nowMs += 30_000
    expect(await verify(tokenOf(pairs.two, 'two'))).toMatchObject(accepted)
  })

  it('from the start, every token is overloaded, and a second after it is up they work', async () => {
    server.answer = (_, response) => response.writeHead(500).end('oops')
    const { verify } = open()
    await expect(verify(tokenOf(pairs.one, 'one'))).rejects.toMatchObject(overloaded)
    await expect(verify(tokenOf(pairs.one, 'one'))).rejects.toMatchObject(overloaded)
    expect(server.hits).toBe(1)
    server.publish(one)
    clock.nowMs += 1_000
    expect(await verify(tokenOf(pairs.one, 'one'))).toMatchObject(accepted)
    expect(problems).toEqual(['JWT_JWKS_URL: the answer has status 500'])
  })

  it('a forged form is still no more than unauthenticated', async () => {
    server.answer = (_, response) => response.writeHead(500).end()
    await expect(open().verify('a.b')).rejects.toMatchObject(refused)
    expect(server.hits).toBe(0)
  })
})

describe('an answer', () => {
  const good = JSON.stringify({ keys: [one] })
  const json = { 'content-type': 'application/json' }
  const bomb = gzipSync(Buffer.alloc(64 << 20, ' '))
  function* endless() {
    yield '{"keys":['
    for (;;) yield ' '.repeat(65_536)
  }
  const answers: readonly [name: string, answer: (response: ServerResponse) => unknown, problem: RegExp][] = [
    ['that is one byte too large', (response) => response.end(good.padEnd(262_145)), /more than 262144 bytes/],
    ['that never ends', (response) => Readable.from(endless()).pipe(response), /more than 262144 bytes/],
    [
      'that unpacks to 64 MiB',
      (response) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(bomb),
      /more than 262144 bytes/,
    ],
    ['that never comes', () => {}, /no whole answer within 1000 ms/],
    [
      'that stops in the middle',
      (response) => response.writeHead(200, json).write(good.slice(0, 20)),
      /no whole answer within 1000 ms/,
    ],
    [
      'that breaks off',
      (response) => response.writeHead(200, { 'content-length': 999 }).write('{', () => response.destroy()),
      /terminated/,
    ],
    ['that is empty', (response) => response.end(), /not JSON/],
    ['that is HTML', (response) => response.end('<html>Sign in</html>'), /not JSON/],
    ['that is null', (response) => response.end('null'), /not a key set/],
    ['that is a list', (response) => response.end('[]'), /not a key set/],
    ['whose keys are an object', (response) => response.end('{"keys":{}}'), /not a key set/],
    ['that is not UTF-8', (response) => response.end(Buffer.from(`${good}\xff`, 'latin1')), /not valid for encoding/],
    ['of 101 keys', (response) => response.end(JSON.stringify({ keys: Array(101).fill(one) })), /more than 100 keys/],
    ['of status 201', (response) => response.writeHead(201).end(good), /status 201/],
    ['of status 404', (response) => response.writeHead(404).end(good), /status 404/],
  ]

  it.each(answers)('%s is not taken, and the keys at hand are kept', async (_, answer, problem) => {
    const timeoutMs = problem.test('no whole answer within 1000 ms') ? 1_000 : 30_000
    const fresh = open({ timeoutMs })
    const before = open({ timeoutMs })
    await before.verify(tokenOf(pairs.one, 'one'))
    server.answer = (__, response) => void answer(response)
    await expect(fresh.verify(tokenOf(pairs.one, 'one'))).rejects.toMatchObject(overloaded)
    expect(problems).toEqual([expect.stringMatching(problem)])
    clock.nowMs += hourMs
    expect(await before.verify(tokenOf(pairs.one, 'one'))).toMatchObject(accepted)
    expect(server.hits).toBe(3)
  })

  it('of exactly the largest size is taken', async () => {
    server.answer = (_, response) => response.end(good.padEnd(262_144))
    expect(await open().verify(tokenOf(pairs.one, 'one'))).toMatchObject(accepted)
  })

  it.each([301, 302, 303, 307, 308])('that redirects (%d) is not followed', async (status) => {
    const target = await keyServer(one)
    server.answer = (_, response) => response.writeHead(status, { location: target.url }).end()
    await expect(open().verify(tokenOf(pairs.one, 'one'))).rejects.toMatchObject(overloaded)
    expect(target.hits).toBe(0)
    await target.close()
  })
})

it('closing ends a fetch under way, without a word in the log', async () => {
  const asked = new Promise<void>((resolve) => {
    server.answer = () => resolve()
  })
  const authenticator = open()
  const waiting = authenticator.verify(tokenOf(pairs.one, 'one'))
  const outcome = expect(waiting).rejects.toMatchObject(overloaded)
  await asked
  authenticator.close()
  await outcome
  await expect(authenticator.verify(tokenOf(pairs.one, 'one'))).rejects.toMatchObject(overloaded)
  expect(problems).toEqual([])
})
