import {
  fromCanonical,
  malformed,
  type Plain,
  readBytes,
  readCount,
  readFlag,
  readList,
  readOptional,
  readTuple,
  sameBytes,
  toCanonical,
} from './canonical.ts'
import { deviceListBounds, encodeList, publicKeyBytes, readVerifiedList } from './device-list.ts'
import type { Contact, ListedDevice, VerifiedList } from './identity.ts'
import { readDeviceId, readUserId } from './names.ts'
import { TrustFailure } from './trust-failure.ts'

/** What a list means to somebody who knows its user already, or does not yet. Pure decisions. */

/** Ids of removed devices that are remembered of one user. */
const retiredMax = 1_024

/**
 * - `pinned`: the first list of this user; its key is pinned.
 * - `unchanged`: nothing that was not known.
 * - `newer`: under the pinned key, of a higher version: it holds from now on.
 * - `older`: of a version before the one that is known, or under a key that the known one replaced. Ignored: who serves it
 *   is behind, or hides something.
 * - `forked`: contradicts what is known (`reason`). Refused.
 * - `changed`: under a key that is not pinned. The contact keeps its list; `change` waits for `accept` or `markVerified`.
 */
export type MeetingKind = 'pinned' | 'unchanged' | 'newer' | 'older' | 'forked' | 'changed'

/**
 * - `same_version`: two lists of one version under one key.
 * - `revived_device`: a device that had been removed is back.
 * - `replaced_key`: a device has other keys than before under the same id.
 * - `retired_key`: a later list under a key that had endorsed its successor: whoever holds it is not the user.
 * - `unendorsed`: a key that nobody vouches for, while one waits that the pinned key has endorsed.
 */
export type ForkReason = 'same_version' | 'revived_device' | 'replaced_key' | 'retired_key' | 'unendorsed'

export interface Meeting {
  readonly kind: MeetingKind
  /** As it is to be kept; the very same object where nothing has changed. */
  readonly contact: Contact
  /** Against the list that was known; of `older` and `forked` none. */
  readonly addedDevices: readonly ListedDevice[]
  readonly removedDevices: readonly ListedDevice[]
  /** Of `forked`. */
  readonly reason?: ForkReason
}

/**
 * What becomes of a contact with a verified list.
 * @param now milliseconds since 1970: when a change was seen. @throws TrustFailure `wrong_user`.
 */
export function meet(contact: Contact | undefined, list: VerifiedList, now: number): Meeting {
  if (contact === undefined) {
    const pinned: Contact = { userId: list.userId, identityKey: list.identityKey, list, verified: false }
    return { kind: 'pinned', contact: pinned, addedDevices: list.devices, removedDevices: [] }
  }
  if (contact.userId !== list.userId) throw new TrustFailure('wrong_user')
  if (sameBytes(list.identityKey, contact.identityKey)) return meetPinned(contact, list)
  const { change } = contact
  if (change !== undefined && sameBytes(list.identityKey, change.list.identityKey)) return meetWaiting(contact, change, list)
  return meetOther(contact, list, now)
}

function meetPinned(contact: Contact, list: VerifiedList): Meeting {
  const { list: known, change } = contact
  if (list.version < known.version) return nothingNew('older', contact)
  if (list.version === known.version) return sameVersion(contact, known, list)
  if (change?.endorsed === true && list.version >= change.list.version) return forked(contact, 'retired_key')
  const contradiction = contradicts(contact, known, list)
  if (contradiction !== undefined) return forked(contact, contradiction)
  const difference = between(known, list)
  return { kind: 'newer', contact: { ...contact, list, ...retiring(contact, difference.removedDevices) }, ...difference }
}

/** Another list under the key that waits for acceptance already. */
function meetWaiting(contact: Contact, change: NonNullable<Contact['change']>, list: VerifiedList): Meeting {
  if (list.version < change.list.version) return nothingNew('older', contact)
  if (list.version === change.list.version) return sameVersion(contact, change.list, list)
  const endorsed = isEndorsed(contact, list)
  if (change.endorsed && !endorsed) return forked(contact, 'unendorsed')
  const contradiction = contradicts(contact, change.list, list)
  if (contradiction !== undefined) return forked(contact, contradiction)
  return changed(contact, { list, endorsed, seenAt: change.seenAt })
}

