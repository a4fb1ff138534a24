import type { Sotto } from '@sotto/client'
import type { KeptMessage } from './journal.ts'

/** Everything that a device shows, group by group, newest first. */
export async function historyOf(sotto: Sotto): Promise<KeptMessage[]> {
  const kept: KeptMessage[] = []
  for (const chat of sotto.conversations()) {
    for await (const { id, from, own, text, status, unreadable, order } of chat.messages()) {
      kept.push({
        group: chat.id,
        id,
        from,
        own,
        text,
        status,
        unreadable,
        seq: order.startsWith('~') ? undefined : Number(order),
      })
    }
  }
  return kept
}

/** Nothing waits to be sent or to be let in. */
export async function isSettled(sotto: Sotto): Promise<boolean> {
  if (sotto.state !== 'online') return false
  for (const chat of sotto.conversations()) {
    if (chat.state !== 'active') return false
    for await (const { status } of chat.messages({ limit: 50 })) if (status === 'queued') return false
  }
  return true
}
