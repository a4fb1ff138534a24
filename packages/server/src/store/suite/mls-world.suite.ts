import { type MemberDevice, type Role, SottoError } from '@sotto/protocol'
import type { Appended, CommitDecision, Device, Group, GroupCommit } from '../store.ts'
import type { World } from './world.suite.ts'

/** What a commit is to do, in short: everything else is as the group is. */
export interface Change {
  readonly id?: string
  /** The epoch that it ends: left out, the one that the group is in. */
  readonly epoch?: number
  readonly kind?: CommitDecision['kind']
  readonly isDirect?: boolean
  readonly add?: readonly Device[]
  readonly remove?: readonly Device[]
  readonly opensOwn?: boolean
  readonly addUsers?: Readonly<Record<string, Role>>
  readonly removeUsers?: readonly string[]
  readonly roles?: Readonly<Record<string, Role>>
  readonly departed?: CommitDecision['departed']
  readonly commit?: string
  readonly welcome?: string
  readonly welcomeTo?: readonly Device[]
  readonly groupInfo?: string
}

let made = 0

/** A commit as the operations hand it to the store, decided by its epoch alone. */
export function commitOf(from: Device, groupId: string, change: Change, now: Group | undefined): GroupCommit {
  const { kind = 'commit', epoch = kind === 'commit' ? (now?.mls?.epoch ?? 0) : 0, add = [], remove = [] } = change
  const generation = (now?.mls?.generation ?? 0) + (kind === 'reset' ? 1 : 0)
  const {
    id = `commit-${made++}`,
    commit = 'Y29tbWl0',
    welcome,
    welcomeTo = [],
    groupInfo = `info-${generation}-${epoch + 1}`,
  } = change
  const head = JSON.stringify({ id, from: from.userId, fromDevice: from.deviceId, generation }).slice(1, -1)
  const claims = { groupId, epoch, added: add.map(named), removed: remove.map(named) }
  return {
    groupId,
    from,
    id,
    body: `${head},${JSON.stringify(claims).slice(1, -1)},"commit":"${commit}"}`,
    digestFrom: head.length + 1,
    digest: `${groupInfo} ${welcome ?? ''}`.slice(0, 64),
    groupInfo,
    welcome: welcome ?? null,
    welcomeTo: welcomeTo.map(named),
    decide: (group) => {
      if ((kind === 'create') !== (group === undefined)) throw new SottoError(group === undefined ? 'not_member' : 'group_exists')
      if (kind === 'commit' && group?.mls?.epoch !== epoch)
        throw new SottoError('stale_epoch', undefined, { epoch: group?.mls?.epoch ?? -1 })
      return {
        kind,
        isDirect: change.isDirect ?? false,
        generation,
        epoch: epoch + 1,
        add: add.filter((device) => device !== from).map(named),
        remove: remove.map(named),
        opensOwn: change.opensOwn ?? kind === 'create',
        addUsers: new Map(Object.entries(change.addUsers ?? {})),
        removeUsers: change.removeUsers ?? [],
        roles: new Map(Object.entries(change.roles ?? {})),
        departed: change.departed ?? [],
      }
    },
  }
}

/** Commits a change of the group as it is now. */
export async function commit(world: World, from: Device, groupId: string, change: Change): Promise<Appended> {
  return world.store.commitGroup(commitOf(from, groupId, change, await world.store.group(groupId)))
}

/** Creates a group of these devices, with a Welcome for each. */
export function create(
  world: World,
  owner: Device,
  groupId: string,
  add: readonly Device[] = [],
  more: Change = {},
): Promise<Appended> {
  const others = [...new Set(add.map(({ userId }) => userId))].filter((userId) => userId !== owner.userId)
  const addUsers = {
    [owner.userId]: 'owner' as const,
    ...Object.fromEntries(others.map((userId) => [userId, 'member' as const])),
  }
  const welcomed = add.length === 0 ? {} : { welcome: 'd2VsY29tZQ==', welcomeTo: add }
  return commit(world, owner, groupId, { kind: 'create', add, addUsers, ...welcomed, ...more })
}

export function named({ userId, deviceId }: MemberDevice): MemberDevice {
  return { userId, deviceId }
}

/** The devices that read a group now: `alice/phone`. */
export function readersOf(group: Group | undefined): string[] {
  const devices = [...(group?.mls?.devices ?? [])].flatMap(([userId, own]) =>
    [...own.keys()].map((deviceId) => `${userId}/${deviceId}`),
  )
  return devices.toSorted()
}
