import type { Caller } from '../caller.ts'
import type { Group, Store } from '../store/store.ts'
import { changeGroup } from './change-group.ts'
import { decideRemove } from './rules.ts'

/** Removes a member, or leaves. Throws `not_member`, `not_found`, `forbidden`, `owner_must_transfer`. */
export function removeMember(store: Store, caller: Caller, groupId: string, userId: string): Promise<Group> {
  return changeGroup(store, caller, groupId, (group) => decideRemove(group, caller.userId, userId))
}
