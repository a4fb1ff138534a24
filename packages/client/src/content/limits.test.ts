import { describe, expect, it } from 'vitest'
import type { Content, Envelope } from './content.ts'
import { checkContent, checkEnvelope } from './limits.ts'
import { messageId } from './message-id.ts'

const id = messageId({ groupId: 'g', senderUserId: 'u', senderDeviceId: 'd' }, new Uint8Array(1))
const custom = (data: unknown): Content => ({ kind: 'custom', custom: { type: 'a/b', data } })
const nested = (levels: number): unknown => Array.from({ length: levels }).reduce((inner) => ({ inner }), 0)
const cycle: { self?: unknown } = {}
cycle.self = cycle
const shared = Array.from({ length: 15 }).reduce<unknown>((inner) => [inner, inner, inner, inner], 0)
const getter = {
  get value() {
    return () => 1
  },
}

const refused: Record<string, unknown> = {
  'an unknown kind': { kind: 'poll' },
  'no kind': {},
  nothing: undefined,
  'an empty text': { kind: 'text', text: '' },
  'a text of a number': { kind: 'text', text: 1 },
  'a text too long': { kind: 'text', text: 'x'.repeat(65_537) },
  'a lone high surrogate': { kind: 'text', text: 'a\ud83d' },
  'a lone low surrogate': { kind: 'text', text: '\ude42a' },
  'a reply to nothing': { kind: 'text', text: 'a', replyTo: 'x' },
  'an edit of nothing': { kind: 'edit', text: 'a' },
  'an empty edit': { kind: 'edit', replaces: id, text: '' },
  'a deletion of nothing': { kind: 'delete', replaces: id.slice(1) },
  'a reaction to nothing': { kind: 'reaction', emoji: 'x' },
  'an empty reaction': { kind: 'reaction', to: id, emoji: '' },
  'two emoji': { kind: 'reaction', to: id, emoji: '👍👎' },
  'a word': { kind: 'reaction', to: id, emoji: 'ok' },
  'one grapheme too long': { kind: 'reaction', to: id, emoji: `e${'\u0301'.repeat(64)}` },
  'a control character': { kind: 'reaction', to: id, emoji: '\n' },
  'half an emoji': { kind: 'reaction', to: id, emoji: '\ud83d' },
  'a receipt of nothing': { kind: 'receipt', delivered: [], read: [] },
  'a receipt of no id': { kind: 'receipt', delivered: ['x'], read: [] },
  'a receipt of no list': { kind: 'receipt', delivered: id, read: [] },
  'too many receipts': { kind: 'receipt', delivered: Array(101).fill(id), read: Array(100).fill(id) },
  'a revision of a text': { kind: 'state', revision: '1' },
  'a negative revision': { kind: 'state', revision: -1 },
  'an empty name': { kind: 'state', revision: 1, name: '' },
  'a name too long': { kind: 'state', revision: 1, name: 'x'.repeat(257) },
  'a name of two lines': { kind: 'state', revision: 1, name: 'a\nb' },
  'sync data of a text': { kind: 'sync', name: 'a', data: 'x' },
  'a known media type as unknown': { kind: 'unknown', mediaType: 'Text/Plain; charset=UTF-8', bytes: new Uint8Array(1) },
  'no media type': { kind: 'unknown', mediaType: '', bytes: new Uint8Array(1) },
  'custom null': { kind: 'custom', custom: null },
  'a custom type that is none': { kind: 'custom', custom: { type: 'poll', data: 1 } },
  'a custom type too long': { kind: 'custom', custom: { type: `a/${'b'.repeat(254)}`, data: 1 } },
  undefined: custom(undefined),
  'undefined inside': custom({ a: undefined }),
  'a hole': custom(Array(2)),
  'a function': custom(() => 1),
  'a symbol': custom(Symbol('a')),
  'a symbol key': custom({ [Symbol('a')]: 1 }),
  'a bigint': custom(1n),
  NaN: custom(Number.NaN),
  infinity: custom([Number.POSITIVE_INFINITY]),
  'a lone surrogate inside': custom({ a: ['\ud800'] }),
  'a lone surrogate in a key': custom({ '\ud800': 1 }),
  'a prototype key': custom(JSON.parse('{"__proto__":{"a":1}}')),
  'a date': custom(new Date(0)),
  'a map': custom(new Map()),
  bytes: custom(new Uint8Array(1)),
  'an instance': custom(new (class Poll {})()),
  'a cycle': custom(cycle),
  'a getter of a function': custom(getter),
  'data too deep': custom(nested(17)),
  'one object in a billion places': custom(shared),
}

describe('checkContent', () => {
  it.each(Object.keys(refused))('refuses %s', (name) => {
    expect(() => checkContent(refused[name] as Content)).toThrow(expect.objectContaining({ code: 'invalid_content' }))
  })

  const accepted: Record<string, Content> = {
    'the longest text': { kind: 'text', text: 'x'.repeat(65_536), replyTo: id },
    'an empty text with something of the application': { kind: 'text', text: '', custom: { type: 'a/b', data: null } },
    'a control character in a text': { kind: 'text', text: 'a\tb\u0000' },
    'a family': { kind: 'reaction', to: id, emoji: '👩‍👩‍👧‍👦' },
    'a flag of tags': { kind: 'reaction', to: id, emoji: '🏴󠁧󠁢󠁳󠁣󠁴󠁿' },
    'no reaction': { kind: 'reaction', to: id },
    '200 receipts': { kind: 'receipt', delivered: Array(100).fill(id), read: Array(100).fill(id) },
    'a name of the longest length': { kind: 'state', revision: 0, name: 'x'.repeat(256) },
    'data at the greatest depth': custom(nested(16)),
    'an object without prototype': custom(Object.create(null)),
    'the keys of every object': custom({ constructor: 1, toString: 2, hasOwnProperty: 3 }),
  }

  it.each(Object.keys(accepted))('takes %s', (name) => {
    expect(() => checkContent(accepted[name] as Content)).not.toThrow()
  })

  it('says where', () => {
    expect(() => checkContent(custom({ a: [1, { b: Number.NaN }] }))).toThrow('custom.data.a[1].b is no finite number')
  })
})

describe('checkEnvelope', () => {
  const good: Envelope = {
    salt: new Uint8Array(16),
    sentAt: 0,
    content: { kind: 'stateRequest' },
  }
  const bad: Record<string, Partial<Envelope>> = {
    salt: { salt: new Uint8Array(15) },
    clock: { sentAt: 1.5 },
    'negative clock': { sentAt: -1 },
    expiry: { expiresAt: Number.NaN },
    content: { content: { kind: 'text', text: '' } },
  }

  it.each(Object.keys(bad))('refuses a wrong %s', (name) => {
    expect(() => checkEnvelope(good)).not.toThrow()
    expect(() => checkEnvelope({ ...good, ...bad[name] })).toThrow(expect.objectContaining({ code: 'invalid_content' }))
  })
})
