import type { Role } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Group, Store } from '../store/store.ts'
import { changeGroup } from './change-group.ts'
import { decideRole, refuseMls } from './rules.ts'

/**
 * Gives a member a role; `owner` hands the group over. Throws `not_member`, `not_found`, `forbidden`, `owner_must_transfer`,
 * `use_commit`.
 */
export function setRole(store: Store, caller: Caller, groupId: string, userId: string, role: Role): Promise<Group> {
  return changeGroup(store, caller, groupId, (group) => {
    refuseMls(group)
    return decideRole(group, caller.userId, userId, role)
  })
}
