import { describe, expect, it } from 'vitest'
import type { Content, Envelope } from './content.ts'
import { decodeEnvelope } from './decode.ts'
import { encodeEnvelope } from './encode.ts'
import { golden } from './golden-bytes.suite.ts'
import { applyToRecord } from './history.ts'
import { messageId } from './message-id.ts'
import { actionsOf, type MessageRecord, recordOf } from './record.ts'
import { decodeAction, decodeRecord, encodeAction, encodeRecord } from './record-codec.ts'

/** Bytes as versions in use write them. They must be readable for ever: add cases, change none. */
const salt = Uint8Array.from({ length: 16 }, (_, index) => index)
const id = messageId({ groupId: 'group', senderUserId: 'alice', senderDeviceId: 'phone' }, new Uint8Array([0]))
const head = {
  salt,
  sentAt: 1_700_000_000_000,
} satisfies Omit<Envelope, 'content'>
const whole = { ...head, expiresAt: 1_700_000_060_000 }

const contents: Record<string, Content> = {
  text: { kind: 'text', text: 'Grüße 🙂' },
  reply: {
    kind: 'text',
    text: 'yes',
    replyTo: id,
    custom: { type: 'application/vnd.example+json', data: { a: [1, -2, 1.5, null, true] } },
  },
  custom: { kind: 'custom', custom: { type: 'application/vnd.example.poll+json', data: { options: ['x', 'y'] } } },
  edit: { kind: 'edit', replaces: id, text: 'no' },
  delete: { kind: 'delete', replaces: id },
  reaction: { kind: 'reaction', to: id, emoji: '👍' },
  noReaction: { kind: 'reaction', to: id },
  receipt: { kind: 'receipt', delivered: [id], read: [id] },
  state: { kind: 'state', revision: 3, name: 'Team' },
  stateRequest: { kind: 'stateRequest' },
  sync: { kind: 'sync', name: 'read', data: new Uint8Array([1, 2, 3]) },
  unknown: { kind: 'unknown', mediaType: 'application/x-newer', bytes: new Uint8Array([0xca, 0xfe]) },
}

const record = ((): MessageRecord => {
  const author = { userId: 'alice', deviceId: 'phone' }
  const bob = { userId: 'bob', deviceId: 'laptop' }
  const message = { id, conversationId: 'group', author, own: true, order: '0001', status: 'queued' } as const
  let next = recordOf(message, { ...whole, content: contents.reply as Content }) as MessageRecord
  next = applyToRecord(next, { kind: 'accepted', order: '0002', receivedAt: 1_700_000_000_100 })
  next = applyToRecord(next, { kind: 'receipt', status: 'read', id, author: bob, order: '0003', at: 5 })
  next = applyToRecord(next, { kind: 'reaction', emoji: '👍', id, author: bob, order: '0004', at: 6 })
  next = applyToRecord(next, { kind: 'edit', text: 'no', id, author, order: '0005', at: 7 })
  return applyToRecord(next, { kind: 'delete', id: 'pending', author, at: 8 })
})()

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string | undefined) => Uint8Array.from(Buffer.from(text ?? '', 'hex'))

describe('the bytes of an envelope', () => {
  it.each(Object.keys(contents))('%s', (name) => {
    const envelope: Envelope = { ...(name === 'reply' ? whole : head), content: contents[name] as Content }
    expect(hex(encodeEnvelope(envelope))).toBe(golden[name])
    expect(decodeEnvelope(unhex(golden[name]))).toEqual(envelope)
  })
})

describe('the bytes in the storage', () => {
  it('of a record', () => {
    expect(hex(encodeRecord(record))).toBe(golden.record)
    expect(decodeRecord(unhex(golden.record))).toEqual(record)
  })

  it('of an action that waits', () => {
    const content = contents.edit as Content
    const [waiting] = actionsOf({ ...head, content }, { id, author: record.author, order: '0009' })
    expect(waiting?.target).toBe(id)
    expect(waiting && hex(encodeAction(waiting.action))).toBe(golden.action)
    expect(decodeAction(unhex(golden.action))).toEqual(waiting?.action)
  })
})
