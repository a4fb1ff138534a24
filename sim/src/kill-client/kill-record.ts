import type { JournalLine, KeptMessage } from './journal.ts'

/** What a run leaves behind, for the checker to judge. `client` is the one that was killed. */
export interface KillRecord {
  readonly client: string
  readonly kills: number
  readonly journal: readonly JournalLine[]
  /** What the client shows in the end. */
  readonly history: readonly KeptMessage[]
  /** Every time that the client offered the server a message of a group: also what was refused, cut off or repeated. */
  readonly offers: readonly Offer[]
  /** External commits of the client: it came into a group by itself. */
  readonly comings: readonly { readonly group: string }[]
  readonly peers: readonly PeerRecord[]
}

export interface Offer {
  readonly group: string
  readonly id: string
  /** Digest of the ciphertext. */
  readonly ciphertext: string
  /** As members read them; undefined: none of them can. */
  readonly key: { readonly epoch: number; readonly generation: number } | undefined
}

/** Somebody whom the client talks with. */
export interface PeerRecord {
  readonly name: string
  /** In the order of the calls. */
  readonly sends: readonly { readonly group: string; readonly text: string; readonly id: string }[]
  readonly history: readonly KeptMessage[]
}
