import { describe, expect, it } from 'vitest'
import type { Envelope } from './content.ts'
import { applyToRecord, compareText, isExpired, shownRecord } from './history.ts'
import { type Chance, chanceFrom, shuffled } from './random-content.suite.ts'
import { actionsOf, type MemberAction, type MessageRecord, type NewMessage, recordOf, unreadableRecord } from './record.ts'

const alice = { userId: 'alice', deviceId: 'phone' }
const aliceToo = { userId: 'alice', deviceId: 'laptop' }
const bob = { userId: 'bob', deviceId: 'phone' }
const proto = { userId: '__proto__', deviceId: 'phone' }

const envelope: Envelope = {
  salt: new Uint8Array(16),
  sentAt: 1,
  content: { kind: 'text', text: 'first', custom: { type: 'a/b', data: 1 } },
}
const message: NewMessage = { id: 'm', conversationId: 'c', author: alice, own: true, order: '0000', status: 'queued' }
const fresh = recordOf(message, envelope) as MessageRecord

let made = 0
const from = (author: MemberAction['author'], order?: string) => {
  made += 1
  return { id: `id${made}`, author, at: made, ...(order === undefined ? {} : { order }) }
}
const edit = (text: string, order?: string, author = alice) => ({ kind: 'edit', text, ...from(author, order) }) as const
const remove = (order?: string, author = alice) => ({ kind: 'delete', ...from(author, order) }) as const
const react = (emoji: string | undefined, order?: string, author = bob) =>
  ({ kind: 'reaction', ...(emoji === undefined ? {} : { emoji }), ...from(author, order) }) as const
const receipt = (status: 'delivered' | 'read', author = bob) => ({ kind: 'receipt', status, ...from(author, '0001') }) as const
const after = (record: MessageRecord, ...actions: Parameters<typeof applyToRecord>[1][]) => actions.reduce(applyToRecord, record)

describe('edits and deletions', () => {
  it('are the author’s alone, by any device', () => {
    expect(after(fresh, edit('mine', '1', aliceToo))).toMatchObject({ text: 'mine', editedAt: made })
    expect(after(fresh, edit('theirs', '1', bob))).toBe(fresh)
    expect(after(fresh, remove('1', bob))).toBe(fresh)
    expect(after(fresh, remove('1', aliceToo)).deleted).toBe(true)
  })

  it('hold by the log, whatever order they come in', () => {
    const [first, second] = [edit('first', '1'), edit('second', '2')]
    expect(after(fresh, second, first)).toEqual(after(fresh, first, second))
    expect(after(fresh, second, first).text).toBe('second')
  })

  it('replace the whole content', () => {
    expect(after(fresh, edit('bare', '1'))).not.toHaveProperty('custom')
  })

  it('leave nothing of a deleted message, and nothing follows', () => {
    const deleted = after(fresh, react('👍', '1'), edit('x', '2'), remove('3'))
    expect(deleted).toMatchObject({ deleted: true, reactions: new Map(), reactionStamps: new Map() })
    for (const gone of ['text', 'custom', 'editedAt', 'replyTo', 'edit']) expect(deleted).not.toHaveProperty(gone)
    expect(after(deleted, edit('again', '9'), react('👎', '9'), remove('9'))).toBe(deleted)
    expect(after(deleted, receipt('read')).readBy).toEqual(['bob'])
  })

  it('do not touch what could not be read', () => {
    const unreadable = unreadableRecord(message, 1, { reason: 'tampered' })
    expect(after(unreadable, edit('x', '1'), remove('1'), react('x', '1'))).toBe(unreadable)
  })
})

describe('reactions', () => {
  it('are one a user, the later holds, nothing takes it away', () => {
    expect(after(fresh, react('👍', '1'), react('👎', '2')).reactions).toEqual(new Map([['bob', '👎']]))
    expect(after(fresh, react(undefined, '2'), react('👍', '1')).reactions).toEqual(new Map())
    expect(after(fresh, react('👍', '1'), react('❤️', '1', alice)).reactions.size).toBe(2)
  })

  it('of a user with a hostile name are like any other', () => {
    expect(after(fresh, react('👍', '1', proto)).reactions.get('__proto__')).toBe('👍')
  })
})

