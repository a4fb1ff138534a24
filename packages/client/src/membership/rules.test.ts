import { describe, expect, test } from 'vitest'
import type { Standing } from '../identity/vouching.ts'
import type { CommitClaim, MemberDevice, Role, Roster } from './membership.ts'
import type { CommitRefusal } from './refusals.ts'
import { rosterOfNew } from './roster-changes.ts'
import { type CommitCase, claimOf, judgeCommit } from './rules.ts'

/**
 * A team of an owner (olga), two admins (adam, anna) and three members (mia, max, moe), each with a phone, mia and adam with
 * a laptop too, moe with nothing. Devices are written `user` (the phone) or `user/device`.
 */
const roles: Record<string, Role> = { olga: 'owner', adam: 'admin', anna: 'admin', mia: 'member', max: 'member', moe: 'member' }
const team: Roster = { direct: false, members: new Map(Object.entries(roles)) }
const teamDevices = 'olga adam adam/laptop anna mia mia/laptop max'
const pair = rosterOfNew('mia', ['max'], true)
const pairDevices = 'mia mia/laptop max'

interface Told {
  by: string
  add?: string
  remove?: string
  leave?: string
  roles?: Record<string, Role>
  external?: boolean
  /** Devices that are in no list; users of whom none is known. */
  unlisted?: string
  unknown?: string
  /** Who has said so; whom the server says has departed. */
  leaves?: string
  departed?: string
  past?: boolean
  direct?: boolean
}

function device(name: string): MemberDevice {
  const [userId = '', deviceId = 'phone'] = name.split('/')
  return { userId, deviceId }
}

const words = (text = '') => text.split(' ').filter((word) => word !== '')
const devices = (text?: string) => words(text).map(device)

function commitOf(told: Told, change: Partial<CommitCase> = {}): CommitCase {
  const roster = told.direct ? pair : team
  const by = device(told.by)
  const external = told.external ?? false
  const added = external ? [by] : devices(told.add)
  const removed = devices(told.remove)
  const isIn = (text: string | undefined, { userId, deviceId }: MemberDevice) =>
    devices(text).some((one) => one.userId === userId && one.deviceId === deviceId)
  const vouched = (one: MemberDevice): Standing => {
    if (words(told.unknown).includes(one.userId)) return 'unknown'
    return isIn(told.unlisted, one) ? 'unlisted' : 'listed'
  }
  const asked = { by, add: added, remove: removed, leave: words(told.leave), roles: new Map(Object.entries(told.roles ?? {})) }
  return {
    roster,
    effect: { by, external, added, removed },
    devicesBefore: devices(told.direct ? pairDevices : teamDevices),
    departed: devices(told.departed),
    leaves: new Set(words(told.leaves)),
    // No roster of a pair is written down that is not theirs: a wrong claim keeps the right one's hash.
    claim: told.direct
      ? { ...claimOf(pair, { ...asked, add: [], leave: [] }).claim, added, left: asked.leave }
      : claimOf(roster, asked, external).claim,
    vouched,
    ...(told.past === undefined ? {} : { past: told.past }),
    ...change,
  }
}

/** The roster after a permitted commit, or the reason of a refusal. */
function judged(told: Told, change?: Partial<CommitCase>): Record<string, Role> | CommitRefusal {
  const verdict = judgeCommit(commitOf(told, change))
  return 'refused' in verdict ? verdict.refused : Object.fromEntries(verdict.roster.members)
}

function without(...users: string[]): Record<string, Role> {
  return Object.fromEntries(Object.entries(roles).filter(([userId]) => !users.includes(userId)))
}

const same = roles
const pairRoles: Record<string, Role> = { mia: 'member', max: 'member' }

