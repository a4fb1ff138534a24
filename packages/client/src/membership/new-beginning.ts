import type { Role, Roster } from './membership.ts'

export interface NewBeginning {
  /** Of the generation before, as this device knows it. */
  readonly before: Roster
  readonly after: Roster
  /** The user whose device has signed the roster after. */
  readonly by: string
  /** Users who have said that they leave, or whose account is erased. */
  readonly gone: ReadonlySet<string>
  /**
   * Roles by the server's word, for who comes in from outside after the group has gone on: what commits have changed since,
   * it cannot read, and takes where signer and server agree on it.
   */
  readonly since?: ReadonlyMap<string, Role>
}

/**
 * Why a group does not begin anew with this roster; undefined: it does. The owner or an admin begins it, with the members
 * and roles of before. Missing may be who is gone, and whom the one who begins may remove: the owner all others, an admin
 * plain members. In a conversation of two there is nothing to judge.
 */
export function judgeNewBeginning({ before, after, by, gone, since }: NewBeginning): string | undefined {
  if (before.direct !== after.direct) return 'it is of another kind than before'
  if (before.direct) return undefined
  const role = before.members.get(by)
  if (role === undefined || (role === 'member' && since === undefined)) return 'only the owner or an admin begins a group anew'
  const isConfirmed = (userId: string) => since !== undefined && since.get(userId) === after.members.get(userId)
  for (const [userId, now] of after.members) {
    if (before.members.get(userId) !== now && !isConfirmed(userId)) return `${userId} has another role than before`
  }
  for (const [userId, once] of before.members) {
    const isGoverned = since === undefined && userId !== by && (role === 'owner' || once === 'member')
    if (!after.members.has(userId) && !isGoverned && !gone.has(userId) && !isConfirmed(userId)) return `${userId} is left out`
  }
  return undefined
}
