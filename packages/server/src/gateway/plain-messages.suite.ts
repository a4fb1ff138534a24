import { SottoError } from '@sotto/protocol'
import type { Recipient, Store } from '../store/store.ts'
import type { HandlerContext } from './handlers.ts'

/** Sending, reading and acknowledging in the plainest way that the store allows: for tests of what stands around them. */
export function plainMessages(store: Store): HandlerContext['messages'] {
  return {
    'POST /messages': async ({ body }, caller) => {
      const to = await recipientOf(store, caller.userId, body)
      const from = await caller.device()
      const id = body.id ?? 'without-id'
      const { scope, ciphertext, contentType = 'application/octet-stream', timestamp = 0 } = body
      const head = JSON.stringify({ id, from: caller.userId, fromDevice: caller.deviceId, timestamp }).slice(1, -1)
      const rest = JSON.stringify({ to: body.to, scope, ciphertext, contentType }).slice(1)
      const digestFrom = head.length + 1
      const appended = await store.append({ to, from, id, body: `${head},${rest}`, digestFrom, expiresInMs: 0 })
      if (appended === 'moved') throw new SottoError('overloaded')
      return { type: 'accepted', id, ...appended }
    },
    'GET /messages': async () => ({ messages: [], more: false }),
    'POST /messages/ack': async ({ body }, caller) => {
      const { userId, deviceId } = await caller.device()
      const device = await store.openDevice({ userId, deviceId, holds: true })
      await store.subscriptions(device)
      await store.acknowledge(device, body.acks)
      return { ok: true }
    },
  }
}

async function recipientOf(
  store: Store,
  sender: string,
  { to, scope }: { readonly to: string; readonly scope: 'direct' | 'group' },
): Promise<Recipient> {
  if (scope === 'direct') return { kind: 'user', userId: to }
  const group = await store.group(to)
  if (group?.members.has(sender) !== true) throw new SottoError('not_member')
  return { kind: 'group', groupId: to, version: group.version }
}
