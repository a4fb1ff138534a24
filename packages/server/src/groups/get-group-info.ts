import { type RouteAnswer, SottoError } from '@sotto/protocol'
import type { Store } from '../store/store.ts'
import { belongsTo } from './mls-rules.ts'

/** The GroupInfo of the newest epoch, for members. Throws `not_member`, `bad_request` (a group that speaks no MLS). */
export async function getGroupInfo(
  store: Store,
  userId: string,
  groupId: string,
): Promise<RouteAnswer<'GET /groups/:groupId/group-info'>> {
  const group = await store.group(groupId)
  if (group === undefined || !belongsTo(group, userId)) throw new SottoError('not_member')
  if (group.mls === null) throw new SottoError('bad_request', 'this group does not speak MLS')
  const info = await store.groupInfo(groupId)
  if (info === undefined) throw new SottoError('not_member')
  return { ...info }
}
