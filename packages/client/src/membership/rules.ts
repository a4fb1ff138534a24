import type { Standing } from '../identity/vouching.ts'
import { sameClaim } from './claim.ts'
import type { Goodbye } from './goodbye.ts'
import type { CommitClaim, MemberDevice, Role, Roster } from './membership.ts'
import type { CommitRefusal } from './refusals.ts'
import { deviceKey, membersMax, rosterHash } from './roster.ts'
import { comingBy, rolesBetween, rosterAfter } from './roster-changes.ts'

export interface CommitCase {
  /** The epoch that the commit ends; default 0. */
  readonly epoch?: number
  /** Before the commit. */
  readonly roster: Roster
  /** What the commit does to the tree, each leaf as the device that its user vouches for. */
  readonly effect: {
    readonly by: MemberDevice
    readonly external: boolean
    /** Of an external commit: its own device, or nothing. */
    readonly added: readonly MemberDevice[]
    readonly removed: readonly MemberDevice[]
  }
  /** Every leaf before the commit. */
  readonly devicesBefore: readonly MemberDevice[]
  /** What the server has announced as departed. It decides nothing; it words the refusal. */
  readonly departed: readonly { readonly userId: string; readonly deviceId?: string }[]
  /**
   * Users who have said that they leave, and are still members: in an authenticated message, or in a goodbye of the claim
   * that verifies.
   */
  readonly leaves: ReadonlySet<string>
  readonly claim: CommitClaim
  readonly vouched: (device: MemberDevice) => Standing
  /**
   * The commit belongs to a past that this device only catches up with: devices that have been taken from their lists
   * since then count as they did. To be set only where others have gone on from it, and with leaves whose certificates
   * were verified; before anything is sent, whoever is unlisted must be removed all the same.
   */
  readonly past?: boolean
}

export interface Refused {
  readonly refused: CommitRefusal
  /** Users whose newest device list is worth fetching: with it the verdict may be another. */
  readonly ask: readonly string[]
}

export type Verdict = { readonly roster: Roster } | Refused

/**
 * Whether a commit is permitted, and the roster after it. By the history of commits, device lists and members' own words
 * alone: what the server says changes no verdict.
 *
 * **Who commits.** A device of the group that its user's newest list has. From outside (external): a device of a member
 * that has not said that it leaves; it adds itself, removes its own old leaf if there is one, and nothing else.
 *
 * **Adding.** Any member adds devices of members; only owner and admins add devices of others, who become members by it.
 * Every added device is in its user's newest list. A device may be removed and added in one commit: it starts anew.
 *
 * **Removing a device.** Permitted where one of these holds: it is another device of the committing user; the committer is
 * the owner; the committer is an admin and its user a plain member; its user's newest list does not have it; its user has
 * said that it leaves. That the server announced it as departed is none of them.
 *
 * **Ceasing to be a member** happens only to users whom the claim names in `left`, and only where no device of them stays.
 * Permitted where the user has said that it leaves, the committer is the owner, or the committer is an admin and the user
 * a plain member. Whoever loses the last device otherwise stays a member without one. An owner ceases to be a member only
 * by its own word; the group then has none.
 *
 * **Roles** are given by the owner, to members after the commit. Who makes another the owner becomes an admin.
 *
 * **A conversation of two** keeps its two members for ever and knows no roles: both add devices of both, remove their own
 * others, and remove what is unlisted or has left.
 *
 * **The claim** names exactly the devices that are added and removed, who leaves, every role that changes (that of a
 * former owner too) and the hash of the roster after it.
 */
export function judgeCommit(commit: CommitCase): Verdict {
  const scene = sceneOf(commit)
  if (scene === undefined) return refuse('inconsistent')
  const refused =
    judgeCommitter(scene) ??
    judgeLeaves(scene) ??
    first(scene.added, (device) => judgeAdded(scene, device)) ??
    first(scene.removed, (device) => judgeRemoved(scene, device)) ??
    first(commit.claim.left, (userId) => judgeLeft(scene, userId)) ??
    judgeRoles(scene)
  return refused ?? judgeClaim(scene)
}

