import { readCredential } from '../identity/certificate.ts'
import { isBlocked } from '../identity/contacts.ts'
import type { Contact, Signatures } from '../identity/identity.ts'
import { certifies, type LeafClaim, vouches } from '../identity/vouching.ts'
import type { MemberDevice } from '../membership/membership.ts'
import type { GroupState, Leaf } from '../mls/engine.ts'

export type ContactOf = (userId: string) => Contact | undefined

/**
 * Whose leaf it is, if the user's newest device list vouches for it: the list under the pinned key, or, while a change
 * of the key waits to be accepted, the list under the new one.
 */
export function vouched(leaf: LeafClaim, contacts: ContactOf): MemberDevice | string {
  const contact = contactNamedBy(leaf, contacts)
  if (typeof contact === 'string') return contact
  const known = verdicts.get(leaf)
  if (known?.contact === contact) return known.verdict
  const verdict = vouchedBy(contact, leaf)
  verdicts.set(leaf, { contact, verdict })
  return verdict
}

/** Leaves and contacts are immutable, and every message asks about every leaf: what was found of the same two holds. */
const verdicts = new WeakMap<LeafClaim, { readonly contact: Contact; readonly verdict: MemberDevice | string }>()

function vouchedBy(contact: Contact, leaf: LeafClaim): MemberDevice | string {
  const under = vouches(contact, leaf)
  if (typeof under !== 'string' || contact.change === undefined) return under
  return vouches(underChange(contact), leaf)
}

/**
 * Whose leaf it is, for taking part in the tree: as `vouched`, or by its certificate where the list does not name the
 * device any more. What was permitted when it happened stays part of the log, and the group does not fork; whether
 * anything is sent to such a group is for `inspect` to say.
 */
export async function admitted(leaf: LeafClaim, contacts: ContactOf, signatures: Signatures): Promise<MemberDevice | string> {
  const listed = vouched(leaf, contacts)
  const contact = contactNamedBy(leaf, contacts)
  if (typeof listed !== 'string' || typeof contact === 'string') return listed
  const certified = await certifies(contact, leaf, signatures)
  if (typeof certified !== 'string' || contact.change === undefined) return certified
  return certifies(underChange(contact), leaf, signatures)
}

/** The contact as it will be once the change of its key is accepted. */
function underChange(contact: Contact): Contact {
  const { change, ...rest } = contact
  return change === undefined ? contact : { ...rest, identityKey: change.list.identityKey, list: change.list }
}

function contactNamedBy(leaf: LeafClaim, contacts: ContactOf): Contact | string {
  const named = namedBy(leaf)
  if (named === undefined) return 'the credential of a leaf cannot be read'
  return contacts(named.userId) ?? `no device list of ${named.userId} is known`
}

/** Whom the credential names; nobody has vouched for it. */
export function namedBy(leaf: Pick<Leaf, 'credential'>): MemberDevice | undefined {
  if (!names.has(leaf)) names.set(leaf, nameIn(leaf.credential))
  return names.get(leaf)
}

/** Leaves are immutable. */
const names = new WeakMap<Pick<Leaf, 'credential'>, MemberDevice | undefined>()

function nameIn(credential: Uint8Array): MemberDevice | undefined {
  try {
    const { userId, deviceId } = readCredential(credential)
    return { userId, deviceId }
  } catch {
    return undefined
  }
}

/** Users whom the leaves name. */
export function usersOf(leaves: readonly Leaf[]): string[] {
  const users = new Set<string>()
  for (const leaf of leaves) {
    const named = namedBy(leaf)
    if (named !== undefined) users.add(named.userId)
  }
  return [...users]
}

export interface Inspection {
  /** Leaves that no list vouches for (any more). */
  readonly ghosts: readonly Leaf[]
  /** Users whose identity has changed and was not accepted. */
  readonly blockedBy: readonly string[]
}

/** What stands against sending to a group: asked before anything is encrypted to it. */
export function inspect(state: GroupState, contacts: ContactOf): Inspection {
  const ghosts: Leaf[] = []
  const blocked = new Set<string>()
  for (const leaf of state.leaves) {
    if (leaf.index === state.ownLeaf) continue
    const device = vouched(leaf, contacts)
    if (typeof device === 'string') {
      ghosts.push(leaf)
      continue
    }
    const contact = contacts(device.userId)
    if (contact !== undefined && isBlocked(contact)) blocked.add(device.userId)
  }
  return { ghosts, blockedBy: [...blocked] }
}

export function sameDevice(a: MemberDevice | undefined, b: MemberDevice | undefined): boolean {
  return a !== undefined && b !== undefined && a.userId === b.userId && a.deviceId === b.deviceId
}

export function devicesOf(state: GroupState): MemberDevice[] {
  return state.leaves.flatMap((leaf) => namedBy(leaf) ?? [])
}

/** Nobody of whom this says that they are gone has a leaf any more. */
export function isRemoved(gone: { readonly userId: string; readonly deviceId: string | undefined }, state: GroupState): boolean {
  return !state.leaves.some((leaf) => {
    const device = namedBy(leaf)
    return device?.userId === gone.userId && (gone.deviceId === undefined || gone.deviceId === device.deviceId)
  })
}
