import { mailboxId, SottoError, seq, timestamp } from '@sotto/protocol'
import type { Position } from './since-page.ts'

/** Where the next page begins: after `after`, in the answer whose first page was read at `now`. */
export interface SinceCursor {
  readonly now: number
  readonly after: Position
}

/** Of the text's own form, so that a later one can be told from it. */
const formVersion = 1

export function sinceCursorText({ now, after }: SinceCursor): string {
  return Buffer.from(JSON.stringify([formVersion, now, after.receivedAt, after.mailbox, after.seq])).toString('base64url')
}

/** Throws `bad_request` when the text is not exactly what `sinceCursorText` makes. */
export function parseSinceCursor(text: string): SinceCursor {
  const parts = jsonIn(text)
  if (Array.isArray(parts)) {
    const [, now, receivedAt, mailbox, number] = parts
    const cursor = { now, after: { receivedAt, mailbox, seq: number } }
    if (isCursor(cursor) && sinceCursorText(cursor) === text) return cursor
  }
  throw new SottoError('bad_request', 'cursor: not one that this server gave')
}

interface Unchecked {
  readonly now: unknown
  readonly after: { readonly receivedAt: unknown; readonly mailbox: unknown; readonly seq: unknown }
}

function isCursor(cursor: Unchecked): cursor is SinceCursor {
  const { now, after } = cursor
  return (
    timestamp.safeParse(now).success &&
    timestamp.safeParse(after.receivedAt).success &&
    mailboxId.safeParse(after.mailbox).success &&
    seq.safeParse(after.seq).success
  )
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
