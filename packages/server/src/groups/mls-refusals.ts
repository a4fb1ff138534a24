import { SottoError } from '@sotto/protocol'
import type { MlsState } from '../store/store.ts'

/** The caller does not know of the newest commit: it is told where the group stands. */
export function staleEpoch({ epoch, seq, generation }: MlsState): SottoError {
  return new SottoError('stale_epoch', undefined, { epoch, seq, generation })
}

/** Says who is gone: a user once, however many leaves there are to remove. */
export function removalPending({ departed }: MlsState): SottoError {
  const users = new Set(departed.filter(({ whole }) => whole).map(({ userId }) => userId))
  const devices = departed.filter(({ whole }) => !whole).map(({ userId, deviceId }) => ({ userId, deviceId }))
  return new SottoError('removal_pending', undefined, { departed: [...[...users].map((userId) => ({ userId })), ...devices] })
}
