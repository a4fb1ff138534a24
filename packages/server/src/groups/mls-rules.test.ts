import { type MemberDevice, type Role, SottoError, wire } from '@sotto/protocol'
import { describe, expect, test } from 'vitest'
import type { CommitDecision, DepartedLeaf, Device, Group, MlsState } from '../store/store.ts'
import { directGroupId } from './direct-group-id.ts'
import { type CommitRequest, decideCommit, decideCreation, decideReset } from './mls-rules.ts'
import { decideLeave } from './rules.ts'

const roles: readonly (readonly [string, Role])[] = [
  ['olga', 'owner'],
  ['adam', 'admin'],
  ['anna', 'admin'],
  ['mia', 'member'],
  ['max', 'member'],
  ['lost', 'member'],
]

let numbers = 0
const leaf = (name: string): MemberDevice => {
  const [userId = '', deviceId = ''] = name.split('/')
  return { userId, deviceId }
}
const leaves = (...names: string[]) => names.map(leaf)

/** Everybody has a phone in the group, mia a laptop as well; `lost` has no device. */
function groupOf(state: Partial<MlsState> = {}, members = roles, groupId = 'team'): Group {
  const devices = new Map<string, Map<string, number>>()
  for (const [userId] of members) if (userId !== 'lost') devices.set(userId, new Map([['phone', ++numbers]]))
  devices.get('mia')?.set('laptop', ++numbers)
  const mls = { isDirect: false, generation: 0, epoch: 5, seq: 9, devices, departed: [], ...state }
  const about = { groupId, name: null, protocol: 'mls', version: 1, createdAt: 0, mailbox: 'm1' } as const
  return { ...about, members: new Map(members), mls }
}

function deviceOf(group: Group | undefined, name: string): Device {
  const { userId, deviceId } = leaf(name)
  return { userId, deviceId, no: group?.mls?.devices.get(userId)?.get(deviceId) ?? 999 }
}

interface Asked extends Partial<CommitRequest> {
  readonly group?: Group
  readonly membersMax?: number
}

const nothingElse = { add: [], remove: [], left: [], welcome: undefined, welcomeTo: [], roles: undefined }
const emptyCommit: CommitRequest = { epoch: 5, generation: 0, external: false, ...nothingElse }

function commit(by: string, { group = groupOf(), membersMax = 100, ...request }: Asked): CommitDecision {
  return decideCommit(group, deviceOf(group, by), { ...emptyCommit, ...request }, membersMax)
}

/** What was decided, in a word, or the code of the refusal. */
function outcome(decide: () => CommitDecision): string {
  try {
    const { addUsers, removeUsers, roles: given, add, remove, opensOwn } = decide()
    const parts = [...[...addUsers].map(([user, role]) => `+${user}:${role}`), ...removeUsers.map((user) => `-${user}`)]
    for (const [user, role] of given) parts.push(`${user}=${role}`)
    for (const { userId, deviceId } of add) parts.push(`opens ${userId}/${deviceId}`)
    for (const { userId, deviceId } of remove) parts.push(`closes ${userId}/${deviceId}`)
    if (opensOwn) parts.push('opens own')
    return parts.length === 0 ? 'nothing' : parts.join(' ')
  } catch (error) {
    if (error instanceof SottoError) return error.code
    throw error
  }
}

