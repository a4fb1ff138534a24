import { SottoError } from '@sotto/protocol'
import type { DepartedLeaf, MlsState } from '../store/store.ts'

/** The caller does not know of the newest commit: it is told where the group stands. */
export function staleEpoch({ epoch, seq, generation }: MlsState): SottoError {
  return new SottoError('stale_epoch', undefined, { epoch, seq, generation })
}

/**
 * Says who is gone: a user once, however many leaves there are to remove; of a user who has come back, and has leaves that stay,
 * the leaves.
 */
export function removalPending({ departed, devices: present }: Pick<MlsState, 'departed' | 'devices'>): SottoError {
  const isGone = ({ userId, whole }: DepartedLeaf) => whole && !present.has(userId)
  const users = new Set(departed.filter(isGone).map(({ userId }) => userId))
  const devices = departed.filter((leaf) => !isGone(leaf)).map(({ userId, deviceId }) => ({ userId, deviceId }))
  return new SottoError('removal_pending', undefined, { departed: [...[...users].map((userId) => ({ userId })), ...devices] })
}
