import { describe, expect, it } from 'vitest'
import { encodeCbor } from './cbor.ts'
import { ContentFailure } from './failure.ts'
import { type Chance, chanceFrom, randomJson, randomText } from './random-content.suite.ts'
import type { ContentChange, MemberAction, MessageRecord } from './record.ts'
import { decodeAction, decodeRecord, encodeAction, encodeRecord } from './record-codec.ts'

function maybe<value extends object>(chance: Chance, value: value): value | Record<never, never> {
  return chance.flip() ? value : {}
}

function randomChange(chance: Chance): ContentChange {
  const custom = maybe(chance, { custom: { type: 'a/b', data: randomJson(chance) } })
  return chance.of<ContentChange>([
    { kind: 'edit', text: randomText(chance), ...custom },
    { kind: 'delete' },
    { kind: 'reaction', ...maybe(chance, { emoji: '👍' }) },
  ])
}

function randomUsers(chance: Chance): string[] {
  return ['alice', 'bob', '__proto__', 'Ünïcødé 🙂', 'constructor'].filter(() => chance.flip())
}

function randomSource(chance: Chance) {
  return { id: randomText(chance), author: { userId: randomText(chance), deviceId: 'd' }, at: chance.integer(2 ** 50) }
}

function randomRecord(chance: Chance): MessageRecord {
  const stamp = () => ({ order: randomText(chance), id: randomText(chance) })
  return {
    id: randomText(chance),
    conversationId: 'c',
    author: { userId: randomText(chance), deviceId: 'd' },
    own: chance.flip(),
    order: randomText(chance),
    sentAt: chance.integer(2 ** 50),
    ...maybe(chance, { receivedAt: chance.integer(2 ** 50) }),
    ...maybe(chance, { status: chance.of(['queued', 'failed', 'sent', 'delivered', 'read'] as const) }),
    ...maybe(chance, { failure: { code: 'x', ...maybe(chance, { detail: randomText(chance) }) } }),
    ...maybe(chance, { text: randomText(chance) }),
    ...maybe(chance, { custom: { type: 'a/b', data: randomJson(chance) } }),
    ...maybe(chance, { replyTo: randomText(chance) }),
    ...maybe(chance, { editedAt: chance.integer(2 ** 50) }),
    deleted: chance.flip(),
    reactions: new Map(randomUsers(chance).map((user) => [user, '👍'])),
    deliveredTo: randomUsers(chance),
    readBy: randomUsers(chance),
    ...maybe(chance, { expiresAt: chance.integer(2 ** 50) }),
    ...maybe(chance, { unreadable: { reason: 'tampered', ...maybe(chance, { detail: randomText(chance) }) } }),
    ...maybe(chance, { edit: stamp() }),
    reactionStamps: new Map(randomUsers(chance).map((user) => [user, stamp()])),
    pending: Array.from({ length: chance.integer(3) }, () => ({ ...randomSource(chance), ...randomChange(chance) })),
  }
}

function randomAction(chance: Chance): MemberAction {
  const source = { ...randomSource(chance), ...maybe(chance, { order: randomText(chance) }) }
  if (chance.integer(4) > 0) return { ...source, ...randomChange(chance) }
  return { ...source, kind: 'receipt', status: chance.of(['delivered', 'read'] as const) }
}

function reasonOf(read: () => unknown): string {
  try {
    read()
    return 'read'
  } catch (error) {
    if (error instanceof ContentFailure) return error.reason
    throw error
  }
}

describe('records and actions in the storage', () => {
  it('give back 3,000 random ones', () => {
    const chance = chanceFrom(5)
    for (let index = 0; index < 3_000; index += 1) {
      const record = randomRecord(chance)
      expect(decodeRecord(encodeRecord(record))).toEqual(record)
      const action = randomAction(chance)
      expect(decodeAction(encodeAction(action))).toEqual(action)
    }
  })

  it('of a group of 1,000 are within the bounds', () => {
    const users = Array.from({ length: 1_000 }, (_, index) => `${'ü'.repeat(120)}${index}`)
    const stamp = { order: 'x'.repeat(100), id: 'y'.repeat(43) }
    const record: MessageRecord = {
      ...randomRecord(chanceFrom(6)),
      reactions: new Map(users.map((user) => [user, '👍'.repeat(32)])),
      reactionStamps: new Map(users.map((user) => [user, stamp])),
      deliveredTo: users,
      readBy: users,
    }
    expect(decodeRecord(encodeRecord(record))).toEqual(record)
  })

  it('answer damage with a record or a ContentFailure', () => {
    const chance = chanceFrom(8)
    let refused = 0
    for (let index = 0; index < 2_000; index += 1) {
      const bytes = encodeRecord(randomRecord(chance))
      const at = chance.integer(bytes.length)
      const damaged = chance.flip() ? bytes.subarray(0, at) : bytes.with(at, chance.integer(256))
      if (reasonOf(() => decodeRecord(damaged)) !== 'read') refused += 1
    }
    expect(refused).toBeGreaterThan(1_000)
  })

  it('of a newer version are told from damaged ones', () => {
    expect(reasonOf(() => decodeRecord(encodeCbor({ v: 2 })))).toBe('unsupported')
    expect(reasonOf(() => decodeAction(encodeCbor({ v: 2 })))).toBe('unsupported')
    expect(reasonOf(() => decodeRecord(encodeCbor({ v: 1 })))).toBe('malformed')
    expect(reasonOf(() => decodeAction(encodeCbor({ v: 1, id: 'x', author: ['a', 'b'], at: 1, kind: 'poll' })))).toBe('malformed')
  })
})
