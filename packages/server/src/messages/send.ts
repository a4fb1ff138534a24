import { type Limits, type MsgBody, SottoError } from '@sotto/protocol'
import type { Clock } from '../clock.ts'
import type { Appended, Device, Group, Store } from '../store/store.ts'
import { draftOf, recipientOf } from './draft.ts'
import { checkCiphertext } from './rules.ts'

export interface SendParts {
  readonly store: Pick<Store, 'append' | 'repeated' | 'group'>
  readonly clock: Clock
  readonly limits: Limits
}

/** Throws when a device may not send a message to a group as it is: its rules are those of groups. */
export type MayWrite = (group: Group | undefined, from: Device, message: MsgBody) => void

/**
 * Appends a message. What can be decided at once is, so that messages of one sender are numbered in the order of the
 * calls. Throws `bad_request`, `too_large`, `not_found`, `id_conflict`, `mailbox_full`, `overloaded`, what `mayWrite` throws.
 */
export function send(
  parts: SendParts,
  from: Device,
  message: MsgBody & { readonly id: string },
  mayWrite: MayWrite,
): Promise<Appended> {
  try {
    checkCiphertext(message.ciphertext, parts.limits, 'CIPHERTEXT_BYTES')
    if (message.scope === 'direct') return sendDirect(parts, from, message)
    if (message.device !== undefined) throw new SottoError('bad_request', 'device: only a direct message goes to one device')
    const group = parts.store.group(message.to)
    return group instanceof Promise
      ? group.then((found) => sendToGroup(parts, from, message, found, mayWrite))
      : sendToGroup(parts, from, message, group, mayWrite)
  } catch (error) {
    return Promise.reject(error)
  }
}

function sendDirect({ store, clock }: SendParts, from: Device, message: MsgBody & { readonly id: string }): Promise<Appended> {
  // Only groups have a membership that can move.
  return store.append(draftOf(message, from, recipientOf(message), clock.now())) as Promise<Appended>
}

async function sendToGroup(
  { store, clock }: SendParts,
  from: Device,
  message: MsgBody & { readonly id: string },
  group: Group | undefined,
  mayWrite: MayWrite,
): Promise<Appended> {
  const decide = (now: Group | undefined) => mayWrite(now, from, message)
  const to = { kind: 'group', groupId: message.to, version: group?.version ?? 0, decide } as const
  const draft = draftOf(message, from, to, clock.now())
  try {
    decide(group)
  } catch (refusal) {
    // A resend is answered even to somebody who has left meanwhile, and in a later epoch.
    const first = await store.repeated(draft)
    if (first !== undefined) return first
    throw refusal
  }
  // A membership that moves is decided on again by `decide`.
  return store.append(draft) as Promise<Appended>
}
