import { SottoError } from '@sotto/protocol'
import { describe, expect, test } from 'vitest'
import {
  base64,
  groupInfo,
  keyPackage,
  privateMessage,
  publicMessage,
  senderTypes,
  text,
  u16,
  u64,
  vector,
  welcome,
} from './mls-bytes.suite.ts'
import { mlsHeader } from './mls-header.ts'

const groupId = 'AbCdEfGhIjKlMnOpQrStUv'

function detail(bytes: string): string {
  try {
    mlsHeader(bytes, 'commit')
  } catch (error) {
    expect(error).toBeInstanceOf(SottoError)
    expect((error as SottoError).code).toBe('bad_request')
    return (error as SottoError).message
  }
  throw new Error('not refused')
}

describe('reads', () => {
  test.each(['application', 'proposal', 'commit'] as const)('a private %s', (content) => {
    expect(mlsHeader(privateMessage({ groupId, epoch: 7 }, content), 'm')).toEqual({
      format: 'private',
      groupId,
      epoch: 7,
      content,
    })
  })

  test.each(Object.keys(senderTypes) as (keyof typeof senderTypes)[])('a public commit by %s', (sender) => {
    for (const aad of [0, 1, 63, 64, 500, 16_383, 16_384, 70_000]) {
      const message = publicMessage({ groupId, epoch: 2 ** 32 + 5 }, 'commit', sender, new Array(aad).fill(0x5a))
      expect(mlsHeader(message, 'm')).toEqual({ format: 'public', groupId, epoch: 2 ** 32 + 5, sender, content: 'commit' })
    }
  })

  test('a GroupInfo, a Welcome and a key package', () => {
    expect(mlsHeader(groupInfo({ groupId, epoch: 3 }), 'm')).toEqual({ format: 'groupInfo', ciphersuite: 1, groupId, epoch: 3 })
    expect(mlsHeader(welcome(), 'm')).toEqual({ format: 'welcome', ciphersuite: 1 })
    expect(mlsHeader(keyPackage(), 'm')).toEqual({ format: 'keyPackage' })
  })

  test('the longest id of a group of ours, in a late generation', () => {
    const long = `${'x'.repeat(43)}.${Number.MAX_SAFE_INTEGER}`
    expect(mlsHeader(privateMessage({ groupId: long, epoch: 1 }), 'm')).toMatchObject({ groupId: long })
  })
})

describe('refuses', () => {
  test.each([
    ['another version', base64(u16(2), u16(2)), 'MLS 1.0'],
    ['no wire format', base64(u16(1), u16(0)), 'wire format'],
    ['an unknown wire format', base64(u16(1), u16(6)), 'wire format'],
    ['an unknown content type', base64(u16(1), u16(2), vector(text(groupId)), u64(1), [4]), 'content type'],
    ['an unknown sender', base64(u16(1), u16(1), vector(text(groupId)), u64(1), [5]), 'sender'],
    ['a GroupInfo of another version', base64(u16(1), u16(4), u16(3)), 'MLS 1.0'],
    ['a length in two bytes that fits in one', base64(u16(1), u16(2), [0x40, 0x3f], new Array(80).fill(0)), 'more bytes'],
    [
      'a length in four bytes that fits in two',
      base64(u16(1), u16(2), [0x80, 0, 0x3f, 0xff], new Array(80).fill(0)),
      'more bytes',
    ],
    ['a length of the reserved form', base64(u16(1), u16(2), [0xc0], new Array(80).fill(0)), 'known form'],
    ['a group id longer than the message', base64(u16(1), u16(2), [0x3f], new Array(20).fill(0)), 'ends'],
    ['a group id of megabytes', base64(u16(1), u16(2), [0x80, 0x10, 0, 0], new Array(300).fill(0)), 'ends'],
    ['a group id that is too long to be ours', base64(u16(1), u16(2), [0x41, 0], new Array(300).fill(0)), 'none of ours'],
    ['nothing', '', 'ends'],
    ['base64url', '--__', 'base64'],
    ['white space', `AAEA${' '.repeat(4)}`, 'base64'],
  ])('%s', (_, bytes, why) => {
    expect(detail(bytes)).toContain(why)
    expect(detail(bytes)).toMatch(/^commit: /)
  })

  test('every message that ends within its header', () => {
    const aad = new Array(200).fill(1)
    const framed = { groupId, epoch: 1, body: 0 }
    for (const [whole, behind] of [
      // Behind the header: empty authenticated data, 12 bytes of sender data, no ciphertext.
      [privateMessage(framed, 'commit'), 15],
      [publicMessage(framed, 'commit', 'member', aad), 0],
      [groupInfo(framed), 0],
      [welcome(0), 0],
    ] as const) {
      const bytes = Buffer.from(whole, 'base64')
      const header = bytes.length - behind
      for (let length = 0; length < header; length++) {
        expect(detail(bytes.subarray(0, length).toString('base64'))).toContain('ends')
      }
    }
  })
})

test('whatever comes, it is read or refused, and what is read is what stands there', () => {
  const valid = [
    privateMessage({ groupId, epoch: 5 }),
    publicMessage({ groupId, epoch: 5 }, 'commit', 'newMemberCommit', new Array(300).fill(7)),
    groupInfo({ groupId, epoch: 6 }),
    welcome(),
  ].map((message) => Buffer.from(message, 'base64'))
  let state = 20_26
  const below = (limit: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * limit)
  }
  const seen = new Set<string>()
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(valid[below(valid.length)]!)
    for (let flips = below(4); flips >= 0; flips--)
      bytes[below(Math.min(bytes.length, below(2) === 0 ? 4 : 60))] = below(below(2) === 0 ? 8 : 256)
    const cut = below(10) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes
    try {
      const header = mlsHeader(cut.toString('base64'), 'm')
      seen.add(header.format)
      if ('groupId' in header) expect(cut.includes(Buffer.from(header.groupId, 'latin1'))).toBe(true)
      if ('epoch' in header) expect(header.epoch).toBeGreaterThanOrEqual(0)
    } catch (error) {
      expect(error).toBeInstanceOf(SottoError)
      seen.add('refused')
    }
  }
  expect([...seen].toSorted()).toEqual(['groupInfo', 'keyPackage', 'private', 'public', 'refused', 'welcome'])
})

test('texts that are no base64 are read or refused too', () => {
  const alphabet = 'AEIQgwABC0123+/=-_ \n"é€💥'
  let state = 7
  for (let round = 0; round < 5_000; round++) {
    let noise = round % 3 === 0 ? 'AAEAAQ' : ''
    for (let length = round % 300; length > 0; length--) {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
      noise += alphabet[Math.floor((state / 2_147_483_648) * alphabet.length)]
    }
    try {
      mlsHeader(noise, 'm')
    } catch (error) {
      expect(error).toBeInstanceOf(SottoError)
    }
  }
})
