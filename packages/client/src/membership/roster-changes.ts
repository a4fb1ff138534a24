import type { MemberDevice, Role, Roster } from './membership.ts'
import { checkRoster, withSince } from './roster.ts'

/**
 * Of a new conversation: its creator is the owner, all others are members. Of two: the pair, without roles.
 * @throws TrustFailure `malformed`: ids that are none, a conversation of two that is not of two.
 */
export function rosterOfNew(owner: string, members: readonly string[], direct: boolean): Roster {
  const all = new Map<string, Role>([owner, ...members].map((userId) => [userId, 'member']))
  if (!direct) all.set(owner, 'owner')
  const roster = { direct, members: all }
  checkRoster(roster)
  return roster
}

/**
 * The roster after a change, permitted or not: users of added devices who were not in it become members, those who left
 * are gone, roles are given to who is in it, and who hands the group over becomes an admin.
 */
export function rosterAfter(
  { direct, members, since }: Roster,
  addedUsers: Iterable<string>,
  left: Iterable<string>,
  roles: ReadonlyMap<string, Role>,
  coming: Coming = { epoch: 0, users: new Set() },
): Roster {
  const next = new Map(members)
  for (const userId of left) next.delete(userId)
  for (const userId of addedUsers) if (!next.has(userId)) next.set(userId, 'member')
  for (const [userId, role] of roles) if (next.has(userId)) next.set(userId, role)
  const owner = ownerOf(members)
  const isHandedOver = [...roles].some(([userId, role]) => role === 'owner' && userId !== owner && next.has(userId))
  if (isHandedOver && owner !== undefined && next.has(owner)) next.set(owner, 'admin')
  const nextSince = new Map(since)
  for (const userId of left) nextSince.delete(userId)
  for (const userId of addedUsers) if (coming.users.has(userId)) nextSince.set(userId, coming.epoch)
  for (const [userId, epoch] of nextSince) if (epoch === 0) nextSince.delete(userId)
  return withSince({ direct, members: next }, direct ? undefined : nextSince)
}

/** Who comes in by a change. */
export interface Coming {
  /** The epoch that it ends. */
  readonly epoch: number
  /** Users of added devices who have none in the group before. */
  readonly users: ReadonlySet<string>
}

/** Of these added devices' users those who have no device in the group. */
export function comingBy(epoch: number, added: readonly MemberDevice[], before: readonly MemberDevice[]): Coming {
  const present = new Set(before.map(({ userId }) => userId))
  return { epoch, users: new Set(added.map(({ userId }) => userId).filter((userId) => !present.has(userId))) }
}

/** Roles that are others in the second roster; of who is new, those that are more than a member's. */
export function rolesBetween(before: Roster, after: Roster): ReadonlyMap<string, Role> {
  return new Map([...after.members].filter(([userId, role]) => role !== (before.members.get(userId) ?? 'member')))
}

function ownerOf(members: ReadonlyMap<string, Role>): string | undefined {
  return [...members].find(([, role]) => role === 'owner')?.[0]
}
