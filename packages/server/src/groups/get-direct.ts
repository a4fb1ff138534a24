import type { RouteAnswer } from '@sotto/protocol'
import type { Store } from '../store/store.ts'
import { directGroupId } from './direct-group-id.ts'

/** The one conversation of two users, whether there is one yet or not. */
export async function getDirect(store: Store, userId: string, other: string): Promise<RouteAnswer<'GET /direct/:userId'>> {
  const groupId = directGroupId(userId, other)
  return { groupId, exists: (await store.group(groupId)) !== undefined }
}