describe('receipts', () => {
  it('only rise', () => {
    const read = after(fresh, receipt('read'))
    expect(read).toMatchObject({ status: 'read', deliveredTo: ['bob'], readBy: ['bob'] })
    expect(after(read, receipt('delivered'))).toBe(read)
    expect(after(fresh, receipt('delivered'), receipt('read'))).toEqual(read)
  })

  it('of the author mean nothing', () => {
    expect(after(fresh, receipt('read', aliceToo))).toBe(fresh)
  })

  it('prove that the message was sent', () => {
    const known = after(fresh, receipt('delivered'), { kind: 'accepted', order: '5', receivedAt: 9 })
    expect(known).toMatchObject({ status: 'delivered', order: '5', receivedAt: 9 })
  })

  it('of others’ messages give no status', () => {
    const { status: _, ...theirs } = { ...fresh, own: false, author: bob }
    expect(after(theirs, receipt('read', alice))).not.toHaveProperty('status')
  })
})

describe('what becomes of an own message', () => {
  const accepted = { kind: 'accepted', order: '7', receivedAt: 50 } as const
  const failed = { kind: 'failed', failure: { code: 'not_member' } } as const

  it('is queued, sent once accepted, the same told twice', () => {
    const sent = after(fresh, accepted)
    expect(sent).toMatchObject({ status: 'sent', order: '7', receivedAt: 50 })
    expect(after(sent, accepted)).toBe(sent)
    expect(after(sent, failed)).toBe(sent)
    expect(after(sent, { kind: 'queued' })).toBe(sent)
  })

  it('fails with a reason, which goes with the next attempt', () => {
    const lost = after(fresh, failed)
    expect(lost).toMatchObject({ status: 'failed', failure: { code: 'not_member' } })
    expect(after(lost, { kind: 'queued' })).toEqual(fresh)
    expect(after(lost, accepted)).toEqual(after(fresh, accepted))
  })

  it('is nothing to messages of others', () => {
    const theirs = { ...fresh, own: false }
    expect(after(theirs, accepted, failed, { kind: 'queued' })).toBe(theirs)
  })
})

describe('what is not in the log yet', () => {
  it('is shown as done and changes nothing else', () => {
    const pending = [edit('soon'), react('👍', undefined, alice)]
    const waiting = after(fresh, ...pending)
    expect(waiting).toMatchObject({ text: 'first', reactions: new Map() })
    expect(shownRecord(waiting)).toMatchObject({ text: 'soon', reactions: new Map([['alice', '👍']]) })
    expect(shownRecord(after(waiting, edit('other device', '99', aliceToo)))).toMatchObject({ text: 'soon' })
    expect(after(waiting, pending[0] as MemberAction)).toBe(waiting)
  })

  it('shows the last of several, in the order in which they were done', () => {
    const many = Array.from({ length: 12 }, (_, index) => edit(`edit ${index}`))
    expect(shownRecord(after(fresh, ...many)).text).toBe('edit 11')
  })

  it('is settled by the log', () => {
    const queued = edit('soon')
    const settled = after(fresh, queued, { ...queued, order: '4' })
    expect(settled).toEqual(after(fresh, { ...queued, order: '4' }))
    expect(settled).toMatchObject({ text: 'soon', pending: [] })
  })

  it('is dropped when it will not be sent', () => {
    const queued = remove()
    const waiting = after(fresh, queued)
    expect(shownRecord(waiting).deleted).toBe(true)
    expect(after(waiting, { kind: 'dropped', id: queued.id })).toEqual(fresh)
  })

  it('of others’ messages is not shown', () => {
    expect(shownRecord(after(fresh, edit('not mine', undefined, bob))).text).toBe('first')
  })
})

