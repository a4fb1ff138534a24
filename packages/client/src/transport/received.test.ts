import { type ServerFrameType, serverFrames } from '@sotto/protocol'
import { describe, expect, test } from 'vitest'
import { lastSeqOf, readAccepted, readEntry, readFrame } from './received.ts'

const position = { mailbox: 'u2', seq: 7, receivedAt: 1_767_225_600_000 }
const sender = { from: 'alice', fromDevice: 'phone' }
const device = { userId: 'carol', deviceId: 'laptop' }

/** A frame of each type, with every member that it may have. */
const samples: Record<ServerFrameType, Record<string, unknown>> = {
  welcome: { type: 'welcome', userId: 'bob', deviceId: 'phone', serverTime: 1, limits: { FRAME_BYTES: 9 } },
  accepted: { type: 'accepted', ...position, id: 'm1', duplicate: true },
  msg: {
    type: 'msg',
    ...position,
    ...sender,
    id: 'm1',
    to: 'bob',
    scope: 'direct',
    ciphertext: 'c2VjcmV0',
    contentType: 'message/mls',
    timestamp: 5,
  },
  own: { type: 'own', ...position, id: 'm1' },
  membership: { type: 'membership', ...position, groupId: 'g', by: 'a', added: ['b'], removed: ['c'], roles: { b: 'admin' } },
  commit: {
    type: 'commit',
    ...position,
    ...sender,
    id: 'c1',
    groupId: 'g',
    generation: 0,
    epoch: 3,
    commit: 'AAAA',
    added: [device],
    removed: [device],
    left: ['dave'],
    roles: { carol: 'member' },
    external: true,
  },
  welcome_mls: {
    type: 'welcome_mls',
    ...position,
    ...sender,
    groupId: 'g',
    generation: 0,
    epoch: 4,
    groupMailbox: 'g3',
    groupSeq: 2,
    welcome: 'AAAA',
  },
  departed: { type: 'departed', ...position, groupId: 'g', ...device, goodbye: 'Z29vZGJ5ZQ==' },
  gone: { type: 'gone', mailbox: 'u2', from: 3, to: 7, reason: 'expired' },
  synced: { type: 'synced' },
  signal: { type: 'signal', ...sender, to: 'bob', scope: 'group', ciphertext: 'AAAA' },
  keys_low: { type: 'keys_low', oneTimePreKeys: 1, keyPackages: 2 },
  pong: { type: 'pong', serverTime: 1 },
  error: { type: 'error', id: 'm1', code: 'rate_limited', message: 'too fast', retryAfterMs: 20 },
}

const types = Object.keys(samples) as ServerFrameType[]
const read = (frame: unknown) => readFrame(JSON.stringify(frame))

/** Values of other kinds than any member has. */
const wrong = [null, true, -1, 1.5, {}, [], [null], 'x', '', 1e300]

describe('frames of the protocol', () => {
  test.each(types)('%s is read as it is, as the schema reads it', (type) => {
    const sample = samples[type]
    expect(Object.keys(serverFrames[type].shape).sort()).toEqual(Object.keys(sample).sort())
    expect(serverFrames[type].safeParse(sample).success).toBe(true)
    expect(read(sample)?.frame).toEqual(sample)
  })

  test.each(types)('%s with a member of the wrong kind reaches nobody as what it claims to be', (type) => {
    const sample = samples[type]
    for (const member of Object.keys(sample).filter((name) => name !== 'type')) {
      for (const value of [undefined, ...wrong]) {
        const broken = { ...sample, [member]: value }
        if (serverFrames[type].safeParse(broken).success) continue
        const found = read(broken)?.frame
        // What is only longer or shorter than permitted is for those behind to judge: a string is a string.
        const isSameKind = typeof value === 'string' && typeof sample[member] === 'string'
        if (isSameKind) continue
        expect(found?.type, `${member}: ${JSON.stringify(value)}`).not.toBe(type)
      }
    }
  })

  test('unknown members are passed over', () => {
    expect(read({ ...samples.msg, future: [1] })).toMatchObject({ is: 'entry', frame: { type: 'msg', id: 'm1' } })
  })
})

describe('entries that cannot be understood', () => {
  test('of an unknown type keep all that they have, to be acknowledged', () => {
    const entry = { type: 'poll', mailbox: 'g3', seq: 4, question: '?' }
    expect(read(entry)).toEqual({ is: 'entry', frame: entry })
  })

  test('of a known type but another shape keep their position alone', () => {
    expect(readEntry({ ...samples.msg, ciphertext: 7 })).toEqual({ type: 'malformed', mailbox: 'u2', seq: 7 })
  })

  test('without a position reach nobody', () => {
    for (const entry of [
      { type: 'poll', mailbox: 'g3' },
      { type: 'poll', mailbox: 'g3', seq: 0 },
      { type: 'own', seq: 4 },
      [],
      null,
    ]) {
      expect(readEntry(entry)).toBeUndefined()
    }
    expect(read({ ...samples.gone, from: 9 })).toBeUndefined()
  })

  test('names that every object has are no types', () => {
    expect(readEntry({ type: 'constructor', mailbox: 'g3', seq: 4 })).toMatchObject({ type: 'constructor' })
    expect(read({ type: 'toString' })).toBeUndefined()
  })
})

test.each(['', '{', 'null', '[]', '7', '"x"', '{"type":7}', undefined, new ArrayBuffer(2)])('%s is no frame', (data) => {
  expect(readFrame(data)).toBeUndefined()
})

test('an answer to a message has the shape of `accepted`', () => {
  expect(readAccepted(samples.accepted)).toEqual(samples.accepted)
  expect(readAccepted({ ...samples.accepted, seq: '7' })).toBeUndefined()
  expect(readAccepted('accepted')).toBeUndefined()
})

test('a `gone` stands where it ends', () => {
  expect(lastSeqOf(readEntry(samples.gone)!)).toBe(7)
  expect(lastSeqOf(readEntry(samples.own)!)).toBe(7)
})
