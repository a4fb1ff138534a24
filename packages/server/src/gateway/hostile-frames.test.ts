import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Peer } from './test-peer.suite.ts'
import { type Relay, startRelay } from './test-relay.suite.ts'

let relay: Relay
let hostile: Peer
let good: { readonly sender: Peer; readonly receiver: Peer }
let checks = 0

beforeAll(async () => {
  relay = await startRelay({ limits: { SENDS_BURST: 100_000, REQUESTS_BURST: 100_000, USER_SOCKETS: 1_000 } })
  good = { sender: await relay.peer('gil'), receiver: await relay.peer('hal') }
  hostile = await relay.peer('mallory')
})
afterAll(() => relay.close())

/** Whatever was sent: the server answers, others send and receive, and nothing was taken for a fault of the server. */
afterEach(async () => {
  expect(await relay.call('GET /health')).toEqual({ status: 'ok' })
  const id = `check-${++checks}`
  await good.sender.message('hal', id)
  expect(await good.receiver.take('msg')).toMatchObject({ id })
  expect(relay.logged.filter((line) => !line.includes('"level":"info"'))).toEqual([])
  if (hostile.ws.readyState !== hostile.ws.OPEN) hostile = await relay.peer('mallory')
  expect(await hostile.flushed()).toEqual([])
})

const msg = (members: object) => JSON.stringify({ type: 'msg', to: 'hal-2', scope: 'direct', ciphertext: 'x', ...members })
/** JSON that `JSON.stringify` would not write. */
const raw = (members: string) => `{"type":"msg","to":"hal-2","scope":"direct","ciphertext":"x",${members}}`

const unreadable: readonly [what: string, frame: string][] = [
  ['nothing', ''],
  ['a space', ' '],
  ['an open brace', '{'],
  ['a closed brace', '}'],
  ['half a frame', '{"type":"ping"'],
  ['two frames', '{"type":"ping"}{"type":"ping"}'],
  ['a trailing comma', '{"type":"ping",}'],
  ['single quotes', "{'type':'ping'}"],
  ['a comment', '{"type":"ping"/**/}'],
  ['no JSON', 'ping'],
  ['NaN', 'NaN'],
  ['null', 'null'],
  ['true', 'true'],
  ['a number', '0'],
  ['a number that is none', '1e400'],
  ['a text', '"ping"'],
  ['an array', '[]'],
  ['an array of frames', '[{"type":"ping"}]'],
  ['a byte order mark', '\ufeff{"type":"ping"}'],
  ['a zero', '\0'],
  ['a zero in a text', '{"type":"pi\0ng"}'],
  ['deep arrays', `${'['.repeat(95_000)}${']'.repeat(95_000)}`],
  ['deep arrays that do not end', '['.repeat(190_000)],
  ['deep objects', `${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}`],
  ['an empty object', '{}'],
  ['a type that is null', '{"type":null}'],
  ['a type that is a number', '{"type":5}'],
  ['a type that is a list', '{"type":["ping"]}'],
  ['an empty type', '{"type":""}'],
  ['a type in capitals', '{"type":"PING"}'],
  ['a type of the server', '{"type":"welcome"}'],
  ['an unknown type', '{"type":"subscribe"}'],
  ['a type that every object has', '{"type":"toString"}'],
  ['the type constructor', '{"type":"constructor"}'],
  ['the type __proto__', '{"type":"__proto__"}'],
  ['a type that is inherited', '{"__proto__":{"type":"ping"}}'],
  ['a type in a constructor', '{"constructor":{"prototype":{"type":"ping"}}}'],
]

describe('what cannot be read', () => {
  test.each(unreadable)('%s is a bad frame', async (_, frame) => {
    expect(await hostile.refusal(frame)).toEqual({ type: 'error', code: 'bad_frame', message: expect.any(String) })
  })

  test('a binary frame is a bad frame, whatever it holds', async () => {
    hostile.ws.send(Buffer.from('{"type":"ping"}'))
    expect(await hostile.pick('error')).toMatchObject({ code: 'bad_frame' })
  })

  test('three times in a row closes the socket; with something readable in between it does not', async () => {
    for (let i = 0; i < 6; i++) {
      await hostile.refusal('x')
      if (i % 2 === 1) await hostile.refusal('{"type":"ping","unknown":1}')
    }
    const answers = [await hostile.refusal('x'), await hostile.refusal(''), await hostile.refusal('[]')]
    expect(answers.map(({ code }) => code)).toEqual(['bad_frame', 'bad_frame', 'bad_frame'])
    expect(await hostile.closed).toEqual({ code: 4400, reason: 'bad_frame' })
  })
})

