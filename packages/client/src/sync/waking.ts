import type { Parts } from './parts.ts'

/**
 * Whether the server remembers more of this device than its storage does: then the storage is an older copy, and the keys
 * in it may have been used for other messages since. Such a device joins its groups anew before it encrypts anything.
 */
export async function checkRestored(parts: Parts): Promise<void> {
  const { memory, transport } = parts
  const { cursors } = await transport.request('GET /messages/cursors', {}, { retryMs: Number.POSITIVE_INFINITY })
  const ahead = cursors.filter(({ mailbox, seq }) => seq > (memory.cursors.get(mailbox) ?? 0))
  if (ahead.length === 0) return
  await memory.transact(async (transaction) => {
    const detail = `the server has acknowledgements of this device for ${ahead.length} mailboxes that its storage knows nothing of`
    transaction.emit({
      type: 'error',
      incident: { kind: 'storage_restored', conversationId: undefined, userId: undefined, detail },
    })
    for (const { mailbox, seq } of ahead) transaction.setCursor(mailbox, seq)
    for (const conversation of memory.conversations.values()) {
      if (conversation.status === 'active')
        transaction.updateConversation(conversation.id, { rejoin: true, transcript: undefined })
    }
  })
}

/** Groups of this user that this device is not in: it was linked after they began, or they were made without it. */
export async function discoverGroups({ memory, transport, ask }: Parts): Promise<void> {
  let cursor: string | undefined
  do {
    const { groups, next } = await transport.request('GET /groups', { query: cursor === undefined ? {} : { cursor } })
    for (const { groupId, protocol } of groups) {
      const known = memory.conversations.get(groupId)
      if (protocol === 'mls' && (known === undefined || known.status === 'left') && !memory.pending.has(groupId))
        ask.rejoin(groupId)
    }
    cursor = next
  } while (cursor !== undefined)
}
