import type { Standing } from '../identity/vouching.ts'
import type { CommitClaim, MemberDevice, Roster } from '../membership/membership.ts'
import { deviceKey } from '../membership/roster.ts'
import { judgeCommit, type Verdict } from '../membership/rules.ts'
import type { GroupState, Leaf } from '../mls/engine.ts'
import { type ContactOf, devicesOf, namedBy, vouched } from './leaves.ts'
import type { Parts } from './parts.ts'

interface Change {
  readonly by: MemberDevice
  readonly external: boolean
  readonly added: readonly MemberDevice[]
  readonly removed: readonly MemberDevice[]
  readonly claim: CommitClaim
}

interface Known {
  readonly roster: Roster
  readonly sinceEpoch: number | undefined
  readonly isFresh: boolean
  readonly leaving: readonly string[]
  readonly departed: readonly { readonly userId: string; readonly deviceId: string | undefined }[]
}

/** The rules, asked with all that this device knows. `newLeaves`: those that are not in the tree before. */
export function judgeChange(
  parts: Pick<Parts, 'erased'>,
  contacts: ContactOf,
  known: Known,
  before: GroupState,
  newLeaves: readonly Omit<Leaf, 'index'>[],
  { by, external, added, removed, claim }: Change,
): Verdict {
  const gone = claim.left.map((userId) => ({ userId }))
  const leaves = [...known.leaving, ...erasedUsers(parts, known)]
  const standings = new Map<string, Standing>()
  for (const leaf of [...before.leaves, ...newLeaves]) {
    const named = namedBy(leaf)
    if (named !== undefined) standings.set(deviceKey(named), typeof vouched(leaf, contacts) === 'string' ? 'unlisted' : 'listed')
  }
  return judgeCommit({
    roster: known.roster,
    effect: { by, external, added, removed },
    devicesBefore: devicesOf(before),
    departed: known.departed.map(({ userId, deviceId }) => (deviceId === undefined ? { userId } : { userId, deviceId })),
    leaves: new Set(
      external
        ? // Another device of a user who leaves may come in before the server has heard of it: the next commit removes both.
          leaves.filter((userId) => userId !== by.userId)
        : [...leaves, ...unheard(known, before.epoch, [...removed, ...gone])],
    ),
    claim,
    vouched: (device) => standings.get(deviceKey(device)) ?? 'unknown',
    // A device that was revoked since may have committed before. Nothing is sent while an unlisted device is in the group.
    past: true,
  })
}

/** For so many epochs a device may meet the removal of somebody whose goodbye came before the device did. */
const epochsUnheard = 8

/**
 * Users who may have said that they leave before this device came in: it believes those who heard it. Only for a short while,
 * of users whom the server has announced as departed; and where it came in by itself, of all whom the first commit of a member
 * removes, for the server lets none pass that does not remove who had departed before. No owner goes like this.
 */
function unheard(known: Known, epoch: number, named: readonly { readonly userId: string }[]): string[] {
  const { roster, sinceEpoch, departed, isFresh } = known
  if (roster.direct || sinceEpoch === undefined || epoch - sinceEpoch > epochsUnheard) return []
  const users = named.map(({ userId }) => userId).filter((userId) => roster.members.get(userId) !== 'owner')
  return users.filter((userId) => isFresh || departed.some((gone) => gone.userId === userId && gone.deviceId === undefined))
}

/** Users of whom the server says twice that they are gone: announced in the log, and without an identity. */
export function erasedUsers({ erased }: Pick<Parts, 'erased'>, { departed }: Pick<Known, 'departed'>): string[] {
  return departed.filter(({ userId, deviceId }) => deviceId === undefined && erased.has(userId)).map(({ userId }) => userId)
}
