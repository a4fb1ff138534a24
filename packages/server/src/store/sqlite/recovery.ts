import type { Clock } from '../../clock.ts'
import type { Appender } from './appender.ts'
import type { Committer } from './committer.ts'
import type { RunFilter, SurelyNew } from './idempotency/surely-new.ts'
import type { JournalRecord } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { Mailbox, Recorded } from './mailbox.ts'
import type { LoadedMailbox } from './mailboxes.ts'
import { droppedMailbox } from './snapshot.ts'

/** What the database held when it was opened. */
export interface Recovered {
  readonly journal: readonly { readonly pos: number; readonly bytes: number; readonly records: readonly JournalRecord[] }[]
  readonly mailboxes: readonly LoadedMailbox[]
  /** The users of the sending devices. */
  readonly users: ReadonlyMap<number, string>
  readonly filters: readonly RunFilter[]
  /** Of the entries in the journal that are for one, by `positionName`. */
  readonly welcomes: ReadonlyMap<string, Buffer>
  /** When the newest entry was received. */
  readonly newestMs: number
}

/** Names an entry. */
export function positionName({ mailbox, seq }: { readonly mailbox: number; readonly seq: number }): string {
  return `${mailbox}:${seq}`
}

export interface RecoveryParts {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly committer: Committer
  readonly appender: Appender
  readonly surelyNew: SurelyNew
}

/** Brings what is in memory to where the database was left. */
export function recover(parts: RecoveryParts, recovered: Recovered): void {
  const { clock, ledger, committer, appender, surelyNew } = parts
  const { journal, mailboxes, users, filters, welcomes } = recovered
  for (const { runId, filter } of filters) surelyNew.add(runId, filter)
  const known = new Map<number, Mailbox>()
  for (const row of mailboxes) known.set(row.no, ledger.enter(row))
  for (const { pos, bytes, records } of journal) {
    const recorded: Recorded[] = []
    for (const record of records) {
      const to = known.get(record.mailbox) ?? droppedMailbox(record)
      known.set(record.mailbox, to)
      const userId = users.get(record.sender) ?? ''
      const key = record.id === '' ? '' : `${record.sender}:${record.id}`
      const entry = {
        ...record,
        kind: record.kind as Recorded['kind'],
        mailbox: to.name,
        to,
        key,
        userId,
        welcome: welcomes.get(positionName(record)) ?? null,
        done: null,
        waiting: null,
      }
      appender.recover(entry)
      recorded.push(entry)
    }
    committer.recover(pos, recorded, bytes, clock.now())
  }
  for (const mailbox of known.values()) if (!mailbox.dead) ledger.review(mailbox)
}
