import type { Conversation, Message, SafetyNumber } from '@sotto/client'
import { failureInWords } from '../device/client-error.ts'
import type { Paint } from '../terminal.ts'
import { printable, printableName } from './printable.ts'

/** What a chat shows, as texts. */

export interface LineParts {
  readonly paint: Paint
  /** What a message is called by here: 1, 2, 3… */
  readonly numberOf: (messageId: string) => number | undefined
  /** What is queued is not said: it is sent in a moment, and its state is shown elsewhere. */
  readonly quiet?: boolean
}

/** `12 14:03 bob: see you at 8 [read]` */
export function messageLine(message: Message, { paint, numberOf, quiet = false }: LineParts): string {
  const number = numberOf(message.id)
  const author = message.own ? paint('dim', 'you') : paint('cyan', printableName(message.from))
  const reply = message.replyTo === undefined ? '' : `(to ${numberOf(message.replyTo) ?? 'an earlier one'}) `
  const parts = [
    ...(number === undefined ? [] : [paint('dim', `${number}`)]),
    paint('dim', timeOf(message.receivedAt ?? message.sentAt)),
    `${author}:`,
    `${reply}${contentOf(message)}`,
    ...marksOf(message, quiet).map((mark) => paint(mark.startsWith('not sent') ? 'red' : 'dim', `[${mark}]`)),
  ]
  return parts.join(' ')
}

/** What there is to read of it. */
export function contentOf({ unreadable, deleted, text, custom }: Message): string {
  if (unreadable !== undefined) return `(cannot be read: ${unreadable.replaceAll('_', ' ')})`
  if (deleted) return '(deleted)'
  if (text !== undefined) return printable(text)
  return custom === undefined ? '(nothing that could be shown)' : `(${printableName(custom.type)})`
}

function marksOf({ own, status, failure, editedAt, deleted, reactions }: Message, quiet: boolean): string[] {
  const emoji = Object.entries(reactions).map(([user, one]) => `${printableName(one)} ${printableName(user)}`)
  return [
    ...(editedAt === undefined || deleted ? [] : ['edited']),
    ...(own && status !== undefined && !(quiet && status === 'queued')
      ? [status === 'failed' ? `not sent: ${failureInWords(failure)}` : status]
      : []),
    ...(emoji.length === 0 ? [] : [emoji.join(', ')]),
  ]
}

function timeOf(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}`
}

/** How a conversation is called. */
export function titleOf({ name, id }: Conversation): string {
  return name === undefined ? `group ${id}` : printableName(name)
}

/** Who is in it: role, and whether verified. */
export function memberLines({ members, kind }: Conversation, self: string): string[] {
  return members.map(({ userId, role, verified }) => {
    const trust = userId === self ? 'you' : verified ? 'verified' : 'not verified'
    return `  ${printableName(userId)}: ${kind === 'group' ? `${role}, ` : ''}${trust}`
  })
}

/** `2 Team: 3 members, 4 unread` */
export function conversationLine(conversation: Conversation, number: number): string {
  const { kind, members, unread, state, blockedBy } = conversation
  const facts = [
    ...(kind === 'group' ? [`${members.length} members`] : []),
    ...(unread > 0 ? [`${unread} unread`] : []),
    ...(state === 'active' ? [] : [state]),
    ...(blockedBy.length > 0 ? ['identity changed'] : []),
  ]
  return `  ${number} ${titleOf(conversation)}${facts.length === 0 ? '' : `: ${facts.join(', ')}`}`
}

/** What two people compare. */
export function safetyNumberLines({ userId, digits, qrPayload, verified, changed }: SafetyNumber): string[] {
  const groups = digits.split(' ')
  const rows = [0, 4, 8].map((from) => `  ${groups.slice(from, from + 4).join(' ')}`)
  const name = printableName(userId)
  const standing = changed ? 'has ANOTHER identity key than before' : verified ? 'is verified here' : 'is not verified yet'
  return [`${name} ${standing}. Compare this number with what ${name} sees, in person or in a call:`, ...rows, `  ${qrPayload}`]
}