describe('who may commit what', () => {
  const actors = ['olga', 'adam', 'mia', 'sam'] as const
  type Row = readonly [olga: string, adam: string, mia: string, sam: string]
  const table: Record<string, readonly [Asked, Row]> = {
    'fresh keys': [{}, ['nothing', 'nothing', 'nothing', 'not_member']],
    'add a user': [
      { add: leaves('new/phone') },
      ['+new:member opens new/phone', '+new:member opens new/phone', 'forbidden', 'not_member'],
    ],
    'add a device of a member': [
      { add: leaves('max/tablet', 'lost/tablet') },
      [...new Array(3).fill('opens max/tablet opens lost/tablet'), 'not_member'] as unknown as Row,
    ],
    'remove a member': [
      { remove: leaves('max/phone'), left: ['max'] },
      ['-max closes max/phone', '-max closes max/phone', 'forbidden', 'not_member'],
    ],
    'remove the last device of a member': [
      { remove: leaves('max/phone') },
      ['closes max/phone', 'closes max/phone', 'forbidden', 'not_member'],
    ],
    'remove an admin': [
      { remove: leaves('anna/phone'), left: ['anna'] },
      ['-anna closes anna/phone', 'forbidden', 'forbidden', 'not_member'],
    ],
    'remove a member without devices': [{ left: ['lost'] }, ['-lost', '-lost', 'forbidden', 'not_member']],
    'remove somebody who is no member': [{ left: ['nil'] }, ['nothing', 'nothing', 'nothing', 'not_member']],
    'remove a member but not its device': [
      { left: ['max'] },
      new Array(3).fill('bad_request').concat('not_member') as unknown as Row,
    ],
    'remove a member but one of its devices': [
      { remove: leaves('mia/laptop'), left: ['mia'] },
      ['bad_request', 'bad_request', 'bad_request', 'not_member'],
    ],
    'remove a member and add a device of it': [
      { remove: leaves('max/phone'), add: leaves('max/tablet'), left: ['max'] },
      ['bad_request', 'bad_request', 'forbidden', 'not_member'],
    ],
    'remove a member twice': [{ left: ['lost', 'lost'] }, ['bad_request', 'bad_request', 'bad_request', 'not_member']],
    'remove oneself': [{ left: ['olga'] }, ['bad_request', 'bad_request', 'bad_request', 'not_member']],
    'remove the owner': [{ remove: leaves('olga/phone') }, ['bad_request', 'owner_must_transfer', 'forbidden', 'not_member']],
    'remove one device of two': [
      { remove: leaves('mia/laptop') },
      ['closes mia/laptop', 'closes mia/laptop', 'closes mia/laptop', 'not_member'],
    ],
    'replace a device': [
      { remove: leaves('max/phone'), add: leaves('max/phone') },
      ['opens max/phone', 'opens max/phone', 'forbidden', 'not_member'],
    ],
    'make a member admin': [{ roles: { max: 'admin' } }, ['max=admin', 'forbidden', 'forbidden', 'not_member']],
    'give the role it has': [{ roles: { max: 'member', olga: 'owner' } }, ['nothing', 'nothing', 'nothing', 'not_member']],
    'hand over': [{ roles: { max: 'owner' } }, ['max=owner olga=admin', 'forbidden', 'forbidden', 'not_member']],
    'hand over and step down': [
      { roles: { max: 'owner', olga: 'member' } },
      ['max=owner olga=member', 'forbidden', 'forbidden', 'not_member'],
    ],
    'step down': [{ roles: { olga: 'admin' } }, ['owner_must_transfer', 'forbidden', 'forbidden', 'not_member']],
    'two owners': [{ roles: { max: 'owner', adam: 'owner' } }, ['bad_request', 'bad_request', 'bad_request', 'not_member']],
    'two owners, one of them before': [
      { roles: { max: 'owner', olga: 'owner' } },
      ['bad_request', 'bad_request', 'bad_request', 'not_member'],
    ],
    'a role for nobody': [{ roles: { nil: 'member' } }, ['bad_request', 'bad_request', 'bad_request', 'not_member']],
    'a role for who is removed': [
      { remove: leaves('max/phone'), left: ['max'], roles: { max: 'admin' } },
      ['bad_request', 'forbidden', 'forbidden', 'not_member'],
    ],
    'add an admin': [
      { add: leaves('new/phone'), roles: { new: 'admin' } },
      ['+new:admin opens new/phone', 'forbidden', 'forbidden', 'not_member'],
    ],
    'hand over to a new one': [
      { add: leaves('new/phone'), roles: { new: 'owner' } },
      ['+new:owner olga=admin opens new/phone', 'forbidden', 'forbidden', 'not_member'],
    ],
  }
  test.each(
    Object.entries(table).flatMap(([name, [asked, row]]) => actors.map((actor, at) => [name, actor, row[at], asked] as const)),
  )('%s, by %s: %s', (_, actor, expected, asked) => {
    expect(outcome(() => commit(`${actor}/phone`, asked))).toBe(expected)
  })
})

