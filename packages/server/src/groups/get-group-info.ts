import { type RouteAnswer, SottoError } from '@sotto/protocol'
import type { Group, Store } from '../store/store.ts'
import { belongsTo } from './mls-rules.ts'

type GroupInfos = Pick<Store, 'group' | 'groupInfo'>

/** The GroupInfo of the newest epoch, for members. Throws `not_member`, `bad_request` (a group that speaks no MLS). */
export async function getGroupInfo(
  store: GroupInfos,
  userId: string,
  groupId: string,
): Promise<RouteAnswer<'GET /groups/:groupId/group-info'>> {
  const group = await seenBy(store, userId, groupId)
  if (group.mls === null) throw new SottoError('bad_request', 'this group does not speak MLS')
  const info = await store.groupInfo(groupId)
  // Who was removed while it was read is no member any more.
  await seenBy(store, userId, groupId)
  if (info === undefined) throw new SottoError('not_member')
  return { ...info }
}

async function seenBy(store: GroupInfos, userId: string, groupId: string): Promise<Group> {
  const group = await store.group(groupId)
  if (group === undefined || !belongsTo(group, userId)) throw new SottoError('not_member')
  return group
}
