import { type Limits, type RouteAnswer, type RouteInput, SottoError } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Store } from '../store/store.ts'
import { commitDraft } from './commit-draft.ts'
import { answerOf } from './committed.ts'
import { directGroupId } from './direct-group-id.ts'
import { isRandomGroupId } from './mls-group-id.ts'
import { decideCreation } from './mls-rules.ts'
import { refuseStranger } from './refuse-stranger.ts'

type CreateMlsGroup = Extract<RouteInput<'POST /groups'>['body'], { protocol: 'mls' }>

/**
 * Creates an MLS group with its first commit; of those that would create the same one is taken. Throws `bad_request`,
 * `not_member`, `forbidden`, `not_found`, `group_exists`, `id_conflict`, `limit_reached`, `rate_limited`.
 */
export async function createMlsGroup(
  store: Store,
  limits: Limits,
  caller: Caller,
  bundle: CreateMlsGroup,
): Promise<RouteAnswer<'POST /groups/:groupId/commits'>> {
  const { direct } = bundle
  const groupId = idOf(caller.userId, bundle)
  // What is not there is anybody's to create.
  if ((await store.group(groupId)) !== undefined) await refuseStranger(store, caller, groupId, bundle.id)
  const from = await caller.device()
  const { generation, ...commit } = commitDraft(from, { ...bundle, groupId, epoch: 0, remove: [], left: [] })
  if (generation !== 0) throw new SottoError('bad_request', 'commit: a group begins with generation 0')
  const request = { ...bundle, groupId, direct, remove: [], left: [], roles: bundle.roles, welcome: bundle.welcome }
  const appended = await store.commitGroup({
    ...commit,
    decide: (group) => decideCreation(group, from, request, limits.GROUP_MEMBERS),
  })
  return answerOf({ groupId, generation, epoch: 1 }, appended)
}

function idOf(userId: string, { groupId, direct }: CreateMlsGroup): string {
  if ((groupId === undefined) === (direct === undefined)) {
    throw new SottoError('bad_request', 'either groupId or direct names the group')
  }
  if (direct !== undefined) return directGroupId(userId, direct)
  if (!isRandomGroupId(groupId!)) throw new SottoError('bad_request', 'groupId: it is 16 to 31 random bytes in base64url')
  return groupId!
}
