import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ContentFailure } from './failure.ts'
import { isMessageId, messageId, messageIdBytes, messageIdText } from './message-id.ts'
import { chanceFrom } from './random-content.suite.ts'

const origin = { groupId: 'g', senderUserId: 'alice', senderDeviceId: 'a1' }
const envelope = new Uint8Array([1, 2, 3])

describe('messageId', () => {
  it('is 0x01 and 31 bytes of SHA-256 over the parts after their lengths', () => {
    const hash = createHash('sha256')
    for (const part of ['g', 'alice', 'a1', Buffer.from(envelope)]) {
      const bytes = Buffer.from(part)
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      hash.update(length).update(bytes)
    }
    const expected = Buffer.concat([Buffer.from([1]), hash.digest().subarray(0, 31)]).toString('base64url')
    expect(messageId(origin, envelope)).toBe(expected)
    expect(expected).toHaveLength(43)
  })

  it('differs for another group, user, device or envelope', () => {
    const ids = new Set([
      messageId(origin, envelope),
      messageId({ ...origin, groupId: 'h' }, envelope),
      messageId({ ...origin, senderUserId: 'bob' }, envelope),
      messageId({ ...origin, senderDeviceId: 'a2' }, envelope),
      messageId(origin, new Uint8Array([1, 2])),
    ])
    expect(ids.size).toBe(5)
  })

  it('cannot be made to collide by moving a border between the parts', () => {
    expect(messageId({ groupId: 'ab', senderUserId: 'c', senderDeviceId: 'd' }, envelope)).not.toBe(
      messageId({ groupId: 'a', senderUserId: 'bc', senderDeviceId: 'd' }, envelope),
    )
    expect(messageId({ ...origin, senderDeviceId: 'a1\u0000' }, envelope)).not.toBe(messageId(origin, envelope))
  })

  it('refuses ids with lone surrogates, which have no bytes of their own', () => {
    expect(() => messageId({ ...origin, senderUserId: '\ud800' }, envelope)).toThrow(RangeError)
  })
})

describe('isMessageId', () => {
  it('takes every id that is made, and its bytes give it back', () => {
    const chance = chanceFrom(3)
    for (let index = 0; index < 2_000; index += 1) {
      const id = messageId(origin, chance.bytes(20))
      expect(isMessageId(id)).toBe(true)
      expect(messageIdText(messageIdBytes(id))).toBe(id)
    }
  })

  it('refuses everything else', () => {
    const id = messageId(origin, envelope)
    const other = Buffer.alloc(32, 2).toString('base64url')
    const unusedBits = `${id.slice(0, 42)}B`
    for (const value of [
      '',
      id.slice(1),
      `${id}A`,
      `${id}=`,
      ` ${id}`,
      `${id}\n`,
      `${id.slice(0, 42)}+`,
      other,
      unusedBits,
      1,
      null,
      undefined,
    ]) {
      expect(isMessageId(value)).toBe(false)
    }
  })

  it('tells a short id from one by another hash', () => {
    expect(() => messageIdText(new Uint8Array(31).fill(1))).toThrow(expect.objectContaining({ reason: 'malformed' }))
    expect(() => messageIdText(new Uint8Array(32).fill(2))).toThrow(expect.objectContaining({ reason: 'unsupported' }))
    expect(() => messageIdText(new Uint8Array(0))).toThrow(ContentFailure)
  })
})