describe('a commit by a device', () => {
  test.each([
    ['mia/tablet', 'not_member'],
    ['lost/phone', 'not_member'],
    ['mia/laptop', 'nothing'],
  ])('%s: %s', (by, expected) => {
    expect(outcome(() => commit(by, {}))).toBe(expected)
  })

  test('that has the name of one in the group but came later', () => {
    const group = groupOf()
    const later = { userId: 'mia', deviceId: 'phone', no: 12_345 }
    expect(outcome(() => decideCommit(group, later, emptyCommit, 10))).toBe('not_member')
  })

  test.each<[string, Asked]>([
    ['an older epoch', { epoch: 4 }],
    ['a later epoch', { epoch: 6 }],
    ['an older generation', { group: groupOf({ generation: 1 }) }],
  ])('of %s is told where the group stands', (_, asked) => {
    expect(() => commit('mia/phone', asked)).toThrow(
      expect.objectContaining({
        code: 'stale_epoch',
        extra: { epoch: 5, seq: 9, generation: asked.group?.mls?.generation ?? 0 },
      }),
    )
  })

  test.each<[string, Asked]>([
    ['a generation that is not there', { generation: 1 }],
    ['an addition of who is there', { add: leaves('max/phone') }],
    ['a removal of who is not there', { remove: leaves('max/tablet') }],
    ['a removal of nobody', { remove: leaves('nil/phone') }],
    ['its own removal', { remove: leaves('olga/phone') }],
    ['a device added twice', { add: leaves('max/tablet', 'max/tablet') }],
    ['a device removed twice', { remove: leaves('max/phone', 'max/phone') }],
    ['a Welcome for who is not added', { add: leaves('max/tablet'), welcome: 'AAAA', welcomeTo: leaves('max/laptop') }],
    [
      'a Welcome for one device twice',
      { add: leaves('max/tablet'), welcome: 'AAAA', welcomeTo: leaves('max/tablet', 'max/tablet') },
    ],
    ['a Welcome for nobody', { welcome: 'AAAA' }],
    ['welcomeTo without a Welcome', { add: leaves('max/tablet'), welcomeTo: leaves('max/tablet') }],
  ])('with %s is not valid', (_, asked) => {
    expect(outcome(() => commit('olga/phone', asked))).toBe('bad_request')
  })

  test('may leave a device that it adds without a Welcome', () => {
    const asked = { add: leaves('max/tablet', 'max/watch'), welcome: 'AAAA', welcomeTo: leaves('max/watch') }
    expect(outcome(() => commit('mia/phone', asked))).toBe('opens max/tablet opens max/watch')
  })

  test('does not apply to a group of another protocol, nor to none', () => {
    const opaque: Group = { ...groupOf(), protocol: 'opaque', mls: null }
    expect(outcome(() => decideCommit(opaque, deviceOf(opaque, 'mia/phone'), emptyCommit, 10))).toBe('bad_request')
    expect(outcome(() => decideCommit(undefined, deviceOf(opaque, 'mia/phone'), emptyCommit, 10))).toBe('not_member')
  })
})

describe('limits', () => {
  test('bound the users, those who stay not counting', () => {
    expect(outcome(() => commit('olga/phone', { add: leaves('new/phone'), membersMax: 6 }))).toBe('limit_reached')
    expect(outcome(() => commit('olga/phone', { add: leaves('new/phone'), membersMax: 7 }))).toContain('+new')
    expect(outcome(() => commit('olga/phone', { add: leaves('max/tablet'), membersMax: 3 }))).toBe('opens max/tablet')
    const instead = { add: leaves('new/phone'), remove: leaves('max/phone'), left: ['max'], membersMax: 6 }
    expect(outcome(() => commit('olga/phone', instead))).toContain('+new')
  })

  test('bound the devices', () => {
    const many = Array.from({ length: wire.groupDevices - 5 }, (_, at) => ({ userId: 'max', deviceId: `d${at}` }))
    expect(outcome(() => commit('olga/phone', { add: many }))).toBe('limit_reached')
    expect(outcome(() => commit('olga/phone', { add: many.slice(1) }))).toContain('opens')
  })
})

