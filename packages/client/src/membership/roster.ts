import { sha256 } from '@noble/hashes/sha2.js'
import { fromCanonical, malformed, readCount, readFlag, readList, readTuple, toCanonical } from '../identity/canonical.ts'
import { isUserId, readUserId } from '../identity/names.ts'
import type { MemberDevice, Role, Roster } from './membership.ts'

const rosterLabel = 'sotto roster v1'
const rosterBytesMax = 8 * 1024 * 1024
/** Members of a roster, devices of one list of a claim. */
export const membersMax = 10_000

const ranks: readonly Role[] = ['owner', 'admin', 'member']

/** The one encoding of a roster: travels in the GroupInfo. @throws TrustFailure `malformed` where it is none. */
export function encodeRoster(roster: Roster): Uint8Array {
  checkRoster(roster)
  const members = [...roster.members].sort(([one], [other]) => inOrder(one, other))
  const since = (userId: string) => sinceOf(roster, userId)
  return toCanonical(rosterLabel, [
    roster.direct,
    members.map(([userId, role]) => (since(userId) === 0 ? [userId, rankOf(role)] : [userId, rankOf(role), since(userId)])),
  ])
}

/** The epoch whose end brought the user in. */
export function sinceOf({ since }: Roster, userId: string): number {
  return since?.get(userId) ?? 0
}

/** @throws TrustFailure `malformed`. */
export function decodeRoster(bytes: Uint8Array): Roster {
  const [direct, members] = readTuple(fromCanonical(rosterLabel, bytes, rosterBytesMax), 2)
  const rows = readList(members, membersMax).map((row) => readList(row, 3))
  const since = new Map(rows.flatMap((row) => (row.length === 3 ? [[readUserId(row[0]), readCount(row[2])] as const] : [])))
  const roles = readRoles(rows.map((row) => row.slice(0, 2)))
  const roster = withSince({ direct: readFlag(direct), members: roles }, since)
  checkRoster(roster)
  return roster
}

/** SHA-256 of the encoding. */
export function rosterHash(roster: Roster): Uint8Array {
  return sha256(encodeRoster(roster))
}

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

function withSince(roster: Pick<Roster, 'direct' | 'members'>, since: ReadonlyMap<string, number> | undefined): Roster {
  return since === undefined || since.size === 0 ? roster : { ...roster, since }
}

/** Roles that are others in the second roster; of who is new, those that are more than a member's. */
export function rolesBetween(before: Roster, after: Roster): ReadonlyMap<string, Role> {
  return new Map([...after.members].filter(([userId, role]) => role !== (before.members.get(userId) ?? 'member')))
}

function ownerOf(members: ReadonlyMap<string, Role>): string | undefined {
  return [...members].find(([, role]) => role === 'owner')?.[0]
}

/**
 * Whether a tree fits to the roster that came with it, for who joins: each device belongs to a member. A text is the
 * reason why it does not.
 * @param pair of a conversation of two that was asked for: both users.
 */
export function rosterFits(
  roster: Roster,
  devices: readonly MemberDevice[],
  pair?: readonly [string, string],
): string | undefined {
  const stranger = devices.find(({ userId }) => !roster.members.has(userId))
  if (stranger !== undefined) return 'a device in the group belongs to no member'
  if (new Set(devices.map(deviceKey)).size < devices.length) return 'a device is in the group twice'
  if (pair === undefined) return undefined
  const isThatPair = roster.direct && pair.every((userId) => roster.members.has(userId))
  return isThatPair ? undefined : 'it is not the conversation of these two'
}

/** Names a device in sets; `/` is in no device id. */
export function deviceKey({ userId, deviceId }: MemberDevice): string {
  return `${deviceId}/${userId}`
}

/** By UTF-16 code units, as everywhere in encodings. */
export function inOrder(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1
}

export function rankOf(role: Role): number {
  return ranks.indexOf(role)
}

/** Pairs of user and rank, in order. @throws TrustFailure `malformed`. */
export function readRoles(value: unknown): ReadonlyMap<string, Role> {
  const pairs = readList(value, membersMax).map((pair): readonly [string, Role] => {
    const [userId, rank] = readTuple(pair, 2)
    const role = ranks[readCount(rank)]
    if (role === undefined) throw malformed('no role')
    return [readUserId(userId), role]
  })
  refuseDisorder(pairs.map(([userId]) => userId))
  return new Map(pairs)
}

/** A set is written in one way: in order, each once. @throws TrustFailure `malformed`. */
export function refuseDisorder(keys: readonly string[]): void {
  if (keys.some((key, index) => index > 0 && inOrder(keys[index - 1]!, key) >= 0)) throw malformed('not in order')
}

/** An owner at most: one who erased the account leaves none behind. */
function checkRoster({ direct, members, since = new Map() }: Roster): void {
  if (direct && since.size > 0) throw malformed('nobody comes into a conversation of two')
  for (const [userId, epoch] of since) if (!members.has(userId) || epoch === 0) throw malformed('no epoch to have come in')
  if (members.size > membersMax) throw malformed('too many members')
  for (const userId of members.keys()) if (!isUserId(userId)) throw malformed('no user id')
  const roles = [...members.values()]
  if (roles.filter((role) => role === 'owner').length > 1) throw malformed('more than one owner')
  if (direct && (members.size !== 2 || roles.some((role) => role !== 'member'))) throw malformed('not a conversation of two')
}