function meetOther(contact: Contact, list: VerifiedList, now: number): Meeting {
  const { list: known, change } = contact
  if (hasKey(formerKeysOf(known), list.identityKey)) {
    return list.version < known.version ? nothingNew('older', contact) : forked(contact, 'retired_key')
  }
  // A key that was pinned once, and was given up for one that did not come from it: it may yet be the right one.
  const wasPinned = hasKey(contact.formerKeys ?? [], list.identityKey)
  if (wasPinned && list.version <= known.version) return nothingNew('older', contact)
  const endorsed = isEndorsed(contact, list)
  if (change?.endorsed === true) {
    if (hasKey(formerKeysOf(change.list), list.identityKey)) {
      return list.version < change.list.version ? nothingNew('older', contact) : forked(contact, 'retired_key')
    }
    if (!endorsed) return forked(contact, 'unendorsed')
    if (list.version <= change.list.version) return nothingNew('older', contact)
  }
  const contradiction = endorsed ? contradicts(contact, known, list) : undefined
  if (contradiction !== undefined) return forked(contact, contradiction)
  return changed(contact, { list, endorsed, seenAt: now })
}

/** The pinned key has endorsed what came after it, step by step to this list's key. */
function isEndorsed({ identityKey, list: known }: Contact, list: VerifiedList): boolean {
  return list.version > known.version && hasKey(formerKeysOf(list), identityKey)
}

function sameVersion(contact: Contact, known: VerifiedList, list: VerifiedList): Meeting {
  return sameBytes(known.hash, list.hash) ? nothingNew('unchanged', contact) : forked(contact, 'same_version')
}

function changed(contact: Contact, change: NonNullable<Contact['change']>): Meeting {
  return { kind: 'changed', contact: { ...contact, change }, ...between(contact.list, change.list) }
}

function nothingNew(kind: 'unchanged' | 'older', contact: Contact): Meeting {
  return { kind, contact, addedDevices: [], removedDevices: [] }
}

function forked(contact: Contact, reason: ForkReason): Meeting {
  return { kind: 'forked', contact, addedDevices: [], removedDevices: [], reason }
}

/** A device's id stands for one installation with its keys, and once it is gone, for ever for nothing. */
function contradicts({ retired = [] }: Contact, known: VerifiedList, list: VerifiedList): ForkReason | undefined {
  if (list.devices.some(({ deviceId }) => retired.includes(deviceId))) return 'revived_device'
  const isReplaced = list.devices.some((device) => {
    const before = known.devices.find(({ deviceId }) => deviceId === device.deviceId)
    if (before === undefined) return false
    return !sameBytes(before.signatureKey, device.signatureKey) || !sameBytes(before.sealKey, device.sealKey)
  })
  return isReplaced ? 'replaced_key' : undefined
}

function between(known: VerifiedList, list: VerifiedList): Pick<Meeting, 'addedDevices' | 'removedDevices'> {
  const has = ({ devices }: VerifiedList, deviceId: string) => devices.some((device) => device.deviceId === deviceId)
  return {
    addedDevices: list.devices.filter(({ deviceId }) => !has(known, deviceId)),
    removedDevices: known.devices.filter(({ deviceId }) => !has(list, deviceId)),
  }
}

function retiring({ retired = [] }: Contact, removed: readonly ListedDevice[]): Pick<Contact, 'retired'> {
  const all = [...retired, ...removed.map(({ deviceId }) => deviceId)].slice(-retiredMax)
  return all.length === 0 ? {} : { retired: all }
}

/**
 * The application, or its user, accepts the key that waits: it is pinned, and not verified. Without a change, nothing.
 * After an endorsed change the devices that it removed stay removed; an unendorsed one begins anew.
 * @param identityKey the key that was shown: a list that came in between is not accepted with it.
 * @throws TrustFailure `wrong_key` where another key waits by now.
 */