describe('expiry', () => {
  it('comes at its time', () => {
    expect(isExpired(fresh, Number.MAX_SAFE_INTEGER)).toBe(false)
    expect(isExpired({ expiresAt: 10 }, 9)).toBe(false)
    expect(isExpired({ expiresAt: 10 }, 10)).toBe(true)
  })
})

describe('what an envelope is', () => {
  it('is a message of its own, or something done to others', () => {
    const source = { id: 'e', author: bob, order: '3' }
    expect(actionsOf(envelope, source)).toEqual([])
    const receipts = actionsOf({ ...envelope, content: { kind: 'receipt', delivered: ['a'], read: ['b'] } }, source)
    expect(receipts.map(({ target, action }) => [target, action.kind === 'receipt' && action.status])).toEqual([
      ['a', 'delivered'],
      ['b', 'read'],
    ])
    for (const content of [{ kind: 'delete', replaces: 'a' }, { kind: 'stateRequest' }] as const) {
      expect(recordOf(message, { ...envelope, content })).toBeUndefined()
    }
  })
})

/** The rules once more, told the slow way: over the whole log, in its order. */
function replayed(log: readonly MemberAction[]) {
  const shown = {
    text: 'first' as string | undefined,
    deleted: false,
    reactions: new Map<string, string>(),
    read: new Set<string>(),
  }
  const delivered = new Set<string>()
  for (const action of [...log].sort((a, b) => compareText(a.order ?? '', b.order ?? ''))) {
    const { userId } = action.author
    if (action.kind === 'receipt') {
      if (userId === 'alice') continue
      delivered.add(userId)
      if (action.status === 'read') shown.read.add(userId)
    } else if (action.kind === 'reaction') {
      if (shown.deleted) continue
      if (action.emoji === undefined) shown.reactions.delete(userId)
      else shown.reactions.set(userId, action.emoji)
    } else if (userId === 'alice' && !shown.deleted) {
      shown.deleted = action.kind === 'delete'
      shown.text = action.kind === 'edit' ? action.text : undefined
      if (shown.deleted) shown.reactions.clear()
    }
  }
  return { ...shown, delivered }
}

function randomLog(chance: Chance): MemberAction[] {
  const people = [alice, aliceToo, bob, proto, { userId: 'carol', deviceId: 'c' }]
  return Array.from({ length: chance.integer(14) }, (_, index): MemberAction => {
    const author = chance.of(people)
    const order = String(index).padStart(4, '0')
    switch (chance.integer(8)) {
      case 0:
        return remove(order, author)
      case 1:
      case 2:
        return edit(`edit ${index}`, order, author)
      case 3:
      case 4:
      case 5:
        return react(chance.of(['👍', '👎', undefined]), order, author)
      case 6:
        return receipt('delivered', author)
      default:
        return receipt('read', author)
    }
  })
}

describe('any log, in any order, any number of times', () => {
  it('gives the one record that the log says (2,000 logs, 4 orders each)', () => {
    const chance = chanceFrom(42)
    let deletions = 0
    for (let index = 0; index < 2_000; index += 1) {
      const log = randomLog(chance)
      const record = after(fresh, ...log)
      const expected = replayed(log)
      if (expected.deleted) deletions += 1
      expect(record.text).toBe(expected.text)
      expect(record.deleted).toBe(expected.deleted)
      expect(record.reactions).toEqual(expected.reactions)
      expect(record.deliveredTo).toEqual([...expected.delivered].sort())
      expect(record.readBy).toEqual([...expected.read].sort())
      for (let round = 0; round < 4; round += 1) {
        const redelivered = shuffled(chance, [...log, ...log.filter(() => chance.flip())])
        expect(after(fresh, ...redelivered)).toEqual(record)
      }
      expect(after(record, ...log)).toBe(record)
    }
    expect(deletions).toBeGreaterThan(100)
  })
})
