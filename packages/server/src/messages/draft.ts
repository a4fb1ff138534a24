import type { MsgBody } from '@sotto/protocol'
import type { Device, Draft, Recipient } from '../store/store.ts'

const defaultContentType = 'application/octet-stream'

/**
 * A message as the store takes it. The body is the `msg` frame that receivers get (docs/socket.md), but for what the
 * store assigns; what a resend must repeat stands last. `from` is the sender's token's, never the body's.
 */
export function draftOf(message: MsgBody & { readonly id: string }, from: Device, to: Recipient, now: number): Draft {
  const { id, to: recipient, scope, ciphertext, contentType = defaultContentType, timestamp = now } = message
  const head = `"id":${quoted(id)},"from":${quoted(from.userId)},"fromDevice":"${from.deviceId}","timestamp":${timestamp},`
  const content = `"to":${quoted(recipient)},"scope":"${scope}","ciphertext":${quoted(ciphertext)},"contentType":${quoted(contentType)}}`
  return { to, from, id, body: head + content, digestFrom: head.length, expiresInMs: message.expiresInMs ?? 0 }
}

/** Where a message goes; to a group without a decision whether it may. */
export function recipientOf({ to, scope, device }: Pick<MsgBody, 'to' | 'scope' | 'device'>): Recipient {
  if (scope === 'group') return { kind: 'group', groupId: to, version: 0 }
  return device === undefined ? { kind: 'user', userId: to } : { kind: 'device', userId: to, deviceId: device }
}

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** A text as JSON. Nearly every text has nothing to escape, and is then not copied. */
function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text)
}
