import type { GoneReason } from '@sotto/protocol'
import type { Entry, KeyCounts } from '../store/store.ts'

/** Where the id of an entry's sender has ended for certain: before it stand the position and nothing else. */
const headBytes = 512
const idMember = /,"id":("(?:[^"\\]|\\.)*")/

/** Stands in the place of an entry that this very device sent. */
export function ownFrame({ mailbox, seq, receivedAt, json }: Entry): string {
  // Commits are large: only the beginning is looked at.
  const [, id] = idMember.exec(json.toString('utf8', 0, headBytes)) ?? []
  return `{"type":"own","mailbox":"${mailbox}","seq":${seq},"id":${id},"receivedAt":${receivedAt}}`
}

/** Entries `from`…`to` will not come. */
export function goneFrame(mailbox: string, from: number, to: number, reason: GoneReason): string {
  return JSON.stringify({ type: 'gone', mailbox, from, to, reason })
}

/** A device has few one-time keys left. */
export function keysLowFrame({ oneTimePreKeys, keyPackages }: KeyCounts): string {
  return JSON.stringify({ type: 'keys_low', oneTimePreKeys, keyPackages })
}
