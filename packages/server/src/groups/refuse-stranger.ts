import { SottoError } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Store } from '../store/store.ts'
import { belongsTo } from './mls-rules.ts'

/**
 * Refuses a bundle by somebody who has no business with the group before anything of it is looked at, for it may be megabytes.
 * What was taken before gets its first answer all the same, so it is let pass. Throws `not_member`.
 */
export async function refuseStranger(store: Store, caller: Caller, groupId: string, id: string): Promise<void> {
  const group = await store.group(groupId)
  if (group !== undefined && belongsTo(group, caller.userId)) return
  if (caller.known === undefined || !(await store.hasTaken(caller.known, id))) throw new SottoError('not_member')
}
