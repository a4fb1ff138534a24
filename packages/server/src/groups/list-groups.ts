import { type RouteAnswer, type RouteInput, SottoError, groupId as validGroupId, wire } from '@sotto/protocol'
import type { Store } from '../store/store.ts'

/** One page of the user's groups, in the order of their ids; the cursor is the last id of the page before. Throws `bad_request`. */
export async function listGroups(
  store: Store,
  userId: string,
  { cursor, limit = wire.groupsPerPage }: RouteInput<'GET /groups'>['query'],
): Promise<RouteAnswer<'GET /groups'>> {
  if (cursor !== undefined && !validGroupId.safeParse(cursor).success) {
    throw new SottoError('bad_request', 'cursor: not one that this server gave')
  }
  // One more than is answered tells whether there is a next page.
  const found = await store.listGroups(userId, cursor ?? '', limit + 1)
  const page = found.slice(0, limit)
  const last = page.at(-1)
  return {
    groups: page.map((group) => ({ ...group, admins: [...group.admins] })),
    ...(found.length > limit && last !== undefined ? { next: last.groupId } : {}),
  }
}