interface Scene extends CommitCase {
  readonly by: MemberDevice
  readonly added: readonly MemberDevice[]
  readonly removed: readonly MemberDevice[]
  readonly before: ReadonlySet<string>
  readonly removedKeys: ReadonlySet<string>
  /** Of the committing user; in a conversation of two, nobody has more than the other. */
  readonly role: Role | undefined
}

function sceneOf(commit: CommitCase): Scene | undefined {
  const { roster, effect, devicesBefore, claim } = commit
  const { by, external, removed } = effect
  const added = external && effect.added.length === 0 ? [by] : effect.added
  const isOrderly = [devicesBefore, added, removed, claim.added, claim.removed].every(eachOnce) && onlyOnce(claim.left)
  if (!isOrderly || devicesBefore.some(({ userId }) => !roster.members.has(userId))) return undefined
  return {
    ...commit,
    by,
    added,
    removed,
    before: new Set(devicesBefore.map(deviceKey)),
    removedKeys: new Set(removed.map(deviceKey)),
    role: roster.direct ? 'member' : roster.members.get(by.userId),
  }
}

function judgeCommitter(scene: Scene): Refused | undefined {
  const { by, effect, roster, before, leaves } = scene
  if (!roster.members.has(by.userId)) return refuse('unknown_committer')
  if (!effect.external) {
    if (!before.has(deviceKey(by))) return refuse('unknown_committer')
    return judgeStanding(scene, by)
  }
  const isOwn = (device: MemberDevice) => deviceKey(device) === deviceKey(by)
  const { claim, added, removed } = scene
  if (![...added, ...removed].every(isOwn) || claim.left.length > 0 || claim.roles.size > 0) {
    return refuse('external_beyond_itself')
  }
  return leaves.has(by.userId) ? refuse('left_by_own_word') : undefined
}

/** What the tree itself must permit. */
function judgeLeaves({ by, effect, added, removed, before, removedKeys }: Scene): Refused | undefined {
  if (!effect.external && removedKeys.has(deviceKey(by))) return refuse('removes_itself')
  if (removed.some((device) => !before.has(deviceKey(device)))) return refuse('not_in_group')
  const stays = (device: MemberDevice) => before.has(deviceKey(device)) && !removedKeys.has(deviceKey(device))
  return added.some(stays) ? refuse('already_in_group') : undefined
}

function judgeAdded(scene: Scene, device: MemberDevice): Refused | undefined {
  const { roster, role } = scene
  if (!roster.members.has(device.userId)) {
    if (roster.direct) return refuse('direct_is_fixed')
    if (role !== 'owner' && role !== 'admin') return refuse('not_permitted_to_add')
  }
  return judgeStanding(scene, device)
}

function judgeStanding({ vouched, past }: Scene, device: MemberDevice): Refused | undefined {
  const standing = vouched(device)
  const isAdmitted = standing === 'listed' || (standing === 'unlisted' && past === true)
  return isAdmitted ? undefined : refuse('unlisted_device', [device.userId])
}

function judgeRemoved(scene: Scene, device: MemberDevice): Refused | undefined {
  const { by, leaves, vouched, departed } = scene
  const { userId, deviceId } = device
  if (userId === by.userId || leaves.has(userId) || governs(scene, userId)) return undefined
  if (vouched(device) === 'unlisted') return undefined
  const isAnnounced = departed.some(
    (gone) => gone.userId === userId && (gone.deviceId === undefined || gone.deviceId === deviceId),
  )
  return refuse(isAnnounced ? 'departure_unproven' : 'not_permitted_to_remove', [userId])
}

function judgeLeft(scene: Scene, userId: string): Refused | undefined {
  const { roster, leaves } = scene
  if (roster.direct) return refuse('direct_is_fixed')
  const role = roster.members.get(userId)
  if (role === undefined) return refuse('not_a_member')
  const stays = scene.devicesBefore.some((device) => device.userId === userId && !scene.removedKeys.has(deviceKey(device)))
  if (stays || scene.added.some((device) => device.userId === userId)) return refuse('still_present')
  if (leaves.has(userId) || governs(scene, userId)) return undefined
  return refuse(role === 'owner' ? 'owner_must_transfer' : 'not_permitted_to_leave')
}