export function accept(contact: Contact, identityKey?: Uint8Array): Contact {
  const { change, list: known } = contact
  if (change === undefined) return contact
  const { list, endorsed } = change
  if (identityKey !== undefined && !sameBytes(identityKey, list.identityKey)) throw new TrustFailure('wrong_key')
  const formerKeys = [contact.identityKey, ...(contact.formerKeys ?? [])].slice(0, deviceListBounds.formerKeys)
  return {
    userId: contact.userId,
    identityKey: list.identityKey,
    list,
    verified: false,
    formerKeys,
    ...(endorsed ? retiring(contact, between(known, list).removedDevices) : {}),
  }
}

/**
 * Two people have compared the safety number of this key. Where the key is the one that waits, it is accepted by that;
 * where it is the pinned one, a change that nobody endorsed is proven false and forgotten.
 * @throws TrustFailure `wrong_key` where it is neither.
 */
export function markVerified(contact: Contact, identityKey: Uint8Array): Contact {
  if (contact.change !== undefined && sameBytes(identityKey, contact.change.list.identityKey)) {
    return { ...accept(contact), verified: true }
  }
  if (!sameBytes(identityKey, contact.identityKey)) throw new TrustFailure('wrong_key')
  const { change, ...rest } = contact
  return change?.endorsed === true ? { ...contact, verified: true } : { ...rest, verified: true }
}

/** Nothing is sent to this user until the change is accepted or verified. */
export function isBlocked({ change }: Contact): boolean {
  return change !== undefined
}

/** The key whose safety number people are to compare: the one that waits, else the pinned one. */
export function keyToVerify({ identityKey, change }: Contact): Uint8Array {
  return change?.list.identityKey ?? identityKey
}

export function formerKeysOf({ formerKeys = [] }: VerifiedList): readonly Uint8Array[] {
  return formerKeys.map(({ identityKey }) => identityKey)
}

export function hasKey(keys: readonly Uint8Array[], key: Uint8Array): boolean {
  return keys.some((one) => sameBytes(one, key))
}

const contactLabel = 'sotto contact v1'
const contactBytesMax = 4 * deviceListBounds.bytes

/** A contact as it is kept in storage. @throws TrustFailure `invalid_list`. */
export function encodeContact(contact: Contact): Uint8Array {
  const { change, formerKeys = [], retired = [] } = contact
  const waiting: Plain = change === undefined ? null : [encodeList(change.list), change.endorsed, change.seenAt]
  return toCanonical(contactLabel, [
    contact.userId,
    contact.identityKey,
    encodeList(contact.list),
    contact.verified,
    waiting,
    formerKeys,
    retired,
  ])
}

/** Signatures are not verified again: storage is the device's own. @throws TrustFailure `malformed`, `invalid_list`. */
export function decodeContact(bytes: Uint8Array): Contact {
  const fields = readTuple(fromCanonical(contactLabel, bytes, contactBytesMax), 7)
  const userId = readUserId(fields[0])
  const identityKey = readBytes(fields[1], publicKeyBytes)
  const list = listOf(userId, fields[2])
  if (!sameBytes(list.identityKey, identityKey)) throw malformed('a list under another key')
  const change = readOptional(fields[4], (value) => readChange(userId, value))
  const formerKeys = readList(fields[5], deviceListBounds.formerKeys).map((key) => readBytes(key, publicKeyBytes))
  const retired = readList(fields[6], retiredMax).map(readDeviceId)
  return {
    userId,
    identityKey,
    list,
    verified: readFlag(fields[3]),
    ...(change === undefined ? {} : { change }),
    ...(formerKeys.length === 0 ? {} : { formerKeys }),
    ...(retired.length === 0 ? {} : { retired }),
  }
}

function readChange(userId: string, value: unknown): NonNullable<Contact['change']> {
  const [list, endorsed, seenAt] = readTuple(value, 3)
  return { list: listOf(userId, list), endorsed: readFlag(endorsed), seenAt: readCount(seenAt) }
}

function listOf(userId: string, value: unknown): VerifiedList {
  const list = readVerifiedList(readBytes(value, 1, deviceListBounds.bytes))
  if (list.userId !== userId) throw malformed('a list of another user')
  return list
}
