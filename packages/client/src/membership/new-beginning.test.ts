import { describe, expect, it } from 'vitest'
import type { Role, Roster } from './membership.ts'
import { judgeNewBeginning } from './new-beginning.ts'
import { rosterOfNew } from './roster-changes.ts'

const roles = { olga: 'owner', adam: 'admin', anna: 'admin', mia: 'member', max: 'member' } as const
const rosterOf = (members: Readonly<Record<string, Role>>): Roster => ({
  direct: false,
  members: new Map(Object.entries(members)),
})
const before = rosterOf(roles)
const nobody = new Set<string>()

function without(...left: string[]): Roster {
  return { direct: false, members: new Map([...before.members].filter(([userId]) => !left.includes(userId))) }
}

describe('a group that begins anew', () => {
  it.each(['olga', 'adam'])('with the members and roles of before does so by %s', (by) => {
    expect(judgeNewBeginning({ before, after: rosterOf(roles), by, gone: nobody })).toBeUndefined()
  })

  it.each(['mia', 'eve'])('does not by %s, who is neither owner nor admin', (by) => {
    expect(judgeNewBeginning({ before, after: rosterOf(roles), by, gone: nobody })).toMatch('only the owner or an admin')
  })

  it.each<Readonly<Record<string, Role>>>([
    { ...roles, eve: 'member' },
    { ...roles, mia: 'admin' },
    { ...roles, adam: 'owner', olga: 'admin' },
    { ...roles, anna: 'member' },
  ])('with other roles does not: %o', (members) => {
    for (const by of ['olga', 'adam'])
      expect(judgeNewBeginning({ before, after: rosterOf(members), by, gone: nobody })).toMatch('another role')
  })

  it('lacks whom the one who begins it governs', () => {
    expect(judgeNewBeginning({ before, after: without('mia', 'adam'), by: 'olga', gone: nobody })).toBeUndefined()
    expect(judgeNewBeginning({ before, after: without('mia', 'max'), by: 'adam', gone: nobody })).toBeUndefined()
  })

  it.each(['olga', 'anna', 'adam'])('by an admin does not lack %s', (userId) => {
    expect(judgeNewBeginning({ before, after: without(userId), by: 'adam', gone: nobody })).toBe(`${userId} is left out`)
  })

  it('by the owner does not lack the owner', () => {
    expect(judgeNewBeginning({ before, after: without('olga'), by: 'olga', gone: nobody })).toBe('olga is left out')
  })

  it('lacks who has gone', () => {
    expect(judgeNewBeginning({ before, after: without('anna'), by: 'adam', gone: new Set(['anna']) })).toBeUndefined()
  })

  it('is of the same kind', () => {
    const pair = rosterOfNew('mia', ['max'], true)
    expect(judgeNewBeginning({ before: pair, after: pair, by: 'max', gone: nobody })).toBeUndefined()
    expect(judgeNewBeginning({ before: pair, after: before, by: 'max', gone: nobody })).toMatch('another kind')
    expect(judgeNewBeginning({ before, after: pair, by: 'olga', gone: nobody })).toMatch('another kind')
  })
})

describe('a group that has gone on since it began anew', () => {
  const since = new Map<string, Role>(Object.entries(roles))

  it('is shown by any member of before', () => {
    expect(judgeNewBeginning({ before, after: rosterOf(roles), by: 'mia', gone: nobody, since })).toBeUndefined()
    expect(judgeNewBeginning({ before, after: rosterOf(roles), by: 'eve', gone: nobody, since })).toMatch('only the owner')
  })

  it('has changed as far as the server agrees', () => {
    const after = rosterOf({ olga: 'owner', adam: 'member', mia: 'member', max: 'member', zoe: 'member' })
    expect(judgeNewBeginning({ before, after, by: 'mia', gone: nobody, since: after.members })).toBeUndefined()
  })

  it.each<[string, Readonly<Record<string, Role>>]>([
    ['another role', { ...roles, eve: 'member' }],
    ['another role', { ...roles, adam: 'owner', olga: 'admin' }],
    ['left out', { olga: 'owner', adam: 'admin', anna: 'admin', mia: 'member' }],
    ['left out', { adam: 'admin', anna: 'admin', mia: 'member', max: 'member' }],
  ])('has not where the server knows nothing of it: %s', (problem, members) => {
    for (const by of ['olga', 'adam', 'mia'])
      expect(judgeNewBeginning({ before, after: rosterOf(members), by, gone: nobody, since })).toMatch(problem)
  })
})
