/** What entries that are taken in one transaction have in common. */
export interface Batch {
  /** The last entry of each mailbox. */
  readonly positions: Map<string, number>
  /** Ids of messages to tell their senders about, by conversation. */
  readonly delivered: Map<string, string[]>
}

export function newBatch(): Batch {
  return { positions: new Map(), delivered: new Map() }
}
