import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { SottoError } from './errors.ts'
import { clientFrames } from './frames.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { parse, parseClientFrame } from './parse.ts'
import { routeNames, routes } from './routes.ts'

/** The refusal of a call, which must be one of the table. */
function refusalOf(act: () => unknown): SottoError {
  try {
    act()
  } catch (error) {
    if (error instanceof SottoError) return error
    throw error
  }
  throw new Error('it was not refused')
}

const refusalOfFrame = (text: string) => refusalOf(() => parseClientFrame(text))

const msg = { type: 'msg', id: 'm-1', to: 'bob', scope: 'direct', ciphertext: 'c2VjcmV0' }
const samples: Record<keyof typeof clientFrames, Record<string, unknown>> = {
  hello: { type: 'hello', token: 'a.b.c', device: 'phone' },
  msg: { ...msg, contentType: 'text/plain; charset=utf-8', timestamp: 1, device: 'phone', expiresInMs: 1 },
  ack: { type: 'ack', mailbox: 'u2', seq: 1 },
  signal: { type: 'signal', to: 'bob', scope: 'direct', ciphertext: 'c2VjcmV0' },
  ping: { type: 'ping' },
}

/** A text with a member more, which no object literal could hold (`__proto__`, duplicates). */
const withMember = (frame: object, member: string) => `${JSON.stringify(frame).slice(0, -1)},${member}}`

describe('frames that are right', () => {
  test.each(Object.entries(samples))('%s with every member', (type, sample) => {
    const frame = clientFrames[type as keyof typeof clientFrames]
    expect(Object.keys(sample).sort()).toEqual(Object.keys(frame.shape).sort())
    expect(parseClientFrame(JSON.stringify(sample))).toEqual(sample)
  })

  test('the request of the first documentation, as it stands there', () => {
    const seed = { ...msg, id: 'uuid', contentType: 'application/octet-stream', timestamp: 1_710_000_000_000 }
    expect(parseClientFrame(JSON.stringify(seed))).toEqual(seed)
  })

  test('ids at the ends of their ranges', () => {
    for (const id of ['x', 'x'.repeat(64), '😀', 'né', ' '])
      expect(parseClientFrame(JSON.stringify({ ...msg, id }))).toMatchObject({ id })
    for (const to of ['x', 'x'.repeat(128), '–', 'a b'])
      expect(parseClientFrame(JSON.stringify({ ...msg, to }))).toMatchObject({ to })
    const seq = Number.MAX_SAFE_INTEGER
    expect(parseClientFrame(JSON.stringify({ type: 'ack', mailbox: 'z'.repeat(32), seq }))).toMatchObject({ seq })
  })
})

describe('texts that are no frame', () => {
  test.each([
    '',
    ' ',
    'x',
    '{',
    '{}}',
    '{"type":"ping"}{"type":"ping"}',
    "{'type':'ping'}",
    '{"type":"ping",}',
    '\ufeff{"type":"ping"}',
    '\u0000',
    '{"type":"pi\u0000ng"}',
    '{"type":"ping"}\u0000',
    '{"type":NaN}',
  ])('%j is not JSON', (text) => {
    expect(refusalOfFrame(text)).toMatchObject({ code: 'bad_frame', message: 'the frame is not JSON' })
  })

  test.each(['null', '1', '1e400', '"ping"', 'true', '[]', '[{"type":"ping"}]'])('%s is not an object', (text) => {
    expect(refusalOfFrame(text)).toMatchObject({ code: 'bad_frame', message: 'the frame is not a JSON object' })
  })

  const types = [
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '__proto__',
    'prototype',
    '',
    'MSG',
    'msg ',
    'accepted',
    'welcome',
  ]
  test.each(types)('type %j is unknown', (type) => {
    expect(refusalOfFrame(JSON.stringify({ type }))).toMatchObject({
      code: 'bad_frame',
      message: 'the frame has no known `type`',
    })
  })

  test.each(['null', '1', 'true', '[]', '["ping"]', '{}', '{"toString":"ping"}'])('type %s is no type', (type) => {
    expect(refusalOfFrame(`{"type":${type}}`)).toMatchObject({ code: 'bad_frame' })
    expect(refusalOfFrame('{}')).toMatchObject({ code: 'bad_frame' })
  })

  test('a type that is inherited is no type', () => {
    expect(refusalOfFrame('{"__proto__":{"type":"ping"}}').code).toBe('bad_frame')
  })

  test('a cut frame is not JSON, wherever it is cut', () => {
    const text = JSON.stringify(samples.msg)
    for (let end = 0; end < text.length; end++) expect(refusalOfFrame(text.slice(0, end)).code).toBe('bad_frame')
  })
})

