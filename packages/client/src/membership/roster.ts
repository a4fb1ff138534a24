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

/** With the epochs that brought users in, if there are any. */
export function withSince(roster: Pick<Roster, 'direct' | 'members'>, since: ReadonlyMap<string, number> | undefined): Roster {
  return since === undefined || since.size === 0 ? roster : { ...roster, since }
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

/** An owner at most: one who erased the account leaves none behind. @throws TrustFailure `malformed`. */
export function checkRoster({ direct, members, since = new Map() }: Roster): void {
  if (direct && since.size > 0) throw malformed('nobody comes into a conversation of two')
  for (const [userId, epoch] of since) if (!members.has(userId) || epoch === 0) throw malformed('no epoch to have come in')
  if (members.size > membersMax) throw malformed('too many members')
  for (const userId of members.keys()) if (!isUserId(userId)) throw malformed('no user id')
  const roles = [...members.values()]
  if (roles.filter((role) => role === 'owner').length > 1) throw malformed('more than one owner')
  if (direct && (members.size !== 2 || roles.some((role) => role !== 'member'))) throw malformed('not a conversation of two')
}
