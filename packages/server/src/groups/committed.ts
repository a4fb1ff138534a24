import type { RouteAnswer } from '@sotto/protocol'
import type { Appended } from '../store/store.ts'

/** The answer to a bundle; `epoch`: the one that the commit begins. */
export function answerOf(
  group: { readonly groupId: string; readonly generation: number; readonly epoch: number },
  { mailbox, seq, receivedAt, duplicate }: Appended,
): RouteAnswer<'POST /groups/:groupId/commits'> {
  return { ...group, mailbox, seq, receivedAt, ...(duplicate ? { duplicate } : {}) }
}