describe('members', () => {
  const values: Record<string, unknown> = {
    null: null,
    boolean: true,
    string: 'x',
    integer: 1,
    number: 1.5,
    array: [],
    object: {},
  }

  function typesOf(schema: JsonSchema): string[] {
    return schema.anyOf ? schema.anyOf.flatMap(typesOf) : [String(schema.type)]
  }

  const wrong = Object.entries(clientFrames).flatMap(([type, schema]) =>
    Object.entries(jsonSchemaOf(schema, 'input').properties ?? {}).flatMap(([member, memberSchema]) =>
      Object.entries(values)
        .filter(([kind]) => member !== 'type' && !typesOf(memberSchema).includes(kind))
        .map(([kind, value]) => ({ type: type as keyof typeof samples, member, kind, value })),
    ),
  )

  test('of each wrong type are refused by name, in each frame', () => {
    expect(wrong.length).toBeGreaterThan(80)
    for (const { type, member, value } of wrong) {
      const refusal = refusalOfFrame(JSON.stringify({ ...samples[type], [member]: value }))
      expect(refusal).toMatchObject({ code: 'bad_request' })
      expect(refusal.message).toMatch(new RegExp(`^${member}: `))
    }
  })

  const requiredOf = (type: string) => jsonSchemaOf(clientFrames[type as keyof typeof clientFrames], 'input').required ?? []

  test.each(Object.entries(samples))('that %s requires are missed, the others are not', (type, sample) => {
    for (const member of Object.keys(sample)) {
      const { [member]: _, ...rest } = sample
      const text = JSON.stringify(rest)
      if (member === 'type') expect(refusalOfFrame(text).code).toBe('bad_frame')
      else if (requiredOf(type).includes(member)) expect(refusalOfFrame(text).message).toMatch(new RegExp(`^${member}: `))
      else expect(parseClientFrame(text)).toEqual(rest)
    }
  })

  const unknown = ['x', 'from', 'constructor', 'toString', 'prototype', '__proto__', 'hasOwnProperty', '', 'Type', 'type ']
  test.each(unknown)('%j is unknown in every frame', (name) => {
    for (const sample of Object.values(samples)) {
      for (const value of ['1', '{}', '{"type":"ping"}', 'null']) {
        const refusal = refusalOfFrame(withMember(sample, `${JSON.stringify(name)}:${value}`))
        expect(refusal).toMatchObject({ code: 'bad_request', message: `unknown member ${JSON.stringify(name)}` })
      }
    }
    expect(({} as Record<string, unknown>).type).toBeUndefined()
  })

  test('given twice: the last one counts, as everywhere in JSON', () => {
    expect(parseClientFrame(withMember(samples.ack, '"seq":2'))).toMatchObject({ seq: 2 })
    expect(refusalOfFrame(withMember(samples.ack, '"seq":"2"')).message).toMatch(/^seq: /)
    expect(refusalOfFrame(withMember(samples.ping, '"type":"ack"')).message).toMatch(/^mailbox: /)
  })

  test.each(['1e400', '-1e400', '1e308', '1.5', '0', '-1', '-0', '9007199254740992', '1e21', '"1"'])(
    'seq %s is refused',
    (seq) => {
      expect(refusalOfFrame(`{"type":"ack","mailbox":"u1","seq":${seq}}`)).toMatchObject({ code: 'bad_request' })
    },
  )

  test.each(['', 'x'.repeat(65), 'a\u0000', 'a\n', '\u007f', '\u0085', '\ud800', 'a\udc00b'])('id %j is refused', (id) => {
    expect(refusalOfFrame(JSON.stringify({ ...msg, id })).message).toMatch(/^id: /)
  })

  test.each(['', 'x'.repeat(129), 'a\u0000', '\ud800'])('recipient %j is refused', (to) => {
    for (const frame of [msg, samples.signal]) expect(refusalOfFrame(JSON.stringify({ ...frame, to })).message).toMatch(/^to: /)
  })

  test.each(['', 'x'.repeat(65), 'a b', 'a/b', 'ä', '*', 'a\n'])('device %j is refused', (device) => {
    expect(refusalOfFrame(JSON.stringify({ ...msg, device })).message).toMatch(/^device: /)
    expect(refusalOfFrame(JSON.stringify({ type: 'hello', device })).message).toMatch(/^device: /)
  })

  test.each(['', 'U1', 'u-1', 'x'.repeat(33), '../u1', 'u1\n'])('mailbox %j is refused', (mailbox) => {
    expect(refusalOfFrame(JSON.stringify({ type: 'ack', mailbox, seq: 1 })).message).toMatch(/^mailbox: /)
  })

  test.each(['', 'text', 'text/', '/plain', 'text/plain\r\nx: y', `text/${'x'.repeat(251)}`, 'a b/c'])(
    'contentType %j is refused',
    (contentType) => {
      expect(refusalOfFrame(JSON.stringify({ ...msg, contentType })).message).toMatch(/^contentType: /)
    },
  )

  test('a ciphertext may hold anything but lone surrogates, raw or escaped, and is kept as it is', () => {
    for (const ciphertext of ['\u0000', '\u2028', '😀', '\ufffd', '"}\\', 'x'.repeat(200_000)]) {
      expect(parseClientFrame(JSON.stringify({ ...msg, ciphertext }))).toMatchObject({ ciphertext })
    }
    for (const lone of ['\\ud800', '\ud800', 'a\\udfffb', '\\udc00\\ud800', '\udc00']) {
      const refusal = refusalOfFrame(`{"type":"msg","to":"bob","scope":"direct","ciphertext":"${lone}"}`)
      expect(refusal).toMatchObject({ code: 'bad_request', message: 'ciphertext: ciphertext must have no lone surrogates' })
    }
    const pair = parseClientFrame('{"type":"msg","to":"bob","scope":"direct","ciphertext":"\\ud83d\\ude00"}')
    expect(pair).toMatchObject({ ciphertext: '😀' })
  })
})

