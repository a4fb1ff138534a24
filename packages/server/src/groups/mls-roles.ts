import { type Role, SottoError } from '@sotto/protocol'
import type { Group, MlsState } from '../store/store.ts'

type Members = Pick<Group, 'members'> & { readonly mls: Pick<MlsState, 'isDirect'> }

export interface DecidedRoles {
  /** Users who become members, with their roles. */
  readonly addUsers: ReadonlyMap<string, Role>
  /** New roles of members. */
  readonly roles: ReadonlyMap<string, Role>
}

/**
 * The roles that a commit gives: the owner alone gives them, to members and to those who become members by it. Handing the
 * group over makes the former owner an admin, unless the commit says member.
 * @param users whose devices the commit adds. Throws `bad_request`, `forbidden`, `owner_must_transfer`.
 */
export function decideRoles(
  { members, mls }: Members,
  actor: string,
  users: ReadonlySet<string>,
  claims: { readonly roles: Readonly<Record<string, Role>> | undefined },
): DecidedRoles {
  const addUsers = new Map<string, Role>([...users].filter((userId) => !members.has(userId)).map((userId) => [userId, 'member']))
  const roles = new Map<string, Role>()
  const claimed = Object.entries(claims.roles ?? {})
  if (claimed.filter(([, role]) => role === 'owner').length > 1) {
    throw new SottoError('bad_request', 'roles: a group has one owner')
  }
  let isHandedOver = false
  for (const [userId, role] of claimed) {
    const before = members.get(userId) ?? addUsers.get(userId)
    if (before === undefined) throw new SottoError('bad_request', 'roles: they are for members, and for those who are added')
    if (role === before) continue
    if (mls.isDirect) throw new SottoError('forbidden', 'a conversation of two has no roles')
    if (members.get(actor) !== 'owner') throw new SottoError('forbidden', 'only the owner gives roles')
    if (addUsers.has(userId)) addUsers.set(userId, role)
    else roles.set(userId, role)
    if (role === 'owner') isHandedOver = true
  }
  if (isHandedOver && !roles.has(actor)) roles.set(actor, 'admin')
  // The owner alone can have come to this.
  if (!isHandedOver && roles.has(actor)) throw new SottoError('owner_must_transfer')
  return { addUsers, roles }
}

/** Throws where the actor may not remove devices of another member: `forbidden`, `owner_must_transfer`. */
export function refuseRemoval({ members, mls }: Members, actor: string, target: string): void {
  const role = members.get(actor)
  if (mls.isDirect) throw new SottoError('forbidden', 'remove: nobody removes the other of a conversation of two')
  if (role !== 'owner' && role !== 'admin') throw new SottoError('forbidden', 'only the owner and admins remove others')
  const targetRole = members.get(target)
  if (targetRole === 'owner') throw new SottoError('owner_must_transfer', "remove: nobody removes the owner's devices")
  if (role === 'admin' && targetRole === 'admin') throw new SottoError('forbidden', 'only the owner removes admins')
}
