import type { OutboxItem } from './outbox.ts'
import type { Parts } from './parts.ts'
import { changeMessage } from './rows.ts'

/** The message will not be sent: it leaves the outbox and says why. */
export async function failMessage(parts: Parts, item: OutboxItem, code: string): Promise<void> {
  await parts.memory.transact(async (transaction) => {
    const now = parts.outbox.find(item.id)
    if (now === undefined) return
    parts.outbox.remove(transaction, now)
    if (item.shown) await changeMessage(transaction, item.conversationId, item.id, { kind: 'failed', failure: { code } })
    else if (item.target !== undefined)
      await changeMessage(transaction, item.conversationId, item.target, { kind: 'dropped', id: item.id })
  })
}
