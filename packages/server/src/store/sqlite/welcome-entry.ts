import type { Entry } from '../store.ts'
import type { Recorded } from './mailbox.ts'
import { filled } from './welcomes.ts'

/** An entry for a Welcome as it is read: the Welcome is filled in once somebody looks at the frame. */
class WelcomeEntry implements Entry {
  readonly mailbox: string
  readonly seq: number
  readonly kind: Entry['kind']
  readonly sender: number
  readonly receivedAt: number
  private readonly kept: Buffer
  private readonly welcome: Buffer
  private whole: Buffer | null = null

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
    this.whole ??= filled(this.kept, this.welcome)
    return this.whole
  }
}

/** An entry that is not settled, as it is read. */
export function readable(record: Recorded): Entry {
  return record.welcome === null ? record : new WelcomeEntry(record, record.welcome)
}
