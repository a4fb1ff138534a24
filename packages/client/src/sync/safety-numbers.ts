import { SottoClientError } from '../errors.ts'
import { keyToVerify } from '../identity/contacts.ts'
import type { Contact } from '../identity/identity.ts'
import { compareSafetyNumber, type SafetyNumber, safetyNumber } from '../identity/safety-number.ts'
import { base64Url } from './base64.ts'
import type { SafetyNumberSnapshot } from './core-api.ts'

/** What two users compare, as it is shown: of the other's key that is to be verified. */
export async function shownNumber(me: Contact, contact: Contact): Promise<SafetyNumberSnapshot> {
  const key = keyToVerify(contact)
  const number = await numberOf(me, contact, key)
  return {
    userId: contact.userId,
    digits: number.text,
    qrPayload: number.qrPayload,
    verified: contact.verified && contact.change === undefined,
    identityKey: base64Url(key),
    changed: contact.change !== undefined,
  }
}

/** The other's key of which this is the safety number. @throws SottoClientError `not_verified`. */
export async function provenKey(me: Contact, contact: Contact, scannedOrTyped: string): Promise<Uint8Array> {
  // While a change waits, the number of the pinned key proves the change to be false.
  for (const key of [keyToVerify(contact), contact.identityKey]) {
    const comparison = compareSafetyNumber(await numberOf(me, contact, key), scannedOrTyped)
    if (comparison === 'unreadable') throw new SottoClientError('not_verified', 'this is no safety number')
    if (comparison === 'same') return key
  }
  throw new SottoClientError('not_verified')
}

function numberOf(me: Contact, { userId }: Contact, identityKey: Uint8Array): Promise<SafetyNumber> {
  return safetyNumber({ userId: me.userId, identityKey: me.identityKey }, { userId, identityKey })
}
