import { SottoError } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Group, Store } from '../store/store.ts'
import { changesNothing, type Decision, seenBy } from './rules.ts'

/** How often a change is decided again because the group moved meanwhile, before the caller is told to come back. */
const triesMax = 16
const retryAfterMs = 250

/**
 * Decides a change on the group as it is and has it made only if the group has not moved since: a decision is never
 * applied to a membership that it did not see.
 * @returns the group as it is afterwards.
 * @throws `not_member`, `overloaded` (the group kept moving), what `decide` throws.
 */
export async function changeGroup(
  store: Store,
  caller: Caller,
  groupId: string,
  decide: (group: Group) => Decision,
): Promise<Group> {
  for (let tries = 0; tries < triesMax; tries++) {
    const group = seenBy(caller.userId, await store.group(groupId))
    const decision = decide(group)
    if (changesNothing(decision)) return group
    const by = await caller.device()
    const changed = await store.changeGroup({ groupId, version: group.version, by, ...decision })
    if (changed !== 'moved') return changed
  }
  throw new SottoError('overloaded', 'the group is being changed by many at once', { retryAfterMs })
}
