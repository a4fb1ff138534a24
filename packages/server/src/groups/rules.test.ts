import type { Role } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol'
import { describe, expect, test } from 'vitest'
import {
  changesNothing,
  type Decision,
  decideAdd,
  decideDelete,
  decideMembers,
  decideRemove,
  decideRole,
  seenBy,
} from './rules.ts'

const group = {
  members: new Map<string, Role>([
    ['olga', 'owner'],
    ['adam', 'admin'],
    ['anna', 'admin'],
    ['mia', 'member'],
    ['max', 'member'],
  ]),
}
const before = [...group.members]

/** Everybody who may ask: one of each role, and one who is not in the group. */
const actors = ['olga', 'adam', 'mia', 'sam'] as const
type Row = readonly [olga: string, adam: string, mia: string, sam: string]

/** What was decided, in a word, or the code of the refusal. */
function outcome(decide: () => Decision): string {
  try {
    const { add, remove, roles, delete: gone } = decide()
    const parts = [...add.map((user) => `+${user}`), ...remove.map((user) => `-${user}`)]
    for (const [user, role] of roles) parts.push(`${user}=${role}`)
    if (gone) parts.push('gone')
    return parts.length === 0 ? 'nothing' : parts.join(' ')
  } catch (error) {
    if (error instanceof SottoError) return error.code
    throw error
  }
}

/** Each action, with what becomes of it for each actor. */
const table: Record<string, { readonly decide: (actor: string) => Decision; readonly row: Row }> = {
  'add one': { decide: (a) => decideAdd(group, a, ['new'], 10), row: ['+new', '+new', 'forbidden', 'not_member'] },
  'add one twice': { decide: (a) => decideAdd(group, a, ['new', 'new'], 10), row: ['+new', '+new', 'forbidden', 'not_member'] },
  'add who is there': {
    decide: (a) => decideAdd(group, a, ['max', 'olga'], 5),
    row: ['nothing', 'nothing', 'forbidden', 'not_member'],
  },
  'add old and new': { decide: (a) => decideAdd(group, a, ['max', 'new'], 6), row: ['+new', '+new', 'forbidden', 'not_member'] },
  'add beyond the limit': {
    decide: (a) => decideAdd(group, a, ['new', 'newer'], 6),
    row: ['limit_reached', 'limit_reached', 'forbidden', 'not_member'],
  },
  'remove a member': { decide: (a) => decideRemove(group, a, 'max'), row: ['-max', '-max', 'forbidden', 'not_member'] },
  'remove an admin': { decide: (a) => decideRemove(group, a, 'anna'), row: ['-anna', 'forbidden', 'forbidden', 'not_member'] },
  'remove the owner': {
    decide: (a) => decideRemove(group, a, 'olga'),
    row: ['owner_must_transfer', 'owner_must_transfer', 'forbidden', 'not_member'],
  },
  'remove nobody': { decide: (a) => decideRemove(group, a, 'nil'), row: ['not_found', 'not_found', 'forbidden', 'not_member'] },
  leave: { decide: (a) => decideRemove(group, a, a), row: ['owner_must_transfer', '-adam', '-mia', 'not_member'] },
  'make a member admin': {
    decide: (a) => decideRole(group, a, 'max', 'admin'),
    row: ['max=admin', 'forbidden', 'forbidden', 'not_member'],
  },
  'make an admin member': {
    decide: (a) => decideRole(group, a, 'anna', 'member'),
    row: ['anna=member', 'forbidden', 'forbidden', 'not_member'],
  },
  'make a member owner': {
    decide: (a) => decideRole(group, a, 'max', 'owner'),
    row: ['max=owner olga=admin', 'forbidden', 'forbidden', 'not_member'],
  },
  'make an admin owner': {
    decide: (a) => decideRole(group, a, 'anna', 'owner'),
    row: ['anna=owner olga=admin', 'forbidden', 'forbidden', 'not_member'],
  },
  'make the owner admin': {
    decide: (a) => decideRole(group, a, 'olga', 'admin'),
    row: ['owner_must_transfer', 'forbidden', 'forbidden', 'not_member'],
  },
  'make the owner member': {
    decide: (a) => decideRole(group, a, 'olga', 'member'),
    row: ['owner_must_transfer', 'forbidden', 'forbidden', 'not_member'],
  },
  'make the owner owner': {
    decide: (a) => decideRole(group, a, 'olga', 'owner'),
    row: ['nothing', 'forbidden', 'forbidden', 'not_member'],
  },
  'give the role it has': {
    decide: (a) => decideRole(group, a, 'max', 'member'),
    row: ['nothing', 'forbidden', 'forbidden', 'not_member'],
  },
  'make oneself owner': {
    decide: (a) => decideRole(group, a, a, 'owner'),
    row: ['nothing', 'forbidden', 'forbidden', 'not_member'],
  },
  'make nobody admin': {
    decide: (a) => decideRole(group, a, 'nil', 'admin'),
    row: ['not_found', 'forbidden', 'forbidden', 'not_member'],
  },
  delete: {
    decide: (a) => decideDelete(group, a),
    row: ['-olga -adam -anna -mia -max gone', 'forbidden', 'forbidden', 'not_member'],
  },
}

describe.each(Object.entries(table))('%s', (_, { decide, row }) => {
  test.each(actors.map((actor, index) => [actor, row[index]] as const))('by %s: %s', (actor, expected) => {
    expect(outcome(() => decide(actor))).toBe(expected)
    expect([...group.members]).toEqual(before)
  })
})

test('a refusal for a limit names it', () => {
  expect(() => decideAdd(group, 'olga', ['new'], 5)).toThrow(
    expect.objectContaining({ code: 'limit_reached', extra: { limit: 'GROUP_MEMBERS' } }),
  )
})

describe('a new group', () => {
  test('has each member once, the creator not among the others', () => {
    expect(decideMembers('olga', ['mia', 'olga', 'max', 'mia'], 3)).toEqual(['mia', 'max'])
  })

  test('may have its creator alone', () => {
    expect(decideMembers('olga', [], 1)).toEqual([])
  })

  test('counts the creator', () => {
    expect(() => decideMembers('olga', ['mia', 'max'], 2)).toThrow(expect.objectContaining({ code: 'limit_reached' }))
  })
})

test('a stranger cannot tell a group from none', () => {
  const refusals = [group, undefined].map((seen) => {
    try {
      return seenBy('sam', seen)
    } catch (error) {
      return { ...(error as SottoError), message: (error as SottoError).message }
    }
  })
  expect(refusals[0]).toEqual(refusals[1])
  expect(refusals[0]).toMatchObject({ code: 'not_member' })
  expect(seenBy('mia', group)).toBe(group)
})

test('a decision to delete is a change though nobody is left to remove', () => {
  expect(changesNothing({ add: [], remove: [], roles: new Map(), delete: true })).toBe(false)
  expect(changesNothing({ add: [], remove: [], roles: new Map(), delete: false })).toBe(true)
})
