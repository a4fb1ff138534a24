import { type Role, SottoError } from '@sotto/protocol'
import type { Group } from '../store/store.ts'

/** What is to change in a group. Nothing of it happens unless the group is still as it was when this was decided. */
export interface Decision {
  readonly add: readonly string[]
  readonly remove: readonly string[]
  readonly roles: ReadonlyMap<string, Role>
  readonly delete: boolean
  readonly goodbye?: string | undefined
}

/** The group is already as the caller wants it. */
const nothing: Decision = { add: [], remove: [], roles: new Map(), delete: false }

type Members = Pick<Group, 'members'> & Partial<Pick<Group, 'mls'>>

/** The group, for a member's eyes. Throws `not_member`, the same for a group that does not exist. */
export function seenBy<group extends Members>(userId: string, group: group | undefined): group {
  if (group === undefined || !group.members.has(userId)) throw new SottoError('not_member')
  return group
}

/** Throws `not_member`. */
function roleIn(group: Members, userId: string): Role {
  const role = group.members.get(userId)
  if (role === undefined) throw new SottoError('not_member')
  return role
}

/** The members of a new group beside its creator, each once. Throws `limit_reached` (GROUP_MEMBERS). */
export function decideMembers(creator: string, members: readonly string[], membersMax: number): readonly string[] {
  const others = new Set(members)
  others.delete(creator)
  refuseBeyond(membersMax, others.size + 1)
  return [...others]
}

/** Owner and admins add; who is a member already is left as they are. Throws `forbidden`, `limit_reached`. */
export function decideAdd(group: Members, actor: string, members: readonly string[], membersMax: number): Decision {
  if (roleIn(group, actor) === 'member') throw new SottoError('forbidden', 'only the owner and admins add members')
  const add = [...new Set(members)].filter((userId) => !group.members.has(userId))
  if (add.length === 0) return nothing
  refuseBeyond(membersMax, group.members.size + add.length)
  return { ...nothing, add }
}

/**
 * Anybody but the owner may leave; the owner removes anybody else, an admin plain members.
 * Throws `forbidden`, `not_found` (no such member), `owner_must_transfer`.
 */
export function decideRemove(group: Members, actor: string, target: string): Decision {
  const role = roleIn(group, actor)
  if (target !== actor && role === 'member') throw new SottoError('forbidden', 'only the owner and admins remove others')
  const targetRole = group.members.get(target)
  if (targetRole === undefined) throw new SottoError('not_found', 'there is no such member')
  if (targetRole === 'owner') throw new SottoError('owner_must_transfer')
  if (target !== actor && role === 'admin' && targetRole === 'admin') {
    throw new SottoError('forbidden', 'only the owner removes admins')
  }
  return { ...nothing, remove: [target] }
}

/**
 * The owner gives roles. Handing the group over makes the former owner an admin; there is no other way to cease
 * to be owner. Throws `forbidden`, `not_found` (no such member), `owner_must_transfer`.
 */
export function decideRole(group: Members, actor: string, target: string, role: Role): Decision {
  if (roleIn(group, actor) !== 'owner') throw new SottoError('forbidden', 'only the owner gives roles')
  const current = group.members.get(target)
  if (current === undefined) throw new SottoError('not_found', 'there is no such member')
  if (current === role) return nothing
  if (target === actor) throw new SottoError('owner_must_transfer')
  const roles = new Map<string, Role>([[target, role]])
  if (role === 'owner') roles.set(actor, 'admin')
  return { ...nothing, roles }
}

/**
 * Anybody but the owner may leave an MLS group, and the owner who is alone in it; only commits remove others.
 * Throws `use_commit`, `forbidden` (a conversation of two), `owner_must_transfer`.
 */
export function decideLeave(group: Members, actor: string, target: string): Decision {
  const role = roleIn(group, actor)
  if (target !== actor) throw new SottoError('use_commit')
  if (group.mls?.isDirect === true) throw new SottoError('forbidden', 'nobody leaves a conversation of two')
  if (role === 'owner' && group.members.size > 1) throw new SottoError('owner_must_transfer')
  return { ...nothing, remove: [actor] }
}

/** The members and roles of an MLS group change by commits. Throws `use_commit`. */
export function refuseMls({ mls }: Pick<Group, 'mls'>): void {
  if (mls !== null) throw new SottoError('use_commit')
}

/** The owner deletes. Throws `forbidden`. */
export function decideDelete(group: Members, actor: string): Decision {
  if (group.mls?.isDirect === true) throw new SottoError('forbidden', 'nobody deletes a conversation of two')
  if (roleIn(group, actor) !== 'owner') throw new SottoError('forbidden', 'only the owner deletes the group')
  return { ...nothing, remove: [...group.members.keys()], delete: true }
}

export function changesNothing(decision: Decision): boolean {
  return decision.add.length + decision.remove.length + decision.roles.size === 0 && !decision.delete
}

function refuseBeyond(membersMax: number, members: number): void {
  if (members > membersMax) {
    throw new SottoError('limit_reached', `a group has at most ${membersMax} members`, { limit: 'GROUP_MEMBERS' })
  }
}