const wrong: readonly [what: string, frame: string][] = [
  ['a ping with more', '{"type":"ping","x":1}'],
  ['a ping with a prototype', '{"type":"ping","__proto__":{"x":1}}'],
  ['a ping with a constructor', '{"type":"ping","constructor":{}}'],
  ['a message with nothing', '{"type":"msg"}'],
  ['a sender of one’s choice', msg({ from: 'gil' })],
  ['a sending device of one’s choice', msg({ fromDevice: 'x' })],
  ['a position of one’s choice', msg({ seq: 1, mailbox: 'u1' })],
  ['no recipient', msg({ to: undefined })],
  ['an empty recipient', msg({ to: '' })],
  ['a recipient that is null', msg({ to: null })],
  ['a recipient that is a number', msg({ to: 7 })],
  ['a list of recipients', msg({ to: ['hal', 'gil'] })],
  ['a recipient that is an object', msg({ to: { toString: 'hal' } })],
  ['a long recipient', msg({ to: 'x'.repeat(129) })],
  ['a recipient with a line end', msg({ to: 'hal\n' })],
  ['a recipient with a zero', msg({ to: 'hal\0' })],
  ['a recipient with half a character', raw('"to":"\\ud800"')],
  ['no scope', msg({ scope: undefined })],
  ['an unknown scope', msg({ scope: 'all' })],
  ['two scopes', msg({ scope: ['direct', 'group'] })],
  ['no ciphertext', msg({ ciphertext: undefined })],
  ['an empty ciphertext', msg({ ciphertext: '' })],
  ['a ciphertext that is null', msg({ ciphertext: null })],
  ['a ciphertext that is an object', msg({ ciphertext: { a: { b: [] } } })],
  ['a ciphertext with half a character', raw('"ciphertext":"a\\udfffb"')],
  ['an empty id', msg({ id: '' })],
  ['a long id', msg({ id: 'x'.repeat(65) })],
  ['an id that is a number', msg({ id: 1 })],
  ['an id with a control character', msg({ id: 'a\u0085b' })],
  ['an id with half a character', raw('"id":"\\udc00"')],
  ['a content type that is none', msg({ contentType: 'text' })],
  ['a content type with a line end', msg({ contentType: 'text/plain\r\nx: y' })],
  ['a long content type', msg({ contentType: `a/${'x'.repeat(255)}` })],
  ['a time before all time', msg({ timestamp: -1 })],
  ['a time between', msg({ timestamp: 1.5 })],
  ['a time as text', msg({ timestamp: '1710000000000' })],
  ['a time beyond all numbers', raw('"timestamp":1e400')],
  ['a time that numbers cannot tell', raw('"timestamp":9007199254740993')],
  ['a time that is null', msg({ timestamp: null })],
  ['no time to live', msg({ expiresInMs: 0 })],
  ['less than no time to live', msg({ expiresInMs: -1 })],
  ['a part of a millisecond to live', msg({ expiresInMs: 0.5 })],
  ['endless time to live', raw('"expiresInMs":1e999')],
  ['an empty device', msg({ device: '' })],
  ['a device above', msg({ device: '../x' })],
  ['a long device', msg({ device: 'x'.repeat(65) })],
  ['a device that is null', msg({ device: null })],
  ['one device of a group', msg({ scope: 'group', to: 'g', device: 'phone' })],
  ['a signal with an id', JSON.stringify({ type: 'signal', id: 'x', to: 'hal', scope: 'direct', ciphertext: 'x' })],
  ['a signal with nothing', JSON.stringify({ type: 'signal', to: 'hal', scope: 'direct', ciphertext: '' })],
  ['a hello of many bytes', JSON.stringify({ type: 'hello', token: 'x'.repeat(8_193) })],
  ['a hello with a number', '{"type":"hello","token":1}'],
  [
    'many unknown members',
    JSON.stringify(Object.fromEntries([['type', 'ping'], ...Array.from({ length: 9_000 }, (_, i) => [`k${i}`, i])])),
  ],
  ['an unknown member of many bytes', JSON.stringify({ type: 'ping', ['x'.repeat(150_000)]: 1 })],
]