describe('permitted', () => {
  test.each<[string, Told, Record<string, Role>]>([
    ['fresh keys', { by: 'mia' }, same],
    ['fresh keys in a pair', { by: 'max', direct: true }, pairRoles],

    ['the owner adds a user', { by: 'olga', add: 'neo neo/laptop' }, { ...same, neo: 'member' }],
    ['an admin adds a user', { by: 'adam/laptop', add: 'neo' }, { ...same, neo: 'member' }],
    ['a member adds a device of a member', { by: 'mia', add: 'max/laptop' }, same],
    ['a member adds a device of the owner', { by: 'mia', add: 'olga/laptop' }, same],
    ['a member adds a device of its own', { by: 'mia', add: 'mia/tablet' }, same],
    ['a member adds the first device of a member without one', { by: 'mia', add: 'moe' }, same],
    ['one of a pair adds a device of the other', { by: 'mia', add: 'max/laptop', direct: true }, pairRoles],

    ['a member removes an own other device', { by: 'mia', remove: 'mia/laptop' }, same],
    ['one of a pair removes an own other device', { by: 'mia', remove: 'mia/laptop', direct: true }, pairRoles],
    ['an admin removes a device of its own', { by: 'adam', remove: 'adam/laptop' }, same],
    ['an own device starts anew', { by: 'mia', add: 'mia/laptop', remove: 'mia/laptop' }, same],
    ['an admin has the device of a member start anew', { by: 'adam', add: 'max', remove: 'max' }, same],

    ['the owner removes one device of an admin', { by: 'olga', remove: 'adam/laptop' }, same],
    ['an admin removes one device of a member', { by: 'adam', remove: 'mia/laptop' }, same],
    ['the owner removes a member', { by: 'olga', remove: 'mia mia/laptop', leave: 'mia' }, without('mia')],
    ['the owner removes an admin', { by: 'olga', remove: 'anna', leave: 'anna' }, without('anna')],
    ['an admin removes a member', { by: 'adam', remove: 'max', leave: 'max' }, without('max')],
    ['an admin removes a member without a device', { by: 'adam', leave: 'moe' }, without('moe')],
    ['an admin takes the last device and leaves the member', { by: 'adam', remove: 'max' }, same],
    [
      'much at once',
      { by: 'olga', add: 'neo max/tablet', remove: 'anna adam/laptop', leave: 'anna moe' },
      { ...without('anna', 'moe'), neo: 'member' },
    ],

    ['a member removes what is unlisted', { by: 'mia', remove: 'max', unlisted: 'max' }, same],
    ['a member removes what is unlisted of the owner', { by: 'mia', remove: 'olga', unlisted: 'olga' }, same],
    ['one of a pair removes what is unlisted', { by: 'mia', remove: 'max', unlisted: 'max', direct: true }, pairRoles],
    ['a member removes who leaves', { by: 'mia', remove: 'max', leave: 'max', leaves: 'max' }, without('max')],
    [
      'a member removes an admin who leaves',
      { by: 'mia', remove: 'adam adam/laptop', leave: 'adam', leaves: 'adam' },
      without('adam'),
    ],
    ['an admin removes an admin who leaves', { by: 'adam', remove: 'anna', leave: 'anna', leaves: 'anna' }, without('anna')],
    ['the owner has left by its own word', { by: 'mia', remove: 'olga', leave: 'olga', leaves: 'olga' }, without('olga')],
    ['who leaves may go on being a member for a while', { by: 'mia', remove: 'max', leaves: 'max' }, same],
    ['a member without a device leaves', { by: 'mia', leave: 'moe', leaves: 'moe' }, without('moe')],
    ['one of a pair removes the devices of who leaves', { by: 'mia', remove: 'max', leaves: 'max', direct: true }, pairRoles],
    ['who is unlisted is replaced', { by: 'mia', add: 'max/laptop', remove: 'max', unlisted: 'max' }, same],

    ['the owner gives a role', { by: 'olga', roles: { mia: 'admin' } }, { ...same, mia: 'admin' }],
    ['the owner takes a role', { by: 'olga', roles: { adam: 'member' } }, { ...same, adam: 'member' }],
    ['the owner hands over', { by: 'olga', roles: { mia: 'owner' } }, { ...same, mia: 'owner', olga: 'admin' }],
    ['the owner adds an admin', { by: 'olga', add: 'neo', roles: { neo: 'admin' } }, { ...same, neo: 'admin' }],
    [
      'the owner hands over to who is new',
      { by: 'olga', add: 'neo', roles: { neo: 'owner' } },
      { ...same, neo: 'owner', olga: 'admin' },
    ],

    ['a device joins from outside', { by: 'max/laptop', external: true }, same],
    ['a device joins from outside in its own place', { by: 'mia/laptop', remove: 'mia/laptop', external: true }, same],
    ['the first device of a member joins from outside', { by: 'moe', external: true }, same],
    ['a device of a pair joins from outside', { by: 'max', remove: 'max', external: true, direct: true }, pairRoles],

    ['in the past, what is unlisted by now', { by: 'mia', add: 'max/laptop', unlisted: 'mia max/laptop', past: true }, same],
    ['in the past, from outside', { by: 'max/laptop', external: true, unlisted: 'max/laptop', past: true }, same],
  ])('%s', (_, told, after) => {
    expect(judged(told)).toEqual(after)
  })
})