/** The owner over all others, admins over plain members; in a conversation of two nobody. */
function governs({ roster, role }: Scene, userId: string): boolean {
  return role === 'owner' || (role === 'admin' && roster.members.get(userId) === 'member')
}

function judgeRoles(scene: Scene): Refused | undefined {
  const { claim, roster, role } = scene
  if (claim.roles.size === 0) return undefined
  if (roster.direct) return refuse('direct_is_fixed')
  if (role !== 'owner') return refuse('owner_only')
  const next = outcomeOf(scene)
  if ([...claim.roles.keys()].some((userId) => !next.members.has(userId))) return refuse('not_a_member')
  const owners = [...next.members.values()].filter((one) => one === 'owner')
  return owners.length === 1 ? undefined : refuse('owner_must_transfer')
}

function judgeClaim(scene: Scene): Verdict {
  const { roster, added, removed, claim } = scene
  const next = outcomeOf(scene)
  if (next.members.size > membersMax) return refuse('too_many_members')
  const actual: CommitClaim = {
    added,
    removed,
    left: claim.left,
    roles: rolesBetween(roster, next),
    goodbyes: claim.goodbyes,
    rosterHash: rosterHash(next),
  }
  return sameClaim(claim, actual) ? { roster: next } : refuse('claim_differs')
}

function outcomeOf({ roster, effect, added, claim, epoch = 0, devicesBefore }: Scene): Roster {
  const users = added.map(({ userId }) => userId)
  // Who joins from outside is a member already: the roster stays as it is.
  const coming = effect.external ? undefined : comingBy(epoch, added, devicesBefore)
  return rosterAfter(roster, users, claim.left, claim.roles, coming)
}

function refuse(refused: CommitRefusal, ask: readonly string[] = []): Refused {
  return { refused, ask }
}

function first<item>(items: readonly item[], judge: (item: item) => Refused | undefined): Refused | undefined {
  for (const item of items) {
    const refused = judge(item)
    if (refused !== undefined) return refused
  }
  return undefined
}

function eachOnce(devices: readonly MemberDevice[]): boolean {
  return onlyOnce(devices.map(deviceKey))
}

function onlyOnce(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length
}

/** What the commit of a change will do. */
export interface MembershipChange {
  /** The epoch that it ends, and the devices in the group before; default: 0, and nobody counts as coming in. */
  readonly from?: { readonly epoch: number; readonly devices: readonly MemberDevice[] }
  /** The committing device. */
  readonly by: MemberDevice
  readonly add: readonly MemberDevice[]
  readonly remove: readonly MemberDevice[]
  /** Users who cease to be members. */
  readonly leave: readonly string[]
  /** What those of them have said who go by their own word. */
  readonly goodbyes?: readonly Goodbye[]
  /** Roles to give. Handing over to another owner makes the former one an admin by itself. */
  readonly roles?: ReadonlyMap<string, Role>
}

/**
 * The claim for a commit to make, and the roster after it. It asks for no permission: `judgeCommit` does, also of one's
 * own commits before they are sent.
 * @param external the commit joins `by` from outside, and removes its old leaf if that is in `remove`; `add` is ignored.
 * @throws TrustFailure `malformed` where the outcome is no roster.
 */
export function claimOf(
  roster: Roster,
  change: MembershipChange,
  external = false,
): { readonly claim: CommitClaim; readonly roster: Roster } {
  const added = external ? [change.by] : change.add
  const users = added.map(({ userId }) => userId)
  const coming = change.from === undefined ? undefined : comingBy(change.from.epoch, added, change.from.devices)
  const next = rosterAfter(roster, users, change.leave, change.roles ?? new Map(), coming)
  const claim: CommitClaim = {
    added: added,
    removed: change.remove,
    left: change.leave,
    roles: rolesBetween(roster, next),
    goodbyes: change.goodbyes ?? [],
    rosterHash: rosterHash(next),
  }
  return { claim, roster: next }
}