describe('what is wrong', () => {
  test.each(wrong)('%s is refused in few words', async (_, frame) => {
    const answer = await hostile.refusal(frame)
    expect(answer).toMatchObject({ code: 'bad_request' })
    expect(JSON.stringify(answer).length).toBeLessThan(600)
  })

  test('a refusal names the message that it refuses, where it could be read', async () => {
    expect(await hostile.refusal(msg({ id: 'mine', to: 'g', scope: 'group', device: 'x' }))).toMatchObject({ id: 'mine' })
  })

  test('nothing of all that was delivered', async () => {
    const { messages } = await relay.call('GET /messages/since/:timestamp', { as: 'hal-2', params: { timestamp: 0 } })
    expect(messages).toEqual([])
  })
})

describe('what is too large', () => {
  test.each([
    ['ASCII', 'x'.repeat(131_073)],
    ['two bytes', 'é'.repeat(65_537)],
    ['as much as a frame holds', 'x'.repeat(196_000)],
  ])('a ciphertext of %s is refused, and the socket lives', async (_, ciphertext) => {
    expect(await hostile.refusal(msg({ id: 'large', ciphertext }))).toMatchObject({
      id: 'large',
      code: 'too_large',
      limit: 'CIPHERTEXT_BYTES',
    })
  })

  test.each([196_609, 10_000_000])('a frame of %i bytes closes the socket', async (bytes) => {
    hostile.ws.send('x'.repeat(bytes))
    expect(await hostile.pick('error')).toMatchObject({ code: 'too_large', limit: 'FRAME_BYTES' })
    expect(await hostile.closed).toEqual({ code: 4413, reason: 'too_large' })
  })

  test('a ciphertext of just so many bytes is not', async () => {
    const receiver = await relay.peer('ivy')
    for (const ciphertext of ['x'.repeat(131_072), 'é'.repeat(65_536), '\u2028'.repeat(40_000)]) {
      await hostile.message('ivy', `fits-${ciphertext.length}`, { ciphertext })
      expect((await receiver.take('msg')).ciphertext === ciphertext).toBe(true)
    }
  })
})

describe('what is odd, and right', () => {
  const odd = [
    '__proto__',
    'constructor',
    'toString',
    'a/b',
    'a/b/default',
    '"',
    '\\',
    '</script>',
    ' ',
    '😀',
    '\u2028',
    'ﷺ'.repeat(128),
    '%2f',
    '*',
    'null',
  ]

  test.each(odd.map((userId) => [userId]))('the user %j gets its messages, and nobody else does', async (userId) => {
    const receiver = await relay.peer(userId)
    const { mailbox } = await hostile.message(userId, `to-${odd.indexOf(userId)}`, { ciphertext: userId })
    expect(await receiver.take('msg')).toMatchObject({ mailbox, to: userId, ciphertext: userId })
    const reply = await receiver.message('mallory', `from-${odd.indexOf(userId)}`)
    expect(await hostile.pick('msg')).toMatchObject({ from: userId, mailbox: reply.mailbox })
    await receiver.close()
  })

  test('times of any age are passed on as they are', async () => {
    const receiver = await relay.peer('jon')
    for (const timestamp of [0, 1, 253_402_300_800_000, Number.MAX_SAFE_INTEGER]) {
      await hostile.message('jon', `at-${timestamp}`, { timestamp })
      expect(await receiver.take('msg')).toMatchObject({ timestamp, receivedAt: relay.clock.now() })
    }
    await hostile.message('jon', 'long', { expiresInMs: Number.MAX_SAFE_INTEGER })
    expect(await receiver.take('msg')).toMatchObject({ id: 'long' })
  })

  test('of two members of one name the last counts, for everybody', async () => {
    const receiver = await relay.peer('kim')
    hostile.ws.send(
      '{"type":"msg","id":"twice","to":"hal-2","scope":"direct","ciphertext":"first","ciphertext":"last","to":"kim"}',
    )
    await hostile.pick('accepted')
    expect(await receiver.take('msg')).toMatchObject({ to: 'kim', ciphertext: 'last' })
  })

  test('groups and devices that do not exist', async () => {
    for (const to of ['g', '__proto__', 'x'.repeat(64)]) {
      expect(await hostile.refusal(msg({ scope: 'group', to }))).toMatchObject({ code: 'not_member' })
    }
    expect(await hostile.refusal(msg({ scope: 'group', to: 'gil is no group id' }))).toMatchObject({ code: 'not_member' })
    expect(await hostile.refusal(msg({ device: '__proto__' }))).toMatchObject({ code: 'not_found' })
  })
})