describe('refused', () => {
  test.each<[string, Told, CommitRefusal]>([
    ['a committer that is not in the group', { by: 'max/laptop' }, 'unknown_committer'],
    ['a committer that is no member', { by: 'neo' }, 'unknown_committer'],
    ['an external committer that is no member', { by: 'neo', external: true }, 'unknown_committer'],
    ['an external committer that is not of the pair', { by: 'neo', external: true, direct: true }, 'unknown_committer'],
    ['a committer that is unlisted', { by: 'mia', unlisted: 'mia' }, 'unlisted_device'],
    ['a committer that nobody knows', { by: 'mia', unknown: 'mia', past: true }, 'unlisted_device'],
    [
      'an external committer that is unlisted: a ghost',
      { by: 'mia/ghost', external: true, unlisted: 'mia/ghost' },
      'unlisted_device',
    ],

    ['a member adds a user', { by: 'mia', add: 'neo' }, 'not_permitted_to_add'],
    ['a member adds a user among devices of members', { by: 'mia', add: 'max/laptop neo' }, 'not_permitted_to_add'],
    ['one of a pair adds a third', { by: 'mia', add: 'neo', direct: true }, 'direct_is_fixed'],
    ['an unlisted device is added: a ghost', { by: 'olga', add: 'max/ghost', unlisted: 'max/ghost' }, 'unlisted_device'],
    ['an unlisted device is added with a user', { by: 'olga', add: 'neo', unlisted: 'neo' }, 'unlisted_device'],
    ['a device of who is not known is added', { by: 'olga', add: 'neo', unknown: 'neo', past: true }, 'unlisted_device'],
    ['a device is added that is there', { by: 'olga', add: 'max' }, 'already_in_group'],
    ['a device joins from outside that is there', { by: 'max', external: true }, 'already_in_group'],
    ['a committer adds itself', { by: 'mia', add: 'mia' }, 'already_in_group'],

    ['a committer removes itself', { by: 'mia', remove: 'mia' }, 'removes_itself'],
    ['a committer replaces itself', { by: 'mia', add: 'mia', remove: 'mia' }, 'removes_itself'],
    ['a device is removed that is not there', { by: 'olga', remove: 'max/laptop' }, 'not_in_group'],
    ['a device of nobody is removed', { by: 'olga', remove: 'neo' }, 'not_in_group'],
    ['a member removes a device of another', { by: 'mia', remove: 'max' }, 'not_permitted_to_remove'],
    ['a member removes a device of the owner', { by: 'mia', remove: 'olga' }, 'not_permitted_to_remove'],
    ['a member has another device start anew', { by: 'mia', add: 'max', remove: 'max' }, 'not_permitted_to_remove'],
    ['an admin removes a device of an admin', { by: 'adam', remove: 'anna' }, 'not_permitted_to_remove'],
    ['an admin removes a device of the owner', { by: 'adam', remove: 'olga' }, 'not_permitted_to_remove'],
    ['one of a pair removes the other', { by: 'mia', remove: 'max', direct: true }, 'not_permitted_to_remove'],
    ['a member removes an unknown user’s device', { by: 'mia', remove: 'max', unknown: 'max' }, 'not_permitted_to_remove'],
    ['one device is permitted, the other is not', { by: 'mia', remove: 'max mia/laptop' }, 'not_permitted_to_remove'],
    ['only one of two is unlisted', { by: 'max', remove: 'mia mia/laptop', unlisted: 'mia/laptop' }, 'not_permitted_to_remove'],
    ['the server alone says that it departed', { by: 'mia', remove: 'max', departed: 'max' }, 'departure_unproven'],
    [
      'the server alone says it of a member who leaves',
      { by: 'mia', remove: 'max', leave: 'max', departed: 'max' },
      'departure_unproven',
    ],
    ['the server says it of another device', { by: 'max', remove: 'mia', departed: 'mia/laptop' }, 'not_permitted_to_remove'],

    ['a member ends a membership', { by: 'mia', leave: 'moe' }, 'not_permitted_to_leave'],
    [
      'a member ends one whose devices are unlisted',
      { by: 'mia', remove: 'max', leave: 'max', unlisted: 'max' },
      'not_permitted_to_leave',
    ],
    ['an admin ends that of an admin', { by: 'adam', remove: 'anna', leave: 'anna', unlisted: 'anna' }, 'not_permitted_to_leave'],
    ['an admin ends that of the owner', { by: 'adam', remove: 'olga', leave: 'olga', unlisted: 'olga' }, 'owner_must_transfer'],
    ['a membership ends while a device stays', { by: 'olga', remove: 'mia', leave: 'mia' }, 'still_present'],
    ['a membership ends while a device comes', { by: 'olga', add: 'max/laptop', remove: 'max', leave: 'max' }, 'still_present'],
    ['a committer ends its own', { by: 'max', leave: 'max', leaves: 'max' }, 'still_present'],
    ['a stranger leaves', { by: 'olga', leave: 'neo' }, 'not_a_member'],
    ['one of a pair leaves it', { by: 'mia', remove: 'max', leave: 'max', leaves: 'max', direct: true }, 'direct_is_fixed'],

    ['a member gives a role', { by: 'mia', roles: { max: 'admin' } }, 'owner_only'],
    ['an admin gives a role', { by: 'adam', roles: { max: 'admin' } }, 'owner_only'],
    ['an admin makes itself the owner', { by: 'adam', roles: { adam: 'owner' } }, 'owner_only'],
    ['an admin adds an admin', { by: 'adam', add: 'neo', roles: { neo: 'admin' } }, 'owner_only'],
    ['the owner steps down without a successor', { by: 'olga', roles: { olga: 'admin' } }, 'owner_must_transfer'],

    ['from outside, with another removed', { by: 'max/laptop', remove: 'max', external: true }, 'external_beyond_itself'],
    ['from outside, with a member put out', { by: 'olga/tablet', leave: 'moe', external: true }, 'external_beyond_itself'],
    ['from outside, with a role', { by: 'olga/tablet', roles: { mia: 'admin' }, external: true }, 'external_beyond_itself'],
    ['from outside, after saying to leave', { by: 'max/laptop', leaves: 'max', external: true }, 'left_by_own_word'],
    [
      'from outside, in the place of a leaf that is not there',
      { by: 'max/laptop', remove: 'max/laptop', external: true },
      'not_in_group',
    ],
  ])('%s', (_, told, reason) => {
    expect(judged(told)).toBe(reason)
  })

  test('a role in a conversation of two', () => {
    const { claim } = commitOf({ by: 'mia', direct: true })
    const withRole = { ...claim, roles: new Map<string, Role>([['mia', 'owner']]) }
    expect(judged({ by: 'mia', direct: true }, { claim: withRole })).toBe('direct_is_fixed')
  })

  test('an external commit that adds another device than its own', () => {
    const effect = { by: device('max/laptop'), external: true, added: devices('max/tablet'), removed: [] }
    expect(judged({ by: 'max/laptop', external: true }, { effect })).toBe('external_beyond_itself')
  })

  test('an external commit may be told without its own leaf among the added', () => {
    const effect = { by: device('max/laptop'), external: true, added: [], removed: [] }
    expect(judged({ by: 'max/laptop', external: true }, { effect })).toEqual(same)
  })

  test.each<[string, Partial<CommitCase>]>([
    ['a device of nobody in the tree', { devicesBefore: devices(`${teamDevices} ghost`) }],
    ['a leaf twice', { devicesBefore: devices(`${teamDevices} mia`) }],
    ['a device added twice', { effect: { by: device('olga'), external: false, added: devices('neo neo'), removed: [] } }],
    ['a device removed twice', { effect: { by: device('olga'), external: false, added: [], removed: devices('max max') } }],
  ])('what contradicts itself: %s', (_, change) => {
    expect(judged({ by: 'olga' }, change)).toBe('inconsistent')
  })

  test('more members than a group can have', () => {
    const members = new Map<string, Role>(Array.from({ length: 9_999 }, (_, at) => [`u${at}`, 'member']))
    const roster: Roster = { direct: false, members: members.set('olga', 'owner') }
    const effect = { by: device('olga'), external: false, added: devices('neo'), removed: [] }
    expect(judged({ by: 'olga' }, { roster, effect, devicesBefore: devices('olga') })).toBe('too_many_members')
  })
})

