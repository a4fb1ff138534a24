import { sameBytes } from './canonical.ts'
import { readCredential, verifyCertificate } from './certificate.ts'
import { formerKeysOf, hasKey } from './contacts.ts'
import type { Certificate, Contact, Signatures } from './identity.ts'
import type { DeviceName } from './names.ts'
import { TrustFailure } from './trust-failure.ts'

/** Whose leaf this is: by the signed device list, never by the server. A text is the reason why it is nobody's. */

export interface LeafClaim {
  readonly credential: Uint8Array
  readonly signatureKey: Uint8Array
}

/** By user id, oneself included. */
export type Contacts = ReadonlyMap<string, Contact>

/**
 * The device whose leaf this is: the credential names this user, a device of the newest list with exactly this key, and
 * an identity key that is pinned, or was before. The list is what vouches, and it is signed; whether the certificate's
 * own signature is right, only `certifies` says, which can wait.
 */
export function vouches(contact: Contact, leaf: LeafClaim): DeviceName | string {
  const certificate = credentialOf(leaf)
  if (typeof certificate === 'string') return certificate
  const { userId, deviceId } = certificate
  const stranger = strangeKey(contact, certificate)
  if (stranger !== undefined) return stranger
  const device = contact.list.devices.find((one) => one.deviceId === deviceId)
  if (device === undefined) return 'the device is not in its user’s device list'
  if (!sameBytes(device.signatureKey, leaf.signatureKey)) return 'the device has another key in its user’s device list'
  if (isLeaving(contact, deviceId)) return 'the device is removed by a change of identity that waits for acceptance'
  return { userId, deviceId }
}

/** `vouches` by the contact whom the credential names. */
export function vouchesAs(contacts: Contacts, leaf: LeafClaim): DeviceName | string {
  const contact = contactOf(contacts, leaf)
  return typeof contact === 'string' ? contact : vouches(contact, leaf)
}

/**
 * The device whose leaf this is, or was: as `vouches`, but whether the certificate's signature is right decides, and not
 * whether the device is still in the list. For what others did while this device was away; see `standing`.
 */
export async function certifies(contact: Contact, leaf: LeafClaim, signatures: Signatures): Promise<DeviceName | string> {
  const certificate = credentialOf(leaf)
  if (typeof certificate === 'string') return certificate
  const { userId, deviceId } = certificate
  const stranger = strangeKey(contact, certificate)
  if (stranger !== undefined) return stranger
  const device = contact.list.devices.find((one) => one.deviceId === deviceId)
  if (device !== undefined && !sameBytes(device.signatureKey, leaf.signatureKey)) {
    return 'the device has another key in its user’s device list'
  }
  if (!(await verifyCertificate(certificate, leaf.signatureKey, signatures))) return 'the certificate does not verify'
  return { userId, deviceId }
}

/** `certifies` by the contact whom the credential names. */
export async function certifiesAs(contacts: Contacts, leaf: LeafClaim, signatures: Signatures): Promise<DeviceName | string> {
  const contact = contactOf(contacts, leaf)
  return typeof contact === 'string' ? contact : certifies(contact, leaf, signatures)
}

/**
 * How a device stands with its user, by the newest list that is known: in it, not in it (no longer, or not yet: a newer
 * list may say), or nothing is known of the user.
 */
export type Standing = 'listed' | 'unlisted' | 'unknown'

export function standing(contacts: Contacts, { userId, deviceId }: DeviceName): Standing {
  const contact = contacts.get(userId)
  if (contact === undefined) return 'unknown'
  const isListed = contact.list.devices.some((device) => device.deviceId === deviceId)
  return isListed && !isLeaving(contact, deviceId) ? 'listed' : 'unlisted'
}

function credentialOf({ credential }: LeafClaim): Certificate | string {
  try {
    return readCredential(credential)
  } catch (error) {
    if (error instanceof TrustFailure) return 'the credential is malformed'
    throw error
  }
}

function contactOf(contacts: Contacts, leaf: LeafClaim): Contact | string {
  const certificate = credentialOf(leaf)
  if (typeof certificate === 'string') return certificate
  return contacts.get(certificate.userId) ?? 'nothing is known of the user'
}

function strangeKey(contact: Contact, { userId, identityKey }: Certificate): string | undefined {
  if (userId !== contact.userId) return 'the credential names another user'
  const known = [contact.identityKey, ...(contact.formerKeys ?? []), ...formerKeysOf(contact.list)]
  return hasKey(known, identityKey) ? undefined : 'the certificate is by an identity key that is not pinned'
}

/** A change that the pinned key has endorsed takes devices away at once; what it adds waits for acceptance. */
function isLeaving({ change }: Contact, deviceId: string): boolean {
  return change?.endorsed === true && !change.list.devices.some((device) => device.deviceId === deviceId)
}
