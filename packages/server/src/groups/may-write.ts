import { type MsgBody, SottoError } from '@sotto/protocol'
import type { Device, Group } from '../store/store.ts'
import { generationOf } from './mls-group-id.ts'
import { mlsHeader } from './mls-header.ts'
import { removalPending, staleEpoch } from './mls-refusals.ts'

/** Of the messages of an MLS group, whose ciphertext is an MLS PrivateMessage in base64. */
const mlsContentType = 'message/mls'
/** Epochs before the current one whose messages are still taken: their senders did not know better yet. */
const epochsBack = 2

/**
 * Whether a device may send this to a group as it is. Throws `not_member`; in an MLS group, whose messages say in the clear
 * where they belong, also `bad_request`, `stale_epoch`, `removal_pending`.
 */
export function mayWrite(group: Group | undefined, from: Device, message: Pick<MsgBody, 'ciphertext' | 'contentType'>): void {
  if (group === undefined || !group.members.has(from.userId)) throw new SottoError('not_member')
  if (group.mls === null) return
  const { mls } = group
  if (mls.devices.get(from.userId)?.get(from.deviceId) !== from.no) {
    throw new SottoError('not_member', 'this device is not in the group')
  }
  if (message.contentType !== mlsContentType)
    throw new SottoError('bad_request', `contentType: this group takes ${mlsContentType}`)
  const header = mlsHeader(message.ciphertext, 'ciphertext')
  if (header.format !== 'private' || header.content !== 'application') {
    throw new SottoError('bad_request', 'ciphertext: it is no private application message')
  }
  const generation = generationOf(group.groupId, header.groupId)
  if (generation === undefined || generation > mls.generation) {
    throw new SottoError('bad_request', 'ciphertext: it is of another group')
  }
  if (generation < mls.generation) throw staleEpoch(mls)
  if (header.epoch > mls.epoch) throw new SottoError('bad_request', 'ciphertext: it is of an epoch that has not begun')
  if (header.epoch < mls.epoch - epochsBack) throw staleEpoch(mls)
  if (mls.departed.length > 0) throw removalPending(mls)
}
