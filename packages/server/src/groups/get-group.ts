import { type RouteAnswer, SottoError } from '@sotto/protocol'
import type { Store } from '../store/store.ts'
import { belongsTo } from './mls-rules.ts'

/** A group as its members see it. Throws `not_member`, the same for a group that does not exist. */
export async function getGroup(store: Store, userId: string, groupId: string): Promise<RouteAnswer<'GET /groups/:groupId'>> {
  const group = await store.group(groupId)
  if (group === undefined || !belongsTo(group, userId)) throw new SottoError('not_member')
  const members = [...group.members]
  return {
    groupId,
    name: group.name,
    protocol: group.protocol,
    ownerId: members.find(([, role]) => role === 'owner')?.[0] ?? '',
    admins: members.filter(([, role]) => role === 'admin').map(([member]) => member),
    members: members.map(([member]) => member),
    createdAt: group.createdAt,
    ...(group.mls === null ? {} : { epoch: group.mls.epoch, generation: group.mls.generation }),
  }
}