describe('the claim says exactly what is done', () => {
  const told: Told = { by: 'olga', add: 'neo', remove: 'max', leave: 'max moe', roles: { mia: 'owner' } }
  const { claim } = commitOf(told)

  test('as it is', () => {
    expect(judged(told)).toEqual({ ...without('max', 'moe'), neo: 'member', mia: 'owner', olga: 'admin' })
  })

  test.each<[string, Partial<CommitClaim>]>([
    ['an add less', { added: [] }],
    ['an add more', { added: devices('neo neo/laptop') }],
    ['another add', { added: devices('nea') }],
    ['a removal less', { removed: [] }],
    ['a removal more', { removed: devices('max anna') }],
    ['who left, less', { left: ['max'] }],
    ['a role less: that of the former owner', { roles: new Map([['mia', 'owner']]) }],
    [
      'another role for the former owner',
      {
        roles: new Map([
          ['mia', 'owner'],
          ['olga', 'member'],
        ]),
      },
    ],
    ['a role more that changes nothing', { roles: new Map([...claim.roles, ['adam', 'admin']]) }],
    ['another hash', { rosterHash: new Uint8Array(32) }],
  ])('%s', (_, change) => {
    expect(judged(told, { claim: { ...claim, ...change } })).toBe('claim_differs')
  })

  test.each<[string, Partial<CommitClaim>, CommitRefusal]>([
    ['who left, more', { left: ['max', 'moe', 'mia'] }, 'still_present'],
    ['who left, twice', { left: ['max', 'moe', 'moe'] }, 'inconsistent'],
    ['an add twice', { added: devices('neo neo') }, 'inconsistent'],
    ['two owners', { roles: new Map([...claim.roles, ['adam', 'owner']]) }, 'owner_must_transfer'],
    ['a role of nobody', { roles: new Map([...claim.roles, ['nobody', 'admin']]) }, 'not_a_member'],
    ['a role of who left', { roles: new Map([...claim.roles, ['max', 'admin']]) }, 'not_a_member'],
  ])('%s', (_, change, reason) => {
    expect(judged(told, { claim: { ...claim, ...change } })).toBe(reason)
  })

  test('the order of lists says nothing', () => {
    const turned = { ...claim, left: claim.left.toReversed(), roles: new Map([...claim.roles].reverse()) }
    expect(judged(told, { claim: turned })).toEqual(judged(told))
  })
})

