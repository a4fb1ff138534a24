import type { Caller } from '../caller.ts'
import type { Store } from '../store/store.ts'
import { changeGroup } from './change-group.ts'
import { decideDelete } from './rules.ts'

/** Deletes the group. Throws `not_member`, `forbidden`. */
export async function deleteGroup(store: Store, caller: Caller, groupId: string): Promise<void> {
  await changeGroup(store, caller, groupId, (group) => decideDelete(group, caller.userId))
}
