import type { Entry } from '../store.ts'
import type { Recorded } from './mailbox.ts'
import { filled, filledPieces } from './welcomes.ts'

/**
 * An entry for a Welcome as it is read: the Welcome, which may be megabytes and for thousands of devices, is shared by all of
 * them, and filled in only for those who need the frame in one piece.
 */
class WelcomeEntry implements Entry {
  readonly mailbox: string
  readonly seq: number
  readonly kind: Entry['kind']
  readonly sender: number
  readonly receivedAt: number
  private readonly kept: Buffer
  private readonly welcome: Buffer

  constructor({ mailbox, seq, kind, sender, receivedAt, json }: Recorded, welcome: Buffer) {
    this.mailbox = mailbox
    this.seq = seq
    this.kind = kind
    this.sender = sender
    this.receivedAt = receivedAt
    this.kept = json
    this.welcome = welcome
  }

  get json(): Buffer {
    return filled(this.kept, this.welcome)
  }

  get pieces(): readonly Buffer[] {
    return filledPieces(this.kept, this.welcome)
  }
}

/** An entry that is not settled, as it is read. */
export function readable(record: Recorded): Entry {
  return record.welcome === null ? record : new WelcomeEntry(record, record.welcome)
}
