import type { Limits } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Group, Store } from '../store/store.ts'
import { changeGroup } from './change-group.ts'
import { decideAdd, refuseMls } from './rules.ts'

/** Adds members; who is one already stays as they are. Throws `not_member`, `forbidden`, `limit_reached`, `rate_limited`, `use_commit`. */
export function addMembers(
  store: Store,
  limits: Limits,
  caller: Caller,
  groupId: string,
  members: readonly string[],
): Promise<Group> {
  return changeGroup(store, caller, groupId, (group) => {
    refuseMls(group)
    return decideAdd(group, caller.userId, members, limits.GROUP_MEMBERS)
  })
}
