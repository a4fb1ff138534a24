import { fromCanonical, readBytes, readTuple, toCanonical } from '../identity/canonical.ts'
import { readDeviceId } from '../identity/names.ts'
import type { MemberDevice } from './membership.ts'

const signedLabel = 'sotto goodbye v1'
const shownLabel = 'sotto signed goodbye v1'
/** Of Ed25519. */
export const goodbyeSignatureBytes = 64
const shownBytesMax = 1_024

/** A device's signed word that its user leaves: whoever commits the removal shows it to those who have not heard it. */
export interface Goodbye extends MemberDevice {
  readonly signature: Uint8Array
}

/**
 * What the device signs with its leaf's key.
 * @param groupId of MLS, which names the generation.
 * @param since the epoch whose end brought the user in (`Roster`): another one when it comes in again, so that the word does
 * not outlive the leaving.
 */
export function goodbyeBytes(groupId: string, { userId, deviceId }: MemberDevice, since: number): Uint8Array {
  return toCanonical(signedLabel, [groupId, userId, deviceId, since])
}

/** As the server passes it on to the group. */
export function encodeGoodbye({ deviceId, signature }: Omit<Goodbye, 'userId'>): Uint8Array {
  return toCanonical(shownLabel, [deviceId, signature])
}

/** Of a user whom the server names beside it. @throws TrustFailure `malformed`. */
export function decodeGoodbye(userId: string, bytes: Uint8Array): Goodbye {
  const [deviceId, signature] = readTuple(fromCanonical(shownLabel, bytes, shownBytesMax), 2)
  return { userId, deviceId: readDeviceId(deviceId), signature: readBytes(signature, goodbyeSignatureBytes) }
}
