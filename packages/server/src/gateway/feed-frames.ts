import type { GoneReason } from '@sotto/protocol'
import { type Entry, entryKinds, type KeyCounts } from '../store/store.ts'

/** Stands in the place of an entry that this very device sent. */
export function ownFrame({ mailbox, seq, receivedAt, json }: Entry): string {
  const { id } = JSON.parse(json.toString()) as { id: string }
  return JSON.stringify({ type: 'own', mailbox, seq, id, receivedAt })
}

/** Entries `from`…`to` will not come. */
export function goneFrame(mailbox: string, from: number, to: number, reason: GoneReason): string {
  return JSON.stringify({ type: 'gone', mailbox, from, to, reason })
}

/** A device has few one-time keys left. */
export function keysLowFrame({ oneTimePreKeys, keyPackages }: KeyCounts): string {
  return JSON.stringify({ type: 'keys_low', oneTimePreKeys, keyPackages })
}

/** Who joins and who leaves with this entry; null when it changes no membership. */
export function membershipOf({ kind, json }: Entry): { groupId: string; added: string[]; removed: string[] } | null {
  return kind === entryKinds.membership ? JSON.parse(json.toString()) : null
}
