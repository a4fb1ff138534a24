import { type RouteAnswer, type RouteInput, SottoError } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Store } from '../store/store.ts'
import { commitDraft } from './commit-draft.ts'
import { answerOf } from './committed.ts'
import { decideReset } from './mls-rules.ts'
import { refuseStranger } from './refuse-stranger.ts'

/**
 * Begins a new generation of an MLS group that its members cannot go on with. Throws `bad_request`, `not_member`, `forbidden`,
 * `not_found`, `id_conflict`, `stale_epoch`, `limit_reached`, `owner_must_transfer`, `mailbox_full`.
 */
export async function resetGroup(
  store: Store,
  caller: Caller,
  groupId: string,
  bundle: RouteInput<'POST /groups/:groupId/reset'>['body'],
): Promise<RouteAnswer<'POST /groups/:groupId/reset'>> {
  await refuseStranger(store, caller, groupId, bundle.id)
  const from = await caller.device()
  const { generation, ...commit } = commitDraft(from, { ...bundle, groupId, epoch: 0, remove: [] })
  if (generation !== bundle.generation) {
    throw new SottoError('bad_request', `commit: it is of generation ${generation}, not ${bundle.generation}`)
  }
  const request = { ...bundle, remove: [], roles: undefined, welcome: bundle.welcome }
  const appended = await store.commitGroup({ ...commit, decide: (group) => decideReset(group, from, request) })
  return answerOf({ groupId, generation, epoch: 1 }, appended)
}
