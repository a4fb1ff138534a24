import { type EntryKind, entryKinds } from './store.ts'

const heads: Record<EntryKind, string> = {
  [entryKinds.msg]: '{"type":"msg","mailbox":"',
  [entryKinds.membership]: '{"type":"membership","mailbox":"',
  [entryKinds.commit]: '{"type":"commit","mailbox":"',
  [entryKinds.welcome]: '{"type":"welcome_mls","mailbox":"',
  [entryKinds.departed]: '{"type":"departed","mailbox":"',
}

/** The frame of an entry: the members that the store assigns, then the draft's body. */
export function frameJson(kind: EntryKind, mailbox: string, seq: number, receivedAt: number, body: string): string {
  return `${heads[kind] + mailbox}","seq":${seq},"receivedAt":${receivedAt},${body}`
}
