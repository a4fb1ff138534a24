import { type MemberDevice, type Role, SottoError, wire } from '@sotto/protocol'
import type { CommitDecision, Device, Group, MlsState } from '../store/store.ts'
import { directGroupId } from './direct-group-id.ts'
import { removalPending, staleEpoch } from './mls-refusals.ts'
import { decideRoles, refuseRemoval } from './mls-roles.ts'

/**
 * What becomes of an MLS group with a commit: pure decisions on the group as it is in the commit's turn. What the commit does
 * inside the encryption only the members see; that it is what it claims to do is theirs to check.
 */

/** What the caller says that a commit does. */
export interface CommitClaims {
  readonly add: readonly MemberDevice[]
  readonly remove: readonly MemberDevice[]
  /** Users who cease to be members by it. */
  readonly left: readonly string[]
  readonly welcome: string | undefined
  readonly welcomeTo: readonly MemberDevice[]
  readonly roles: Readonly<Record<string, Role>> | undefined
}

export interface CommitRequest extends CommitClaims {
  readonly epoch: number
  /** That the commit's own header names. */
  readonly generation: number
  readonly external: boolean
}

export interface CreationRequest extends CommitClaims {
  readonly groupId: string
  /** The other of the pair. */
  readonly direct: string | undefined
}

export interface ResetRequest extends CommitClaims {
  readonly generation: number
}

type MlsGroup = Group & { readonly mls: MlsState }

function leafName({ userId, deviceId }: MemberDevice): string {
  return `${userId}/${deviceId}`
}

/**
 * Whether the group is a user's to know of: a member's, and in a conversation of two also that of somebody who has erased
 * the account and come back.
 */
export function belongsTo(group: Pick<Group, 'groupId' | 'members' | 'mls'>, userId: string): boolean {
  if (group.members.has(userId)) return true
  if (group.mls?.isDirect !== true) return false
  return [...group.members.keys()].some((member) => directGroupId(member, userId) === group.groupId)
}

/** A device of the group commits, or by an external commit joins. Throws what the caller is told (docs/errors.md). */
export function decideCommit(
  found: Group | undefined,
  actor: Device,
  request: CommitRequest,
  membersMax: number,
): CommitDecision {
  const group = mlsGroup(found, actor.userId)
  const { mls } = group
  if (!request.external && !isIn(mls, actor)) throw new SottoError('not_member', 'this device is not in the group')
  if (request.epoch !== mls.epoch || request.generation < mls.generation) throw staleEpoch(mls)
  if (request.generation > mls.generation) throw new SottoError('bad_request', 'commit: it is of a generation that is not there')
  const removed = new Set(request.remove.map(leafName))
  const isCovered = mls.departed.every((leaf) => removed.has(leafName(leaf)))
  // An external commit cannot remove others, so it does not wait for that; who has departed does not come back over its own leaf.
  const waits = request.external ? mls.departed.some((leaf) => leafName(leaf) === leafName(actor)) : !isCovered
  if (waits) throw removalPending(mls)
  checkLists(group, actor, request)
  if (request.external) checkExternal(actor, request)
  for (const device of request.add) checkAdd(group, actor, device)
  for (const device of request.remove) checkRemove(group, actor, device, request.external)
  const leaves = leavesAfter(mls, request)
  const departed = request.external ? mls.departed : []
  checkSize(leaves, departed)
  const { addUsers, roles } = decideRoles(group, actor.userId, usersOf(request.add), request)
  const removeUsers = usersLeft(group, actor.userId, request.left, leaves)
  if (removeUsers.some((userId) => roles.has(userId))) {
    throw new SottoError('bad_request', 'roles: they are for members, and for those who are added')
  }
  if (addUsers.size > 0) checkMembers(group.members.size + addUsers.size - removeUsers.length, membersMax)
  return {
    kind: 'commit',
    isDirect: mls.isDirect,
    generation: mls.generation,
    epoch: mls.epoch + 1,
    add: request.add.filter((device) => !isSelf(actor, device)),
    remove: request.remove.filter((device) => !leaves.get(device.userId)?.has(device.deviceId)),
    opensOwn: request.external && !isIn(mls, actor),
    addUsers,
    removeUsers,
    roles,
    departed,
  }
}

