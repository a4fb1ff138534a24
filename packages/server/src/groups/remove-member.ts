import type { Caller } from '../caller.ts'
import type { Group, Store } from '../store/store.ts'
import { changeGroup } from './change-group.ts'
import { decideLeave, decideRemove } from './rules.ts'

/**
 * Removes a member, or leaves; an MLS group can only be left. Throws `not_member`, `not_found`, `forbidden`,
 * `owner_must_transfer`, `use_commit`.
 */
export function removeMember(store: Store, caller: Caller, groupId: string, userId: string): Promise<Group> {
  return changeGroup(store, caller, groupId, (group) =>
    group.mls === null ? decideRemove(group, caller.userId, userId) : decideLeave(group, caller.userId, userId),
  )
}
