import { describe, expect, it } from 'vitest'
import { encodeCbor, utf8Bytes } from './cbor.ts'
import type { Content, Envelope } from './content.ts'
import { decodeEnvelope } from './decode.ts'
import { encodeEnvelope } from './encode.ts'
import { ContentFailure, type ContentFailureReason } from './failure.ts'
import { messageId, messageIdBytes } from './message-id.ts'
import { chanceFrom, randomEnvelope } from './random-content.suite.ts'

const salt = Uint8Array.from({ length: 16 }, (_, index) => index)
const envelope = (content: Content): Envelope => ({ salt, sentAt: 1_700_000_000_000, content })
const id = messageId({ groupId: 'g', senderUserId: 'alice', senderDeviceId: 'a1' }, new Uint8Array([1]))
const idBytes = messageIdBytes(id)
const extensions = new Map<number | string, unknown>([['sotto.sentAt', 1_700_000_000_000]])

/** An envelope of another version: fields as given, the rest as usual. */
function written(fields: { replaces?: unknown; expires?: unknown; inReplyTo?: unknown; extensions?: unknown; part: unknown }) {
  const { replaces = null, expires = null, inReplyTo = null, part } = fields
  return encodeCbor([salt, replaces, new Uint8Array(0), expires, inReplyTo, fields.extensions ?? extensions, part])
}

function reasonOf(bytes: Uint8Array): ContentFailureReason | 'read' {
  try {
    decodeEnvelope(bytes)
    return 'read'
  } catch (error) {
    if (error instanceof ContentFailure) return error.reason
    throw error
  }
}

describe('round trip', () => {
  it('gives back 5,000 random envelopes, in the same bytes', () => {
    const chance = chanceFrom(1)
    for (let index = 0; index < 5_000; index += 1) {
      const original = randomEnvelope(chance)
      const bytes = encodeEnvelope(original)
      const read = decodeEnvelope(bytes)
      expect(read).toEqual(original)
      expect(encodeEnvelope(read)).toEqual(bytes)
    }
  })

  it('does not depend on the order in which members were written', () => {
    const poll = (data: unknown) => encodeEnvelope(envelope({ kind: 'custom', custom: { type: 'a/b', data } }))
    expect(poll({ bb: 1, a: [2] })).toEqual(poll({ a: [2], bb: 1 }))
  })

  it('keeps what JSON keeps: -0 becomes 0', () => {
    const read = decodeEnvelope(encodeEnvelope(envelope({ kind: 'custom', custom: { type: 'a/b', data: -0 } })))
    expect(read.content).toEqual({ kind: 'custom', custom: { type: 'a/b', data: 0 } })
  })
})

describe('other versions', () => {
  const single = (mediaType: string, content: Uint8Array, as = 1) => [as, '', 1, mediaType, content]

  it('reads a media type it does not know as unknown', () => {
    const bytes = written({ part: single('application/x-new', new Uint8Array([7])) })
    expect(decodeEnvelope(bytes).content).toEqual({ kind: 'unknown', mediaType: 'application/x-new', bytes: new Uint8Array([7]) })
  })

  it('reads a known media type however it is spelt', () => {
    expect(decodeEnvelope(written({ part: single('Text/Plain; charset=UTF-8', utf8Bytes('hi'), 9) })).content).toEqual({
      kind: 'text',
      text: 'hi',
    })
  })

  it('reads external parts and unknown combinations as unknown', () => {
    const external = written({ part: [1, '', 2, 'image/png', 'https://example.org', 0, 9] })
    expect(decodeEnvelope(external).content).toMatchObject({ kind: 'unknown', mediaType: 'image/png' })
    const text = single('text/plain;charset=utf-8', utf8Bytes('hi'))
    for (const [semantics, mediaType] of [
      [0, 'multipart/alternative'],
      [1, 'multipart/related'],
      [2, 'multipart/mixed'],
      [7, 'multipart/mixed'],
    ]) {
      const multi = written({ part: [1, '', 3, semantics, [text, text]] })
      expect(decodeEnvelope(multi).content).toMatchObject({ kind: 'unknown', mediaType })
    }
  })

  it('reads a reaction that is taken away the draft’s way as unknown', () => {
    expect(decodeEnvelope(written({ replaces: idBytes, part: [2, '', 0] })).content.kind).toBe('unknown')
  })

  it('passes over unknown extensions, members and statuses', () => {
    const more = new Map([...extensions, [1, 'im:alice@example.org'], ['vnd.other', [1, new Map([[2, 'x']])]]])
    const state = single('application/vnd.sotto.state+cbor', encodeCbor({ revision: 2, name: 'T', colour: 'red' }))
    expect(decodeEnvelope(written({ extensions: more, part: state })).content).toEqual({ kind: 'state', revision: 2, name: 'T' })
    const statuses = [1, 2, 3, 77].map((status) => [idBytes, status])
    const report = single('application/vnd.sotto.message-status+cbor', encodeCbor(statuses))
    expect(decodeEnvelope(written({ part: report })).content).toEqual({ kind: 'receipt', delivered: [id], read: [id] })
  })

  it('says that the structure itself is newer', () => {
    const text = single('text/plain;charset=utf-8', utf8Bytes('hi'))
    expect(reasonOf(encodeCbor([salt, null, new Uint8Array(0), null, null, extensions, text, 1]))).toBe('unsupported')
    expect(reasonOf(written({ part: [1, '', 4, 'a'] }))).toBe('unsupported')
    expect(reasonOf(written({ expires: [true, 5], part: text }))).toBe('unsupported')
    expect(reasonOf(written({ inReplyTo: Uint8Array.from(idBytes).fill(2, 0, 1), part: text }))).toBe('unsupported')
  })

  it('lets emoji pass that it cannot segment, and refuses to send them', () => {
    const two = single('text/plain;charset=utf-8', utf8Bytes('👍👍'), 2)
    expect(decodeEnvelope(written({ inReplyTo: idBytes, part: two })).content).toEqual({
      kind: 'reaction',
      to: id,
      emoji: '👍👍',
    })
    expect(() => encodeEnvelope(envelope({ kind: 'reaction', to: id, emoji: '👍👍' }))).toThrow('one emoji')
  })
})

