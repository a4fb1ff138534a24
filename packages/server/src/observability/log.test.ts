import { fastify } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { forge, hmac, stoppedClock } from '../auth/forge.suite.ts'
import { Secret } from '../auth/secret.ts'
import { createLog, type Log, redactLine } from './log.ts'
import { scrub } from './redact.ts'

const secret = 'canary-secret-of-more-than-32-bytes-in-all'
const token = forge({ alg: 'HS256' }, { userId: 'alice', exp: 2_000_000_000 }, hmac(secret))
const ticket = 'canary-ticket_VhYq3m0mM1q6Y2Zk'
const ciphertext = 'Y2FuYXJ5IGNpcGhlcnRleHQgd2l0aCBtb3JlIHRoYW4gYSBmZXcgYnl0ZXM='
const key = 'Y2FuYXJ5IHByaXZhdGUga2V5IGluIGJhc2U2NA=='
const canaries = [secret, token, token.split('.')[2] ?? '', ticket, ciphertext, key]
const frame = { type: 'msg', id: 'm1', to: 'bob', scope: 'direct', ciphertext }

let lines: string[]
let log: Log
beforeEach(() => {
  lines = []
  log = createLog({ level: 'trace', clock: stoppedClock(), output: { write: (line) => lines.push(line) } })
})

/** Every test: each line is one JSON object, and holds no canary. */
afterEach(() => {
  expect(lines).not.toEqual([])
  for (const line of lines) {
    expect(line).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(line)).toBeTypeOf('object')
    for (const canary of canaries) expect(line).not.toContain(canary)
  }
})

const last = () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>

describe('the log', () => {
  it('writes JSON lines with a level, a time and a message', () => {
    log.info({ port: 8080, groupId: 'g1', nested: { ok: true, none: null } }, 'listening')
    expect(lines).toEqual([
      '{"level":"info","time":"2026-01-02T00:00:00.000Z","port":8080,"groupId":"g1","nested":{"ok":true,"none":null},"msg":"listening"}\n',
    ])
  })

  it('leaves out what is below its level', () => {
    const quiet = createLog({ level: 'warn', clock: stoppedClock(), output: { write: (line) => lines.push(line) } })
    quiet.info('no')
    quiet.warn('yes')
    expect(lines).toHaveLength(1)
    expect(last()).toMatchObject({ level: 'warn', msg: 'yes' })
  })

  it.each<[name: string, write: () => void]>([
    ['a token', () => log.info({ token })],
    ['a header', () => log.info({ req: { headers: { Authorization: `Bearer ${token}`, cookie: `session=${ticket}` } } })],
    ['a list', () => log.info({ list: [[{ deep: { access_token: token, 'x-refresh-token': ticket } }]] })],
    ['a frame', () => log.debug({ frame })],
    ['a frame as text', () => log.debug({ frame: JSON.stringify(frame) })],
    ['a frame as text within a text', () => log.debug({ outer: JSON.stringify({ inner: JSON.stringify(frame) }) })],
    ['a frame as the message', () => log.debug(JSON.stringify(frame))],
    ['a frame that was cut off', () => log.debug({ frame: JSON.stringify(frame).slice(0, -8) })],
    ['a frame as bytes', () => log.debug({ frame: Buffer.from(JSON.stringify(frame)) })],
    ['a typed array', () => log.debug({ privateKey: new Uint8Array(Buffer.from(key)) })],
    [
      'keys',
      () => log.info({ identityKey: key, signedPreKey: { publicKey: key }, oneTimePreKeys: [{ keyId: 1, publicKey: key }] }),
    ],
    ['a body', () => log.info({ body: { anything: ciphertext } })],
    ['child bindings', () => log.child({ token, deep: { ciphertext } }).info('child')],
    [
      'bindings set later',
      () => {
        const child = log.child({})
        child.setBindings({ ticket })
        child.info('child')
      },
    ],
    ['the message', () => log.info(`refused ${token}`)],
    ['a formatted message', () => log.info('refused %s and %j', `Bearer ${token}`, { ciphertext })],
    ['a header of another kind in the message', () => log.info(`got "authorization: bearer ${ticket}"`)],
    ['an address', () => log.info({ url: `/ws?device=phone&ticket=${ticket}` })],
    ['an address in the message', () => log.info(`GET /ws?ticket=${ticket}&x=1 HTTP/1.1`)],
    ['an address with an escaped name', () => log.info({ url: `/ws?%74icket=${ticket}` })],
    ['an address with a token in capitals', () => log.info({ url: `/ws?TOKEN=${token}` })],
    ['an error', () => log.error(new Error(`cannot verify ${token} of /ws?ticket=${ticket}`))],
    ['members of an error', () => log.error({ err: Object.assign(new Error('refused'), { token, request: { ciphertext } }) })],
    ['the cause of an error', () => log.error({ err: new Error('outer', { cause: new Error(`Bearer ${token}`) }) })],
    ['a Secret', () => log.info({ anything: new Secret(secret), list: [new Secret(secret)] }, String(new Secret(secret)))],
    [
      'a nest deeper than any',
      () => log.info({ nest: Array.from({ length: 40 }).reduce<unknown>((inner) => ({ inner }), ciphertext) }),
    ],
  ])('does not write down %s', (_, write) => {
    write()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/redacted|\[secret\]|bytes\]/)
  })

  it('keeps what is no secret', () => {
    log.info(
      { oneTimePreKeys: 12, keyPackages: 0, url: '/messages/since/0?cursor=abc', hasToken: true, ticket: null },
      'a token?',
    )
    expect(last()).toMatchObject({
      oneTimePreKeys: 12,
      keyPackages: 0,
      url: '/messages/since/0?cursor=abc',
      hasToken: true,
      ticket: null,
      msg: 'a token?',
    })
    log.info({ frame: JSON.stringify(frame) })
    expect(JSON.parse(String(last().frame))).toEqual({ ...frame, ciphertext: '[redacted]' })
  })

  it('cuts long texts', () => {
    log.info({ text: 'eyJ'.repeat(100_000) })
    expect(lines[0]?.length).toBeLessThan(10_000)
  })

  it('of a web server, requests and failures included, is clean', async () => {
    const app = fastify({ loggerInstance: log })
    app.post('/messages', async (request) => {
      request.log.info({ request: request.body }, 'received')
      throw new Error(`cannot store ${JSON.stringify(request.body)} for ${request.headers.authorization}`)
    })
    const answer = await app.inject({
      method: 'POST',
      url: `/messages?token=${token}&ticket=${ticket}`,
      headers: { authorization: `Bearer ${token}` },
      payload: { ...frame, note: 1 },
    })
    await app.close()
    expect(answer.statusCode).toBe(500)
    expect(lines.length).toBeGreaterThanOrEqual(4)
    expect(lines.join('')).toContain('/messages?token=[redacted]&ticket=[redacted]')
  })
})

it('scrubs a line that is not JSON all the same', () => {
  lines.push(redactLine(`{"ticket":"${ticket}`).replace(/^.*$/m, (line) => JSON.stringify({ line })))
  lines.push(`${JSON.stringify({ line: scrub(`wss://h/ws?a=1;ticket=${ticket}#x`) })}\n`)
  expect(last()).toEqual({ line: 'wss://h/ws?a=1;ticket=[redacted]#x' })
})
