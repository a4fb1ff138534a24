import type { Standing } from '../identity/vouching.ts'
import type { CommitClaim, MemberDevice, Roster } from '../membership/membership.ts'
import { deviceKey } from '../membership/roster.ts'
import { judgeCommit, type Verdict } from '../membership/rules.ts'
import type { GroupState, Leaf } from '../mls/engine.ts'
import { standingGoodbyes } from './goodbyes.ts'
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
export async function judgeChange(
  parts: Pick<Parts, 'erased' | 'engine'>,
  contacts: ContactOf,
  known: Known,
  before: GroupState,
  newLeaves: readonly Omit<Leaf, 'index'>[],
  { by, external, added, removed, claim }: Change,
): Promise<Verdict> {
  const gone = claim.left.map((userId) => ({ userId }))
  const leaves = [...known.leaving, ...erasedUsers(parts, known)]
  const proven = await standingGoodbyes(parts.engine, before, known.roster, claim.goodbyes)
  const standings = new Map<string, Standing>()
  for (const leaf of [...before.leaves, ...newLeaves]) {
    const named = namedBy(leaf)
    if (named !== undefined) standings.set(deviceKey(named), typeof vouched(leaf, contacts) === 'string' ? 'unlisted' : 'listed')
  }
  return judgeCommit({
    epoch: before.epoch,
    roster: known.roster,
    effect: { by, external, added, removed },
    devicesBefore: devicesOf(before),
    departed: known.departed.map(({ userId, deviceId }) => (deviceId === undefined ? { userId } : { userId, deviceId })),
    leaves: new Set(
      external
        ? // Another device of a user who leaves may come in before the server has heard of it: the next commit removes both.
          leaves.filter((userId) => userId !== by.userId)
        : [
            ...leaves,
            // No owner goes by its word alone.
            ...proven.map(({ userId }) => userId).filter((userId) => known.roster.members.get(userId) !== 'owner'),
            ...erasedUnheard(parts, known, before.epoch, [...removed, ...gone]),
          ],
    ),
    claim,
    vouched: (device) => standings.get(deviceKey(device)) ?? 'unknown',
    // A device that was revoked since may have committed before. Nothing is sent while an unlisted device is in the group.
    past: true,
  })
}

/** For so many epochs a device may meet the removal of somebody who was announced as departed before the device came in. */
const epochsUnheard = 8

/**
 * Users whose account was erased before this device came in. It has not heard the server announce it, and asks for no more
 * than that the server knows of no such identity any more: an account that is erased can say nothing itself.
 */
function erasedUnheard(
  { erased }: Pick<Parts, 'erased'>,
  { roster, sinceEpoch, isFresh }: Known,
  epoch: number,
  named: readonly { readonly userId: string }[],
): string[] {
  const isNew = isFresh || (sinceEpoch !== undefined && epoch - sinceEpoch <= epochsUnheard)
  return roster.direct || !isNew ? [] : named.map(({ userId }) => userId).filter((userId) => erased.has(userId))
}

/** Users of whom the server says twice that they are gone: announced in the log, and without an identity. */
export function erasedUsers({ erased }: Pick<Parts, 'erased'>, { departed }: Pick<Known, 'departed'>): string[] {
  return departed.filter(({ userId, deviceId }) => deviceId === undefined && erased.has(userId)).map(({ userId }) => userId)
}
