import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { compareSafetyNumber, safetyNumber } from './safety-number.ts'

const key = (seed: string) => new Uint8Array(createHash('sha256').update(seed).digest())
const alice = { userId: 'alice', identityKey: key('alice') }
const bob = { userId: 'bob', identityKey: key('bob') }

/** Straight from the words, CBOR written by hand: [label, [userId, key]], 5,200 times SHA-512 with the key behind. */
function half({ userId, identityKey }: typeof alice): string {
  const text = (value: string) => {
    const utf8 = Buffer.from(value)
    return Buffer.concat([utf8.length < 24 ? Buffer.of(0x60 + utf8.length) : Buffer.of(0x78, utf8.length), utf8])
  }
  let hash = Buffer.concat([
    Buffer.of(0x82),
    text('sotto safety number v1'),
    Buffer.of(0x82),
    text(userId),
    Buffer.of(0x58, 32),
    identityKey,
  ])
  for (let turn = 1; turn <= 5_200; turn++)
    hash = createHash('sha512')
      .update(Buffer.concat([hash, identityKey]))
      .digest()
  const groups = [0, 5, 10, 15, 20, 25].map((at) => BigInt(`0x${hash.subarray(at, at + 5).toString('hex')}`) % 100_000n)
  return groups.map((group) => group.toString().padStart(5, '0')).join('')
}

describe('the number', () => {
  const cases = [
    [alice, bob, '042836747179411522968188645686076842968180177048662376626575'],
    [
      { userId: 'zoë|🦊', identityKey: key('z') },
      { userId: 'x'.repeat(128), identityKey: key('x') },
      '051319458934384641885792913292644062794631763879281608435783',
    ],
  ] as const

  test.each(cases)('stays what it is (%#)', async (one, other, golden) => {
    const { digits } = await safetyNumber(one, other)
    expect(digits).toBe([half(one), half(other)].sort().join(''))
    expect(digits).toBe(golden)
  })

  test('is the same on both sides, in groups of five, with a code of both keys', async () => {
    const number = await safetyNumber(alice, bob)
    expect(await safetyNumber(bob, alice)).toEqual(number)
    expect(number.digits).toMatch(/^\d{60}$/)
    expect(number.text).toMatch(/^(\d{5} ){11}\d{5}$/)
    expect(number.text.replaceAll(' ', '')).toBe(number.digits)
    expect(number.qrPayload).toMatch(/^sotto-safety-number:1:[\w-]{43}:[\w-]{43}$/)
  })

  test('is another for another key or user', async () => {
    const number = await safetyNumber(alice, bob)
    const others = [{ ...bob, identityKey: key('mallory') }, { ...bob, userId: 'bobby' }, alice]
    for (const other of others) {
      expect((await safetyNumber(alice, other)).digits).not.toBe(number.digits)
      expect((await safetyNumber(alice, other)).qrPayload).not.toBe(number.qrPayload)
    }
  })
})

const own = await safetyNumber(alice, bob)
const wrong = await safetyNumber(alice, { ...bob, identityKey: key('mallory') })

describe('comparing', () => {
  test.each([
    own.digits,
    own.text,
    own.qrPayload,
    ` ${own.text.replaceAll(' ', '\n')}\t`,
    own.text.replaceAll(' ', '-'),
    own.text.replaceAll(' ', '\u00a0– '),
    own.digits.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
    `${own.qrPayload}\n`,
  ])('%j is the same', (text) => {
    expect(compareSafetyNumber(own, text)).toBe('same')
  })

  test('a wrong number is different, wholly or in one digit', () => {
    for (const text of [wrong.digits, wrong.text, wrong.qrPayload]) expect(compareSafetyNumber(own, text)).toBe('different')
    for (let at = 0; at < 60; at++) {
      const digit = (Number(own.digits[at]) + 1) % 10
      expect(compareSafetyNumber(own, own.digits.slice(0, at) + digit + own.digits.slice(at + 1))).toBe('different')
    }
    const swapped = own.digits.slice(30) + own.digits.slice(0, 30)
    expect(compareSafetyNumber(own, swapped)).toBe('different')
  })

  test.each([
    '',
    '12345',
    own.digits.slice(1),
    `${own.digits}0`,
    'sotto-safety-number:1:x',
    own.qrPayload.replace(':1:', ':2:'),
    'https://example.org',
  ])('%j says nothing', (text) => {
    expect(compareSafetyNumber(own, text)).toBe('unreadable')
  })
})
