import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toCanonical } from '../identity/canonical.ts'
import type { Role, Roster } from './membership.ts'
import { decodeRoster, encodeRoster, rosterFits, rosterHash, sinceOf } from './roster.ts'
import { comingBy, rolesBetween, rosterAfter, rosterOfNew } from './roster-changes.ts'

const malformed = expect.objectContaining({ reason: 'malformed' })
const roster = (members: Record<string, Role>, direct = false): Roster => ({ direct, members: new Map(Object.entries(members)) })
const team = roster({ olga: 'owner', adam: 'admin', mia: 'member', max: 'member' })
const pair = roster({ mia: 'member', max: 'member' }, true)

describe('encoding', () => {
  const later: Roster = {
    ...team,
    since: new Map([
      ['mia', 7],
      ['adam', 70_000],
    ]),
  }

  test.each([team, pair, later, roster({}), roster({ adam: 'admin' }), rosterOfNew('zoë 🦊', ['😀', '\uffff'], false)])(
    'round trip (%#)',
    (one) => {
      expect(decodeRoster(encodeRoster(one))).toEqual(one)
    },
  )

  test('is one whatever the order in which members came', () => {
    const turned: Roster = { direct: false, members: new Map([...team.members].reverse()) }
    expect(encodeRoster(turned)).toEqual(encodeRoster(team))
    expect(rosterHash(team)).toEqual(new Uint8Array(createHash('sha256').update(encodeRoster(team)).digest()))
  })

  test('differs for every other roster', () => {
    const others = [
      pair,
      roster({ ...Object.fromEntries(team.members), max: 'admin' }),
      roster({ olga: 'owner', adam: 'admin', mia: 'member' }),
      roster({ olga: 'member', mia: 'member' }),
      rosterOfNew('olga', ['mia'], true),
      later,
      {
        ...team,
        since: new Map([
          ['mia', 8],
          ['adam', 70_000],
        ]),
      },
    ]
    const hashes = [team, ...others].map((one) => Buffer.from(rosterHash(one)).toString('hex'))
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  test.each<[string, Parameters<typeof toCanonical>[1]]>([
    [
      'out of order',
      [
        false,
        [
          ['b', 2],
          ['a', 2],
        ],
      ],
    ],
    [
      'a user twice',
      [
        false,
        [
          ['a', 2],
          ['a', 1],
        ],
      ],
    ],
    [
      'two owners',
      [
        false,
        [
          ['a', 0],
          ['b', 0],
        ],
      ],
    ],
    ['no role', [false, [['a', 3]]]],
    ['a negative role', [false, [['a', -1]]]],
    ['no user id', [false, [['', 2]]]],
    [
      'a pair of three',
      [
        true,
        [
          ['a', 2],
          ['b', 2],
          ['c', 2],
        ],
      ],
    ],
    ['a pair of one', [true, [['a', 2]]]],
    [
      'a pair with an owner',
      [
        true,
        [
          ['a', 0],
          ['b', 2],
        ],
      ],
    ],
    ['a value more', [false, [], 1]],
    ['no list', [false, 'a']],
    ['no flag', [0, []]],
  ])('refuses %s', (_, value) => {
    expect(() => decodeRoster(toCanonical('sotto roster v1', value))).toThrow(malformed)
  })

  test('refuses to write what it would not read', () => {
    const wrongly = (since: [string, number][], of = team): Roster => ({ ...of, since: new Map(since) })
    for (const one of [
      roster({ a: 'owner', b: 'owner' }),
      roster({ '': 'member' }),
      roster({ a: 'member' }, true),
      wrongly([['nobody', 1]]),
      wrongly([['mia', 0]]),
      wrongly([['mia', 1]], pair),
    ]) {
      expect(() => encodeRoster(one)).toThrow(malformed)
    }
    const crowd: Roster = { direct: false, members: new Map(Array.from({ length: 10_001 }, (_, at) => [`u${at}`, 'member'])) }
    expect(() => encodeRoster(crowd)).toThrow(malformed)
  })

  test('every flipped bit is refused or another roster', () => {
    const bytes = encodeRoster(team)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = new Uint8Array(bytes)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      try {
        expect(rosterHash(decodeRoster(changed))).not.toEqual(rosterHash(team))
      } catch (error) {
        expect(error).toMatchObject({ reason: 'malformed' })
      }
    }
  })
})

test('a new conversation', () => {
  expect(rosterOfNew('olga', ['mia', 'olga', 'mia'], false)).toEqual(roster({ olga: 'owner', mia: 'member' }))
  expect(rosterOfNew('mia', ['max'], true)).toEqual(pair)
  for (const others of [[], ['mia'], ['max', 'olga']]) expect(() => rosterOfNew('mia', others, true)).toThrow(malformed)
  expect(() => rosterOfNew('mia', ['a\n'], false)).toThrow(malformed)
})

describe('after a change', () => {
  const after = (added: string[], left: string[], roles: Record<string, Role>) =>
    rosterAfter(team, added, left, new Map(Object.entries(roles)))

  test('users come as members, go, and get roles', () => {
    expect(after(['neo', 'mia'], ['max'], { mia: 'admin', neo: 'admin', max: 'admin', nobody: 'admin' })).toEqual(
      roster({ olga: 'owner', adam: 'admin', mia: 'admin', neo: 'admin' }),
    )
    expect(after(['max'], ['max'], {}).members.get('max')).toBe('member')
  })

  test('who comes in with a first device, comes in with that epoch', () => {
    const device = (userId: string) => ({ userId, deviceId: 'phone' })
    const added = ['max', 'mia', 'neo', 'olga'].map(device)
    const coming = comingBy(5, added, [device('olga'), device('mia')])
    const first = rosterAfter(team, ['max', 'mia', 'neo', 'olga'], [], new Map(), coming)
    expect(first.since).toEqual(
      new Map([
        ['max', 5],
        ['neo', 5],
      ]),
    )
    expect(sinceOf(first, 'max')).toBe(5)
    expect(sinceOf(first, 'mia')).toBe(0)
    // Who leaves and comes back is in since another epoch; in the first epoch of a group, since its beginning.
    const without = rosterAfter(first, [], ['max'], new Map())
    expect(without.since).toEqual(new Map([['neo', 5]]))
    expect(sinceOf(rosterAfter(without, ['max'], [], new Map(), comingBy(9, [device('max')], [])), 'max')).toBe(9)
    expect(rosterAfter(first, ['max', 'neo'], [], new Map(), comingBy(0, added, [])).since).toBeUndefined()
    expect(rosterAfter(pair, ['max'], [], new Map(), comingBy(5, added, []))).toEqual(pair)
  })

  test('who hands over becomes an admin, whatever else is said', () => {
    for (const roles of [{ mia: 'owner' }, { mia: 'owner', olga: 'admin' }, { mia: 'owner', olga: 'member' }] as const) {
      expect(after([], [], roles)).toEqual(roster({ olga: 'admin', adam: 'admin', mia: 'owner', max: 'member' }))
    }
    expect(after([], [], { nobody: 'owner' })).toEqual(team)
  })

  test('the roles between two', () => {
    const next = after(['neo', 'new'], ['max'], { mia: 'owner', neo: 'admin' })
    expect(rolesBetween(team, next)).toEqual(new Map(Object.entries({ olga: 'admin', mia: 'owner', neo: 'admin' })))
    expect(rolesBetween(team, team).size).toBe(0)
  })
})

test('a tree fits to its roster', () => {
  const device = (userId: string, deviceId = 'd') => ({ userId, deviceId })
  expect(rosterFits(team, [device('mia'), device('mia', 'e'), device('olga')])).toBeUndefined()
  expect(rosterFits(pair, [device('mia'), device('max')], ['max', 'mia'])).toBeUndefined()
  expect(rosterFits(team, [device('mia'), device('ghost')])).toBe('a device in the group belongs to no member')
  expect(rosterFits(team, [device('mia'), device('mia')])).toBe('a device is in the group twice')
  expect(rosterFits(team, [device('mia')], ['max', 'mia'])).toBe('it is not the conversation of these two')
  expect(rosterFits(pair, [device('mia')], ['max', 'olga'])).toBe('it is not the conversation of these two')
})