describe('an external commit', () => {
  const external = (by: string, asked: Asked = {}) => commit(by, { external: true, add: leaves(by), ...asked })

  test('opens the window of the device that makes it', () => {
    expect(outcome(() => external('lost/phone'))).toBe('opens own')
    expect(outcome(() => external('max/tablet'))).toBe('opens own')
  })

  test('may take the place of the same device', () => {
    expect(outcome(() => external('max/phone', { remove: leaves('max/phone') }))).toBe('nothing')
    expect(outcome(() => external('max/phone'))).toBe('bad_request')
    expect(outcome(() => external('max/tablet', { remove: leaves('max/tablet') }))).toBe('bad_request')
  })

  test('does nothing else', () => {
    expect(outcome(() => external('max/tablet', { add: leaves('max/watch') }))).toBe('bad_request')
    expect(outcome(() => external('max/tablet', { add: leaves('max/tablet', 'max/watch') }))).toBe('bad_request')
    expect(outcome(() => external('max/tablet', { add: [] }))).toBe('bad_request')
    expect(outcome(() => external('max/tablet', { remove: leaves('max/phone') }))).toBe('bad_request')
    expect(outcome(() => external('olga/tablet', { roles: { max: 'admin' } }))).toBe('bad_request')
    expect(outcome(() => external('olga/tablet', { left: ['lost'] }))).toBe('bad_request')
    const welcomed = { welcome: 'AAAA', welcomeTo: leaves('max/tablet') }
    expect(outcome(() => external('max/tablet', welcomed))).toBe('bad_request')
  })

  test('is for members', () => {
    expect(outcome(() => external('sam/phone'))).toBe('not_member')
  })
})

describe('while somebody has departed', () => {
  const departed: DepartedLeaf[] = [
    { userId: 'gone', deviceId: 'phone', whole: true },
    { userId: 'gone', deviceId: 'laptop', whole: true },
    { userId: 'max', deviceId: 'watch', whole: false },
  ]
  const all = leaves('gone/phone', 'gone/laptop', 'max/watch')
  const pending = (by: string, asked: Asked) => commit(by, { group: groupOf({ departed }), ...asked })

  test('every commit has to remove all of them', () => {
    const told = [{ userId: 'gone' }, { userId: 'max', deviceId: 'watch' }]
    for (const remove of [[], all.slice(1), all.slice(0, 2)]) {
      expect(() => pending('mia/phone', { remove })).toThrow(
        expect.objectContaining({ code: 'removal_pending', extra: { departed: told } }),
      )
    }
    expect(outcome(() => pending('mia/phone', { remove: all }))).toBe('closes gone/phone closes gone/laptop closes max/watch')
  })

  test('an external commit, which removes nobody else, does not wait for it', () => {
    expect(outcome(() => pending('lost/phone', { external: true, add: leaves('lost/phone') }))).toBe('opens own')
    const over = { external: true, add: leaves('max/watch'), remove: leaves('max/watch') }
    expect(outcome(() => pending('max/watch', over))).toBe('removal_pending')
  })

  test('what is stale is told so first', () => {
    expect(outcome(() => pending('mia/phone', { epoch: 4 }))).toBe('stale_epoch')
  })

  test('who has left may be added again by the commit that removes the old leaf', () => {
    const back = { remove: all, add: leaves('gone/phone') }
    expect(outcome(() => pending('olga/phone', back))).toBe('+gone:member opens gone/phone closes gone/laptop closes max/watch')
    expect(outcome(() => pending('mia/phone', back))).toBe('forbidden')
  })

  test('a user stays who has lost the last device by its revocation', () => {
    const group = groupOf({ departed: [{ userId: 'lost', deviceId: 'phone', whole: false }] })
    expect(outcome(() => commit('mia/phone', { group, remove: leaves('lost/phone') }))).toBe('closes lost/phone')
  })

  test('a user goes whom the commit says to go, though the last device was revoked', () => {
    const group = groupOf({ departed: [{ userId: 'lost', deviceId: 'phone', whole: false }] })
    const asked = { group, remove: leaves('lost/phone'), left: ['lost'] }
    expect(outcome(() => commit('olga/phone', asked))).toBe('-lost closes lost/phone')
    expect(outcome(() => commit('mia/phone', asked))).toBe('forbidden')
  })

  test('whoever has departed as a whole may be said to go by anybody', () => {
    expect(outcome(() => pending('mia/phone', { remove: all, left: ['gone'] }))).toBe(
      'closes gone/phone closes gone/laptop closes max/watch',
    )
  })

  test('of a user who is back with other devices the leaves are told, not the user', () => {
    const group = groupOf({ departed: [{ userId: 'max', deviceId: 'old', whole: true }, ...departed] })
    const told = [{ userId: 'gone' }, { userId: 'max', deviceId: 'old' }, { userId: 'max', deviceId: 'watch' }]
    expect(() => commit('mia/phone', { group })).toThrow(
      expect.objectContaining({ code: 'removal_pending', extra: { departed: told } }),
    )
  })

  test('leaves that wait for their removal count as devices', () => {
    const many = Array.from({ length: wire.groupDevices - 6 }, (_, at) => ({ userId: 'lost', deviceId: `d${at}`, whole: false }))
    const joins = (waiting: DepartedLeaf[]) =>
      outcome(() => commit('lost/phone', { group: groupOf({ departed: waiting }), external: true, add: leaves('lost/phone') }))
    expect(joins(many)).toBe('limit_reached')
    expect(joins(many.slice(1))).toBe('opens own')
  })
})

