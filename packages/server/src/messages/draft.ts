import type { MsgBody } from '@sotto/protocol'
import type { Device, Draft, Recipient } from '../store/store.ts'

const defaultContentType = 'application/octet-stream'

/**
 * A message as the store takes it. The body is the `msg` frame that receivers get (docs/socket.md), but for what the
 * store assigns; what a resend must repeat stands last. `from` is the sender's token's, never the body's.
 */
export function draftOf(message: MsgBody & { readonly id: string }, from: Device, to: Recipient, now: number): Draft {
  const head = `"id":${JSON.stringify(message.id)},"from":${JSON.stringify(from.userId)},"fromDevice":"${from.deviceId}","timestamp":${message.timestamp ?? now},`
  const content = `"to":${JSON.stringify(message.to)},"scope":"${message.scope}","ciphertext":${JSON.stringify(message.ciphertext)},"contentType":${JSON.stringify(message.contentType ?? defaultContentType)}}`
  return { to, from, id: message.id, body: head + content, digestFrom: head.length, expiresInMs: message.expiresInMs ?? 0 }
}

/** Where a message goes; to a group without a decision whether it may. */
export function recipientOf({ to, scope, device }: Pick<MsgBody, 'to' | 'scope' | 'device'>): Recipient {
  if (scope === 'group') return { kind: 'group', groupId: to, version: 0 }
  return device === undefined ? { kind: 'user', userId: to } : { kind: 'device', userId: to, deviceId: device }
}
