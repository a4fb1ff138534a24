import type { Limits, RouteAnswer, RouteInput } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Store } from '../store/store.ts'
import { commitDraft } from './commit-draft.ts'
import { answerOf } from './committed.ts'
import { decideCommit } from './mls-rules.ts'
import { refuseStranger } from './refuse-stranger.ts'

/**
 * Commits a change of an MLS group; of those that would end the same epoch one is taken. Throws `bad_request`, `not_member`,
 * `forbidden`, `not_found`, `id_conflict`, `stale_epoch`, `removal_pending`, `limit_reached`, `owner_must_transfer`,
 * `rate_limited`, `mailbox_full`.
 */
export async function commitGroup(
  store: Store,
  limits: Limits,
  caller: Caller,
  groupId: string,
  bundle: RouteInput<'POST /groups/:groupId/commits'>['body'],
): Promise<RouteAnswer<'POST /groups/:groupId/commits'>> {
  await refuseStranger(store, caller, groupId, bundle.id)
  const from = await caller.device()
  const { generation, ...commit } = commitDraft(from, { ...bundle, groupId })
  const request = { ...bundle, generation, external: bundle.external === true, welcome: bundle.welcome, roles: bundle.roles }
  const appended = await store.commitGroup({
    ...commit,
    decide: (group) => decideCommit(group, from, request, limits.GROUP_MEMBERS),
  })
  return answerOf({ groupId, generation, epoch: bundle.epoch + 1 }, appended)
}