describe('a conversation of two', () => {
  const groupId = directGroupId('olga', 'max')
  const pair: typeof roles = [
    ['olga', 'owner'],
    ['max', 'member'],
  ]
  const direct = (members = pair) => groupOf({ isDirect: true }, members, groupId)

  test.each<[string, string, Asked, string]>([
    [
      'either adds devices of both',
      'max/phone',
      { add: leaves('olga/tablet', 'max/tablet') },
      'opens olga/tablet opens max/tablet',
    ],
    ['nobody adds others', 'olga/phone', { add: leaves('new/phone') }, 'forbidden'],
    ['nobody removes the other', 'olga/phone', { remove: leaves('max/phone') }, 'forbidden'],
    ['nobody is said to leave it', 'olga/phone', { left: ['max'] }, 'forbidden'],
    ['nobody gives roles', 'olga/phone', { roles: { max: 'admin' } }, 'forbidden'],
    ['saying the roles as they are is nothing', 'olga/phone', { roles: { max: 'member' } }, 'nothing'],
  ])('%s', (_, by, asked, expected) => {
    expect(outcome(() => commit(by, { group: direct(), ...asked }))).toBe(expected)
  })

  test('who has erased the account and comes back belongs to it', () => {
    const left = direct([['olga', 'owner']])
    expect(outcome(() => commit('olga/phone', { group: left, add: leaves('max/new') }))).toBe('+max:member opens max/new')
    const joins = { group: left, external: true, add: leaves('max/new') }
    expect(outcome(() => commit('max/new', joins))).toBe('+max:member opens own')
    expect(outcome(() => commit('sam/new', { ...joins, add: leaves('sam/new') }))).toBe('not_member')
  })

  test('nobody leaves it', () => {
    for (const user of ['olga', 'max'])
      expect(() => decideLeave(direct(), user, user)).toThrow(expect.objectContaining({ code: 'forbidden' }))
  })
})

describe('a creation', () => {
  const by: Device = { userId: 'olga', deviceId: 'phone', no: 1 }
  const create = (asked: Partial<Parameters<typeof decideCreation>[2]> = {}, found?: Group, membersMax = 10) =>
    decideCreation(
      found,
      by,
      {
        groupId: 'team',
        direct: undefined,
        ...nothingElse,
        ...asked,
      },
      membersMax,
    )

  test('makes the caller the owner of who is added', () => {
    expect(create({ add: leaves('max/phone', 'max/tablet', 'olga/tablet') })).toMatchObject({
      kind: 'create',
      generation: 0,
      epoch: 1,
      opensOwn: true,
      addUsers: new Map([
        ['olga', 'owner'],
        ['max', 'member'],
      ]),
    })
    expect(outcome(() => create({ add: leaves('max/phone'), roles: { max: 'admin' } }))).toContain('+max:admin')
  })

  test('that hands the group over leaves the caller an admin, or what it says', () => {
    const add = leaves('max/phone')
    expect(outcome(() => create({ add, roles: { max: 'owner' } }))).toBe('+olga:admin +max:owner opens max/phone opens own')
    expect(outcome(() => create({ add, roles: { max: 'owner', olga: 'member' } }))).toContain('+olga:member +max:owner')
  })

  test('of a conversation of two has both as members, with a device or not', () => {
    const direct = { groupId: directGroupId('olga', 'max'), direct: 'max' }
    expect(outcome(() => create(direct))).toBe('+olga:owner +max:member opens own')
    expect(outcome(() => create({ ...direct, add: leaves('new/phone') }))).toBe('forbidden')
    expect(outcome(() => create({ ...direct, roles: { max: 'admin' } }))).toBe('forbidden')
    expect(outcome(() => create({ groupId: directGroupId('olga', 'olga'), direct: 'olga' }))).toBe('+olga:owner opens own')
  })

  test.each<[string, Parameters<typeof create>[0], string]>([
    ['its own device', { add: leaves('olga/phone') }, 'bad_request'],
    ['another owner', { add: leaves('max/phone'), roles: { max: 'owner', olga: 'owner' } }, 'bad_request'],
    ['no owner', { roles: { olga: 'member' } }, 'owner_must_transfer'],
    ['too many', { add: Array.from({ length: 10 }, (_, at) => ({ userId: `u${at}`, deviceId: 'd' })) }, 'limit_reached'],
  ])('with %s is refused', (_, asked, expected) => {
    expect(outcome(() => create(asked))).toBe(expected)
  })

  test('of what is there is told to those who belong to it, and to nobody else', () => {
    expect(() => create({}, groupOf())).toThrow(
      expect.objectContaining({ code: 'group_exists', extra: { groupId: 'team', epoch: 5, seq: 9, generation: 0 } }),
    )
    expect(outcome(() => create({}, groupOf({}, [['mia', 'owner']])))).toBe('not_member')
    expect(outcome(() => create({}, { ...groupOf(), mls: null }))).toBe('bad_request')
  })
})