describe('malformed envelopes', () => {
  const text = [1, '', 1, 'text/plain;charset=utf-8', utf8Bytes('hi')]
  const custom = (value: unknown) => [1, '', 1, 'application/vnd.sotto.custom+cbor', encodeCbor(value)]
  const own = (kind: string, value: unknown) => [0, '', 1, `application/vnd.sotto.${kind}+cbor`, encodeCbor(value)]
  const deep = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => [inner], 0)
  const without = (key: string) => new Map([...extensions].filter(([name]) => name !== key))
  const cases: Record<string, Uint8Array> = {
    nothing: new Uint8Array(0),
    'no array': encodeCbor({}),
    'too few fields': encodeCbor([salt]),
    'short salt': encodeCbor([new Uint8Array(15), null, new Uint8Array(0), null, null, extensions, text]),
    'no clock': written({ extensions: without('sotto.sentAt'), part: text }),
    'a clock of text': written({ extensions: new Map([...extensions, ['sotto.sentAt', '1']]), part: text }),
    'a clock that no Date can say': written({ extensions: new Map([...extensions, ['sotto.sentAt', 2 ** 53 - 1]]), part: text }),
    'half an id': written({ inReplyTo: idBytes.subarray(1), part: text }),
    'a null part about nothing': written({ part: [1, '', 0] }),
    'a reaction to nothing': written({ part: [2, '', 1, 'text/plain;charset=utf-8', utf8Bytes('x')] }),
    'a reaction too long': written({
      inReplyTo: idBytes,
      part: [2, '', 1, 'text/plain;charset=utf-8', utf8Bytes('x'.repeat(65))],
    }),
    'a text too long': written({ part: [1, '', 1, 'text/plain;charset=utf-8', utf8Bytes('x'.repeat(65_537))] }),
    'a text that is not UTF-8': written({ part: [1, '', 1, 'text/plain;charset=utf-8', new Uint8Array([0xff])] }),
    'a text with an encoded surrogate': written({
      part: [1, '', 1, 'text/plain;charset=utf-8', new Uint8Array([0xed, 0xa0, 0x80])],
    }),
    'a body that is no CBOR': written({ part: [0, '', 1, 'application/vnd.sotto.state+cbor', new Uint8Array([0xff])] }),
    'a state without revision': written({ part: own('state', { name: 'x' }) }),
    'a name too long': written({ part: own('state', { revision: 1, name: 'x'.repeat(257) }) }),
    'a sync without data': written({ part: own('sync', { name: 'x' }) }),
    'too many receipts': written({
      part: own(
        'message-status',
        Array.from({ length: 201 }, () => [idBytes, 1]),
      ),
    }),
    'a receipt without id': written({ part: own('message-status', [[null, 1]]) }),
    'a custom part without type': written({ part: custom({ data: 1 }) }),
    'a custom part without data': written({ part: custom({ type: 'a/b' }) }),
    'custom bytes': written({ part: custom({ type: 'a/b', data: salt }) }),
    'a custom key of a number': written({ part: custom({ type: 'a/b', data: new Map([[1, 2]]) }) }),
    'a custom prototype': written({ part: custom({ type: 'a/b', data: new Map([['__proto__', new Map()]]) }) }),
    'custom data too deep': written({ part: custom({ type: 'a/b', data: deep(17) }) }),
    'an extension too deep': written({ extensions: new Map([...extensions, ['x', deep(40)]]), part: text }),
    'more than a mebibyte': written({ part: [1, '', 1, 'image/png', new Uint8Array(1_048_576)] }),
  }

  it.each(Object.keys(cases))('refuses %s', (name) => {
    expect(reasonOf(cases[name] as Uint8Array)).toBe('malformed')
  })

  it('would read what the cases are made of', () => {
    expect(reasonOf(written({ part: text }))).toBe('read')
    expect(reasonOf(written({ part: custom({ type: 'a/b', data: deep(16) }) }))).toBe('read')
    expect(reasonOf(written({ part: own('state', { revision: 1, name: 'x' }) }))).toBe('read')
    expect(reasonOf(written({ part: own('message-status', [[idBytes, 1]]) }))).toBe('read')
  })

  it('answers every cut and every changed byte with an envelope or a ContentFailure', () => {
    const chance = chanceFrom(7)
    let refused = 0
    for (let index = 0; index < 4_000; index += 1) {
      const bytes = encodeEnvelope(randomEnvelope(chance))
      const at = chance.integer(bytes.length)
      const damaged = chance.flip() ? bytes.subarray(0, at) : bytes.with(at, chance.integer(256))
      if (reasonOf(damaged) !== 'read') refused += 1
    }
    expect(refused).toBeGreaterThan(2_000)
  })
})
