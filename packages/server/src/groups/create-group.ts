import type { Limits, RouteAnswer, RouteInput } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'
import { createMlsGroup } from './create-mls-group.ts'
import { decideMembers } from './rules.ts'

const groupIdBytes = 16

/**
 * Creates a group with the caller as owner. Throws `limit_reached` (GROUP_MEMBERS, USER_GROUPS), `rate_limited`; of an MLS
 * group what `createMlsGroup` throws.
 */
export async function createGroup(
  store: Store,
  clock: Clock,
  limits: Limits,
  caller: Caller,
  body: RouteInput<'POST /groups'>['body'],
): Promise<RouteAnswer<'POST /groups'>> {
  if (body.protocol === 'mls') return createMlsGroup(store, limits, caller, body)
  const others = decideMembers(caller.userId, body.members, limits.GROUP_MEMBERS)
  const owner = await caller.device()
  const name = body.name ?? null
  const { groupId } = await store.createGroup({ groupId: clock.random(groupIdBytes), name, owner, members: others })
  return { groupId }
}