describe('a reset', () => {
  const reset = (by: string, asked: Partial<Parameters<typeof decideReset>[2]> = {}, group = groupOf()) =>
    decideReset(group, deviceOf(group, by), {
      generation: 1,
      ...nothingElse,
      ...asked,
    })

  test.each([
    ['olga/phone', 'opens mia/phone'],
    ['adam/phone', 'opens mia/phone'],
    ['adam/tablet', 'opens mia/phone opens own'],
    ['mia/laptop', 'forbidden'],
    ['sam/phone', 'not_member'],
  ])('by %s: %s', (by, expected) => {
    expect(outcome(() => reset(by, { add: leaves('mia/phone') }))).toBe(expected)
  })

  test.each([0, 2, 7])('of generation %i, which is not the next, is told where the group stands', (generation) => {
    expect(outcome(() => reset('olga/phone', { generation }))).toBe('stale_epoch')
  })

  test('is for those who are members', () => {
    expect(outcome(() => reset('olga/phone', { add: leaves('new/phone') }))).toBe('forbidden')
    expect(outcome(() => reset('olga/phone', { add: leaves('olga/phone') }))).toBe('bad_request')
  })

  test('leaves out for good whom it says to go, as far as the roles permit', () => {
    expect(outcome(() => reset('olga/phone', { add: leaves('mia/phone'), left: ['max', 'anna'] }))).toBe(
      '-max -anna opens mia/phone',
    )
    expect(outcome(() => reset('adam/phone', { left: ['max', 'nobody'] }))).toBe('-max')
    expect(outcome(() => reset('adam/phone', { left: ['anna'] }))).toBe('forbidden')
    expect(outcome(() => reset('adam/phone', { left: ['olga'] }))).toBe('owner_must_transfer')
    expect(outcome(() => reset('adam/phone', { left: ['adam'] }))).toBe('bad_request')
    expect(outcome(() => reset('adam/phone', { add: leaves('max/phone'), left: ['max'] }))).toBe('bad_request')
  })

  test('is open to both of a conversation of two, whoever has departed', () => {
    const pair: typeof roles = [
      ['olga', 'owner'],
      ['max', 'member'],
    ]
    const departed = [{ userId: 'olga', deviceId: 'phone', whole: false }]
    const direct = groupOf({ isDirect: true, departed }, pair, directGroupId('olga', 'max'))
    expect(outcome(() => reset('max/phone', { add: leaves('olga/tablet') }, direct))).toBe('opens olga/tablet')
  })
})

describe('leaving', () => {
  test.each([
    ['mia', 'mia', '-mia'],
    ['adam', 'adam', '-adam'],
    ['olga', 'olga', 'owner_must_transfer'],
    ['olga', 'mia', 'use_commit'],
    ['mia', 'nil', 'use_commit'],
    ['sam', 'sam', 'not_member'],
  ])('%s removes %s: %s', (actor, target, expected) => {
    expect(
      outcome(() => {
        const { remove, add } = decideLeave(groupOf(), actor, target)
        return {
          addUsers: new Map(add.map((user) => [user, 'member'])),
          removeUsers: remove,
          roles: new Map(),
          add: [],
          remove: [],
        } as never
      }),
    ).toBe(expected)
  })

  test('the owner may when nobody else is there', () => {
    expect(decideLeave(groupOf({}, [['olga', 'owner']]), 'olga', 'olga').remove).toEqual(['olga'])
  })
})
