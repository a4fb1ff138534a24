import type { Message } from '@sotto/client'
import { failureInWords } from '../device/client-error.ts'
import { contentOf } from './lines.ts'
import { printableName } from './printable.ts'

/** A message as it was shown, to tell what has changed since. */
export interface ShownMessage {
  readonly conversationId: string
  readonly order: string
  /** It has its place in the log; what is queued has not. */
  readonly isPlaced: boolean
  readonly own: boolean
  readonly status: Message['status']
  readonly editedAt: number | undefined
  readonly deleted: boolean
  readonly reactions: Readonly<Record<string, string>>
}

export function shownOf({ conversationId, order, own, status, editedAt, deleted, reactions }: Message): ShownMessage {
  const isPlaced = status !== 'queued' && status !== 'failed'
  return { conversationId, order, isPlaced, own, status, editedAt: editedAt?.getTime(), deleted, reactions: { ...reactions } }
}

/**
 * One line for each change; those that begin with `!` are warnings.
 * @param quiet a terminal shows the status elsewhere: only a failure is told.
 */
export function shownChanges(before: ShownMessage, message: Message, number: number, quiet: boolean): string[] {
  const { own, status, failure, editedAt, deleted, reactions } = message
  const lines: string[] = []
  if (own && status !== before.status) {
    if (status === 'failed') lines.push(`! ${number} was not sent: ${failureInWords(failure)}`)
    else if (!quiet && status !== undefined) lines.push(`${number} ${status}`)
  }
  if (deleted && !before.deleted) return [...lines, `${number} was deleted`]
  if (editedAt !== undefined && editedAt.getTime() !== before.editedAt) lines.push(`${number} now reads: ${contentOf(message)}`)
  for (const [userId, emoji] of Object.entries(reactions)) {
    if (before.reactions[userId] !== emoji) lines.push(`${printableName(userId)} reacted ${printableName(emoji)} to ${number}`)
  }
  for (const userId of Object.keys(before.reactions))
    if (reactions[userId] === undefined) lines.push(`${printableName(userId)} took the reaction to ${number} back`)
  return lines
}