describe('what to ask for', () => {
  const asked = (told: Told) => {
    const verdict = judgeCommit(commitOf(told))
    return 'refused' in verdict ? verdict.ask : undefined
  }

  test.each<[string, Told, readonly string[]]>([
    ['the list of who adds an unlisted device', { by: 'mia', add: 'max/laptop', unlisted: 'max/laptop' }, ['max']],
    ['the list of an unlisted committer', { by: 'mia', unlisted: 'mia' }, ['mia']],
    ['the list of whose device is removed', { by: 'mia', remove: 'max', departed: 'max' }, ['max']],
    ['nothing where no list could help', { by: 'mia', add: 'neo' }, []],
  ])('%s', (_, told, users) => {
    expect(asked(told)).toEqual(users)
  })
})

test('what the server announces changes no verdict', () => {
  const everybody = teamDevices
  const cases: Told[] = [
    { by: 'mia', remove: 'max' },
    { by: 'mia', remove: 'olga', leave: 'olga' },
    { by: 'adam', remove: 'anna', leave: 'anna' },
    { by: 'mia', leave: 'moe' },
    { by: 'mia', remove: 'max', unlisted: 'max' },
    { by: 'olga', remove: 'max', leave: 'max' },
  ]
  for (const told of cases) {
    const [silent, loud] = [told, { ...told, departed: `${everybody} moe` }].map((one) => judgeCommit(commitOf(one)))
    expect('refused' in silent!).toBe('refused' in loud!)
    if ('roster' in silent!) expect(loud).toEqual(silent)
  }
  const wholeUser = commitOf({ by: 'mia', remove: 'max' }, { departed: [{ userId: 'max' }] })
  expect(judgeCommit(wholeUser)).toEqual({ refused: 'departure_unproven', ask: ['max'] })
})