describe('depth', () => {
  const deep = 100_000
  const arrays = '['.repeat(deep) + ']'.repeat(deep)
  const objects = `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`

  test('of 100,000 arrays or objects is refused like anything else', () => {
    expect(refusalOfFrame(arrays).code).toBe('bad_frame')
    expect(refusalOfFrame(objects).code).toBe('bad_frame')
    expect(refusalOfFrame('['.repeat(deep)).code).toBe('bad_frame')
    expect(refusalOfFrame('{"type":'.repeat(deep)).code).toBe('bad_frame')
  })

  test('of 100,000 inside of a member is refused by its name', () => {
    for (const value of [arrays, objects]) {
      for (const member of ['id', 'to', 'scope', 'ciphertext', 'timestamp']) {
        expect(refusalOfFrame(withMember(msg, `"${member}":${value}`)).message).toMatch(new RegExp(`^${member}: `))
      }
      expect(refusalOfFrame(withMember(msg, `"x":${value}`)).message).toBe('unknown member "x"')
    }
  })

  test('is refused in the bodies of all routes too', () => {
    const values = [arrays, objects].map((text): unknown => JSON.parse(text))
    for (const name of routeNames) {
      const route = routes[name]
      if (!('body' in route)) continue
      for (const value of values) {
        expect(refusalOf(() => parse(route.body, value)).code).toBe('bad_request')
        for (const member of Object.keys(jsonSchemaOf(route.body, 'input').properties ?? {})) {
          expect(refusalOf(() => parse(route.body, { [member]: value })).code).toBe('bad_request')
        }
      }
    }
  })
})

