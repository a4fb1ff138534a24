import { type Limits, type MsgBody, SottoError } from '@sotto/protocol'
import type { Clock } from '../clock.ts'
import type { Appended, Device, Group, Store } from '../store/store.ts'
import { draftOf, recipientOf } from './draft.ts'
import { checkCiphertext } from './rules.ts'

/** Decisions that a membership may overtake before the sender is asked to come again. */
const triesMax = 5

export interface SendParts {
  readonly store: Pick<Store, 'append' | 'repeated' | 'group'>
  readonly clock: Clock
  readonly limits: Limits
}

/**
 * Appends a message. What can be decided at once is, so that messages of one sender are numbered in the order of the
 * calls. Throws `bad_request`, `too_large`, `not_member`, `not_found`, `id_conflict`, `mailbox_full`, `overloaded`.
 */
export function send(parts: SendParts, from: Device, message: MsgBody & { readonly id: string }): Promise<Appended> {
  try {
    checkCiphertext(message.ciphertext, parts.limits, 'CIPHERTEXT_BYTES')
    if (message.scope === 'direct') return sendDirect(parts, from, message)
    if (message.device !== undefined) throw new SottoError('bad_request', 'device: only a direct message goes to one device')
    const group = parts.store.group(message.to)
    return group instanceof Promise
      ? group.then((found) => sendToGroup(parts, from, message, found, triesMax))
      : sendToGroup(parts, from, message, group, triesMax)
  } catch (error) {
    return Promise.reject(error)
  }
}

function sendDirect({ store, clock }: SendParts, from: Device, message: MsgBody & { readonly id: string }): Promise<Appended> {
  // Only groups have a membership that can move.
  return store.append(draftOf(message, from, recipientOf(message), clock.now())) as Promise<Appended>
}

async function sendToGroup(
  parts: SendParts,
  from: Device,
  message: MsgBody & { readonly id: string },
  group: Group | undefined,
  tries: number,
): Promise<Appended> {
  const { store, clock } = parts
  const draft = draftOf(message, from, recipientOf(message, group?.version), clock.now())
  if (group === undefined || !group.members.has(from.userId)) {
    const first = await store.repeated(draft)
    if (first !== undefined) return first
    throw new SottoError('not_member')
  }
  const appended = await store.append(draft)
  if (appended !== 'moved') return appended
  if (tries === 0) throw new SottoError('overloaded', 'the membership changes too fast', { retryAfterMs: 100 })
  return sendToGroup(parts, from, message, await store.group(message.to), tries - 1)
}
