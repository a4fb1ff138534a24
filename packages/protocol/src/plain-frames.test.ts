import { expect, test } from 'vitest'
import { ackFrame, msgFrame } from './frames.ts'
import { isPlainAck, isPlainMsg } from './plain-frames.ts'

/** Values that members are tried with: good ones, and everything that has ever fooled a check. */
const texts = [
  'a',
  'bob',
  '0b9e',
  'A'.repeat(64),
  'A'.repeat(65),
  'A'.repeat(128),
  'A'.repeat(129),
  '',
  ' ',
  'a b',
  'a\nb',
  'a\u0000',
  'a\u007f',
  'ä',
  '\ud800',
  '💬',
  '__proto__',
  'a/b',
  'm1',
  'M1',
]
const others = [
  null,
  undefined,
  true,
  0,
  -0,
  1,
  1.5,
  -1,
  2 ** 53,
  2 ** 53 - 1,
  Number.POSITIVE_INFINITY,
  Number.NaN,
  [],
  ['a'],
  {},
  { length: 1 },
]
const values: readonly unknown[] = [
  ...texts,
  ...others,
  'direct',
  'group',
  'application/octet-stream',
  'text/plain; charset=utf-8',
  'x',
  `a/${'b'.repeat(300)}`,
  1710000000000,
]
const names = [
  'type',
  'id',
  'to',
  'scope',
  'ciphertext',
  'contentType',
  'timestamp',
  'device',
  'expiresInMs',
  'mailbox',
  'seq',
  'extra',
  '__proto__',
  'constructor',
]

/** mulberry32: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function mutated(base: Record<string, unknown>, random: () => number): object {
  const pick = <item>(items: readonly item[]) => items[Math.floor(random() * items.length)]!
  const frame: Record<string, unknown> = { ...base }
  for (let times = Math.floor(random() * 3); times >= 0; times--) {
    const name = pick(names)
    if (random() < 0.3) delete frame[name]
    else Object.defineProperty(frame, name, { value: pick(values), enumerable: true, configurable: true, writable: true })
  }
  return frame
}

const msg = {
  type: 'msg',
  id: 'm-1',
  to: 'bob',
  scope: 'direct',
  ciphertext: 'b3BhcXVl',
  contentType: 'application/octet-stream',
  timestamp: 1,
}
const ack = { type: 'ack', mailbox: 'm1', seq: 1 }

test('the plainest frames are recognised', () => {
  expect(isPlainMsg(msg)).toBe(true)
  expect(isPlainMsg({ type: 'msg', to: 'bob', scope: 'group', ciphertext: 'x' })).toBe(true)
  expect(isPlainAck(ack)).toBe(true)
})

test('nothing is recognised that the schemas refuse, or would change', () => {
  const random = seeded(1)
  let recognised = 0
  for (let i = 0; i < 50_000; i++) {
    const frame = { ...mutated(msg, random), type: 'msg' }
    if (isPlainMsg(frame)) {
      recognised++
      expect(msgFrame.parse(frame)).toEqual(frame)
    }
    const other = { ...mutated(ack, random), type: 'ack' }
    if (isPlainAck(other)) {
      recognised++
      expect(ackFrame.parse(other)).toEqual(other)
    }
  }
  expect(recognised).toBeGreaterThan(1_000)
})