/** The caller becomes owner. Throws `group_exists` for who belongs to it, `not_member` for others. */
export function decideCreation(
  found: Group | undefined,
  actor: Device,
  request: CreationRequest,
  membersMax: number,
): CommitDecision {
  const { groupId, direct, add } = request
  if (found !== undefined) throw existing(found, actor.userId)
  const none = { groupId, members: new Map([[actor.userId, 'owner' as Role]]), mls: emptyState(direct !== undefined) }
  if (add.some((device) => isSelf(actor, device))) {
    throw new SottoError('bad_request', 'add: the committing device is in the group already')
  }
  checkLists(none, actor, request)
  const leaves = leavesAfter(none.mls, request)
  checkSize(leaves, [])
  if (direct !== undefined && [...leaves.keys()].some((userId) => userId !== direct && userId !== actor.userId)) {
    throw new SottoError('forbidden', 'add: a conversation of two is for these two')
  }
  const users = usersOf(add)
  if (direct !== undefined) users.add(direct)
  const { addUsers, roles } = decideRoles(none, actor.userId, users, request)
  const all = new Map<string, Role>([[actor.userId, 'owner'], ...addUsers, ...roles])
  checkMembers(all.size, membersMax)
  const opened = { generation: 0, epoch: 1, add, remove: [], opensOwn: true }
  return {
    kind: 'create',
    isDirect: direct !== undefined,
    ...opened,
    addUsers: all,
    removeUsers: [],
    roles: new Map(),
    departed: [],
  }
}

/** Owner and admins, in a conversation of two both. The users stay as they are, but for those who leave. */
export function decideReset(found: Group | undefined, actor: Device, request: ResetRequest): CommitDecision {
  const group = mlsGroup(found, actor.userId)
  const { mls, members } = group
  if (!mls.isDirect && members.get(actor.userId) === 'member') {
    throw new SottoError('forbidden', 'only the owner and admins reset a group')
  }
  if (request.generation !== mls.generation + 1) throw staleEpoch(mls)
  if (request.add.some((device) => isSelf(actor, device))) {
    throw new SottoError('bad_request', 'add: the committing device is in the group already')
  }
  checkLists({ ...group, mls: emptyState(mls.isDirect) }, actor, request)
  for (const { userId } of request.add) {
    if (!belongsTo(group, userId)) throw new SottoError('forbidden', 'add: a reset is for those who are members')
  }
  const own = new Map([[actor.userId, new Map([[actor.deviceId, actor.no]])]])
  const leaves = leavesAfter({ ...emptyState(mls.isDirect), devices: own }, request)
  checkSize(leaves, [])
  const added = [...usersOf(request.add), actor.userId].filter((userId) => !members.has(userId))
  return {
    kind: 'reset',
    isDirect: mls.isDirect,
    generation: request.generation,
    epoch: 1,
    add: request.add,
    remove: [],
    opensOwn: !isIn(mls, actor),
    addUsers: new Map(added.map((userId) => [userId, 'member'])),
    removeUsers: usersLeft(group, actor.userId, request.left, leaves),
    roles: new Map(),
    departed: [],
  }
}

function mlsGroup(group: Group | undefined, userId: string): MlsGroup {
  if (group === undefined || !belongsTo(group, userId)) throw new SottoError('not_member')
  if (group.mls === null) throw new SottoError('bad_request', 'this group does not speak MLS')
  return group as MlsGroup
}

function existing(group: Group, userId: string): SottoError {
  if (!belongsTo(group, userId)) return new SottoError('not_member')
  if (group.mls === null) return new SottoError('bad_request', 'groupId: it is that of a group which does not speak MLS')
  const { groupId, mls } = group
  return new SottoError('group_exists', undefined, { groupId, epoch: mls.epoch, seq: mls.seq, generation: mls.generation })
}

function isIn(mls: MlsState, { userId, deviceId, no }: Device): boolean {
  return mls.devices.get(userId)?.get(deviceId) === no
}

function isSelf(actor: Device, { userId, deviceId }: MemberDevice): boolean {
  return userId === actor.userId && deviceId === actor.deviceId
}

function hasLeaf(mls: MlsState, leaf: MemberDevice): boolean {
  if (mls.devices.get(leaf.userId)?.has(leaf.deviceId) === true) return true
  return mls.departed.some(({ userId, deviceId }) => userId === leaf.userId && deviceId === leaf.deviceId)
}

/** What a list must be whoever the caller is. */
function checkLists({ mls }: Pick<MlsGroup, 'mls'>, actor: Device, { add, remove, welcome, welcomeTo }: CommitClaims): void {
  const adds = namesOf('add', add)
  const removes = namesOf('remove', remove)
  for (const device of add) {
    if (hasLeaf(mls, device) && !removes.has(leafName(device))) {
      throw new SottoError('bad_request', `add: ${leafName(device)} is in the group already`)
    }
  }
  for (const device of remove) {
    if (!hasLeaf(mls, device)) throw new SottoError('bad_request', `remove: ${leafName(device)} is not in the group`)
  }
  for (const name of namesOf('welcomeTo', welcomeTo)) {
    if (!adds.has(name)) throw new SottoError('bad_request', `welcomeTo: ${name} is not added`)
  }
  if (welcomeTo.some((device) => isSelf(actor, device))) {
    throw new SottoError('bad_request', 'welcomeTo: the committing device needs no Welcome')
  }
  if (welcomeTo.length > 0 !== (welcome !== undefined)) {
    throw new SottoError('bad_request', 'welcome: it goes with welcomeTo, and welcomeTo with it')
  }
}

