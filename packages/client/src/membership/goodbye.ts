import { toCanonical } from '../identity/canonical.ts'
import type { MemberDevice } from './membership.ts'

const goodbyeLabel = 'sotto goodbye v1'
/** Of Ed25519. */
export const goodbyeSignatureBytes = 64

/** A device's signed word that its user leaves: whoever commits the removal shows it to those who have not heard it. */
export interface Goodbye extends MemberDevice {
  readonly signature: Uint8Array
}

/**
 * What the device signs with its leaf's key.
 * @param groupId of MLS, which names the generation.
 * @param leafKey the leaf's encryption key: another one when the device comes in again, so that the word does not outlive the leaving.
 */
export function goodbyeBytes(groupId: string, { userId, deviceId }: MemberDevice, leafKey: Uint8Array): Uint8Array {
  return toCanonical(goodbyeLabel, [groupId, userId, deviceId, leafKey])
}
