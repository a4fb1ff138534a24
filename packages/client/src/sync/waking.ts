import type { Parts } from './parts.ts'
import { patiently } from './patience.ts'

/**
 * Whether the server remembers more of this device than its storage does: then the storage is an older copy, and the keys
 * in it may have been used for other messages since. Such a device joins its groups anew before it encrypts anything.
 */
export async function checkRestored(parts: Parts): Promise<void> {
  const { memory, transport } = parts
  const { cursors } = await transport.request('GET /messages/cursors', {}, { retryMs: Number.POSITIVE_INFINITY })
  const ahead = cursors.filter(
    ({ mailbox, seq }) => seq > Math.max(memory.cursors.get(mailbox) ?? 0, memory.claimed.get(mailbox) ?? 0),
  )
  if (ahead.length === 0) return
  await memory.transact(async (transaction) => {
    const detail = `the server has acknowledgements of this device for ${ahead.length} mailboxes that its storage knows nothing of`
    transaction.emit({
      type: 'error',
      incident: { kind: 'storage_restored', conversationId: undefined, userId: undefined, detail },
    })
    // Not taken over: a number that is too high would hide everything up to it.
    for (const { mailbox, seq } of ahead) transaction.loseCursor(mailbox, seq)
    for (const conversation of memory.conversations.values()) {
      if (conversation.status === 'active')
        transaction.updateConversation(conversation.id, { rejoin: true, transcript: undefined })
    }
  })
}

/** Groups of this user that this device is not in: it was linked after they began, or they were made without it. */
export async function discoverGroups({ memory, transport, ask, timers }: Parts): Promise<void> {
  const found: string[] = []
  let cursor: string | undefined
  do {
    const query = cursor === undefined ? {} : { cursor }
    const { groups, next } = await patiently(timers, () => transport.request('GET /groups', { query }))
    for (const { groupId, protocol } of groups) if (protocol === 'mls') found.push(groupId)
    cursor = next
  } while (cursor !== undefined)
  for (const groupId of found) {
    const known = memory.conversations.get(groupId)
    if ((known === undefined || known.status === 'left') && !memory.pending.has(groupId)) ask.rejoin(groupId)
  }
}