function namesOf(list: string, devices: readonly MemberDevice[]): Set<string> {
  const names = new Set(devices.map(leafName))
  if (names.size < devices.length) throw new SottoError('bad_request', `${list}: a device is named twice`)
  return names
}

function checkExternal(actor: Device, { add, remove, left, roles }: CommitRequest): void {
  const addsItself = add.length === 1 && isSelf(actor, add[0]!)
  if (!addsItself || !remove.every((device) => isSelf(actor, device)) || left.length > 0 || roles !== undefined) {
    throw new SottoError('bad_request', 'external: such a commit adds the device that makes it, in the place of itself at most')
  }
}

/** Anybody adds devices of members; owner and admins add users. */
function checkAdd(group: MlsGroup, actor: Device, { userId }: MemberDevice): void {
  if (belongsTo(group, userId)) return
  if (group.mls.isDirect) throw new SottoError('forbidden', 'add: a conversation of two is for these two')
  if (group.members.get(actor.userId) === 'member') throw new SottoError('forbidden', 'only the owner and admins add members')
}

/** Anybody removes its own devices and what has departed; owner and admins remove others, by their roles. */
function checkRemove(group: MlsGroup, actor: Device, device: MemberDevice, external: boolean): void {
  const isDeparted = group.mls.devices.get(device.userId)?.has(device.deviceId) !== true
  if (isDeparted) return
  if (device.userId !== actor.userId) refuseRemoval(group, actor.userId, device.userId)
  else if (isSelf(actor, device) && !external) {
    throw new SottoError('bad_request', 'remove: nobody commits the removal of the committing device')
  }
}

type Leaves = ReadonlyMap<string, ReadonlyMap<string, unknown>>

/** Who reads the group after the commit: the users whose devices change in maps of their own. */
function leavesAfter(mls: MlsState, { add, remove }: Pick<CommitClaims, 'add' | 'remove'>): Leaves {
  const after = new Map<string, ReadonlyMap<string, unknown>>(mls.devices)
  const changed = new Map<string, Map<string, unknown>>()
  const of = (userId: string) => {
    const known = changed.get(userId) ?? new Map<string, unknown>(mls.devices.get(userId))
    changed.set(userId, known)
    return known
  }
  for (const { userId, deviceId } of remove) of(userId).delete(deviceId)
  for (const { userId, deviceId } of add) of(userId).set(deviceId, null)
  for (const [userId, devices] of changed) after.set(userId, devices)
  return after
}

/**
 * The members who cease to be: those whom the commit names, and no others. Who merely loses the last device stays, for the
 * commit's authenticated data says so to the members, and they and the server must agree on who may come back. Users who have
 * departed as a whole may be named: here they are no members already.
 */
function usersLeft(group: MlsGroup, actor: string, left: readonly string[], leaves: Leaves): string[] {
  if (new Set(left).size < left.length) throw new SottoError('bad_request', 'left: a user is named twice')
  if (left.length > 0 && group.mls.isDirect) throw new SottoError('forbidden', 'left: nobody leaves a conversation of two')
  const members = left.filter((userId) => group.members.has(userId))
  for (const userId of left) {
    if ((leaves.get(userId)?.size ?? 0) > 0)
      throw new SottoError('bad_request', `left: ${userId} has a device in the group after it`)
  }
  for (const userId of members) refuseRemoval(group, actor, userId)
  return members
}

function usersOf(devices: readonly MemberDevice[]): Set<string> {
  return new Set(devices.map(({ userId }) => userId))
}

/** Leaves that wait for their removal count: the tree has them. */
function checkSize(leaves: Leaves, departed: readonly unknown[]): void {
  let size = departed.length
  for (const devices of leaves.values()) size += devices.size
  if (size <= wire.groupDevices) return
  throw new SottoError('limit_reached', `a group has at most ${wire.groupDevices} devices`, { limit: 'groupDevices' })
}

function checkMembers(members: number, membersMax: number): void {
  if (members <= membersMax) return
  throw new SottoError('limit_reached', `a group has at most ${membersMax} members`, { limit: 'GROUP_MEMBERS' })
}

function emptyState(isDirect: boolean): MlsState {
  return { isDirect, generation: 0, epoch: 0, seq: 0, devices: new Map(), departed: [] }
}
