import { SottoError } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Group, Store } from '../store/store.ts'
import { changeGroup } from './change-group.ts'
import { decideLeave, decideRemove } from './rules.ts'

/**
 * Removes a member, or leaves; an MLS group can only be left. Throws `bad_request`, `not_member`, `not_found`, `forbidden`,
 * `owner_must_transfer`, `use_commit`.
 * @param goodbye what who leaves an MLS group signs for the others.
 */
export function removeMember(
  store: Store,
  caller: Caller,
  groupId: string,
  userId: string,
  goodbye: string | undefined,
): Promise<Group> {
  return changeGroup(store, caller, groupId, (group) => {
    if (group.mls !== null) return { ...decideLeave(group, caller.userId, userId), goodbye }
    if (goodbye !== undefined) throw new SottoError('bad_request', 'goodbye: only who leaves an MLS group signs one')
    return decideRemove(group, caller.userId, userId)
  })
}