describe('what an error says', () => {
  const secret = 'TOP-SECRET'
  const long = secret.repeat(10_000)

  test('is short, and never the value', () => {
    for (const [type, sample] of Object.entries(samples)) {
      for (const member of Object.keys(sample)) {
        if (member === 'type') continue
        for (const value of [long, { [long]: long }, [long], { type: long, keyId: long }]) {
          if (value === long && member === 'ciphertext') continue
          const { message } = refusalOfFrame(JSON.stringify({ ...samples[type as keyof typeof samples], [member]: value }))
          expect(message).not.toContain(secret)
          expect(message.length).toBeLessThanOrEqual(256)
        }
      }
    }
  })

  test('names an unknown member by its beginning at most, and one of many', () => {
    const { message } = refusalOfFrame(withMember(samples.ping, `"${long}":1`))
    expect(message).toMatch(/^unknown member "(TOP-SECRET)+T?O?P?.*…"$/)
    expect(message.length).toBeLessThanOrEqual(96)
    const many = Array.from({ length: 5_000 }, (_, number) => `"k${number}":1`).join()
    expect(refusalOfFrame(withMember(samples.ping, many)).message).toBe('unknown member "k0"')
  })

  test('is well-formed text whatever an unknown member is called', () => {
    const names = [`${'x'.repeat(62)}😀${'y'.repeat(100)}`, '\\ud800', `${'\\udc00'.repeat(80)}`, '\\u0000\\u001b[2J']
    for (const name of names) {
      const { message } = refusalOfFrame(withMember(samples.ping, `"${name}":1`))
      expect(message.isWellFormed()).toBe(true)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
      expect(message).not.toMatch(/[\u0000-\u001f]/)
    }
  })

  test('names the way to what is wrong, also inside of alternatives', () => {
    const identity = routes['POST /keys/identity'].body
    const key = 'k'.repeat(32)
    const wrong = { identityKey: key, signedPreKey: { keyId: 1, publicKey: key, signature: 5 } }
    expect(refusalOf(() => parse(identity, wrong)).message).toMatch(/^signedPreKey\.signature: .*string/)
    const unknown = { identityKey: key, signedPreKey: { keyId: 1, publicKey: key, signature: 'x', [long]: 1 } }
    expect(refusalOf(() => parse(identity, unknown)).message).toMatch(/^signedPreKey: unknown member "TOP/)
    const many = {
      oneTimePreKeys: [
        { keyId: 1, publicKey: key },
        { keyId: {}, publicKey: key },
      ],
    }
    expect(refusalOf(() => parse(routes['POST /keys/prekeys'].body, many)).message).toMatch(/^oneTimePreKeys\.1\.keyId: /)
  })

  test('is short also where the sender chose the way to it', () => {
    const byName = z.record(z.string(), z.int())
    const { message } = refusalOf(() => parse(byName, { [long]: 'x' }))
    expect(message.length).toBeLessThanOrEqual(256)
  })
})

/** A small generator of chance that is the same for the same seed (mulberry32). */
function chanceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('20,000 damaged frames are each a frame or a refusal, never anything else', () => {
  const chance = chanceOf(20_260_101)
  const pick = <item>(items: readonly item[]): item => items[Math.floor(chance() * items.length)] as item
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '\\',
    '\\u',
    'null',
    '1e999',
    '-',
    '__proto__',
    '\ud800',
    '\u0000',
    '😀',
    '"type":"msg"',
  ]
  const texts = Object.values(samples).map((sample) => JSON.stringify(sample))
  const counts = { accepted: 0, bad_frame: 0, bad_request: 0 }
  for (let round = 0; round < 20_000; round++) {
    let text = pick(texts)
    for (let changes = Math.floor(chance() * 4); changes > 0; changes--) {
      const at = Math.floor(chance() * text.length)
      text = text.slice(0, at) + (chance() < 0.6 ? pick(pieces) : '') + text.slice(at + Math.floor(chance() * 3))
    }
    try {
      const frame = parseClientFrame(text)
      expect(Object.hasOwn(clientFrames, frame.type)).toBe(true)
      counts.accepted++
    } catch (error) {
      if (!(error instanceof SottoError)) throw new Error(`seed round ${round}: ${JSON.stringify(text)}`, { cause: error })
      expect(error.message.length).toBeLessThanOrEqual(256)
      counts[error.code as 'bad_frame' | 'bad_request']++
    }
  }
  expect(counts.accepted + counts.bad_frame + counts.bad_request).toBe(20_000)
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(100)
})
