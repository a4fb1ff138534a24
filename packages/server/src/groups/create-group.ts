import type { Limits, RouteInput } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Clock } from '../clock.ts'
import type { Group, Store } from '../store/store.ts'
import { decideMembers } from './rules.ts'

const groupIdBytes = 16

/** Creates an `opaque` group with the caller as owner. Throws `limit_reached` (GROUP_MEMBERS, USER_GROUPS), `rate_limited`. */
export async function createGroup(
  store: Store,
  clock: Clock,
  limits: Limits,
  caller: Caller,
  { name, members }: RouteInput<'POST /groups'>['body'],
): Promise<Group> {
  const others = decideMembers(caller.userId, members, limits.GROUP_MEMBERS)
  const owner = await caller.device()
  return await store.createGroup({ groupId: clock.random(groupIdBytes), name: name ?? null, owner, members: others })
}
