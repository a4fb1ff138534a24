import type { DatabaseSync } from 'node:sqlite'
import { entryKinds, type Store, type StoreOptions } from '../store.ts'
import { readerOf } from './ids.ts'
import { type JournalRecord, recordsOf } from './journal.ts'
import { lockDatabase } from './lock.ts'
import { loadMailboxByNumber } from './mailboxes.ts'
import { positionName } from './recovery.ts'
import { migrate, openConnection } from './schema.ts'
import { SqliteStore } from './sqlite-store.ts'
import { welcomeOf } from './welcomes.ts'

export interface SqliteStoreOptions extends StoreOptions {
  /** The database file; it is created with its tables. */
  readonly path: string
}

/**
 * Opens the embedded store. Throws `StoreRefusal`, whose message says what to do, when the file belongs to another
 * process or program, is corrupt, or was made by a newer Sotto.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, clock } = options
  const lock = lockDatabase(path, clock)
  try {
    const db = openConnection(path)
    try {
      migrate(db, clock)
      const rows = db.prepare('SELECT pos, data FROM journal ORDER BY pos').all() as { pos: number; data: Uint8Array }[]
      const journal = rows.map(({ pos, data }) => ({ pos, bytes: data.length, records: recordsOf(data) }))
      const numbers = new Set(journal.flatMap(({ records }) => records.map((record) => record.mailbox)))
      const mailboxes = [...numbers].map((no) => loadMailboxByNumber(db, no)).filter((row) => row !== undefined)
      const senders = new Set(journal.flatMap(({ records }) => records.map((record) => record.sender)))
      const user = db.prepare('SELECT user_id AS userId FROM devices WHERE no = ?')
      const users = new Map([...senders].map((no) => [no, (user.get(no) as { userId: string } | undefined)?.userId ?? '']))
      const filters = readerOf(db).loadFilters()
      const { newest } = db.prepare('SELECT coalesce(max(received_at), 0) AS newest FROM mailboxes').get() as { newest: number }
      const newestMs = journal.at(-1)?.records.at(-1)?.receivedAt ?? newest
      const welcomes = journalledWelcomes(
        db,
        journal.flatMap(({ records }) => records),
      )
      return new SqliteStore(options, lock, { journal, mailboxes, users, filters, newestMs, welcomes })
    } finally {
      db.close()
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** The Welcomes that entries in the journal are for: one that many are for is there once. */
function journalledWelcomes(db: DatabaseSync, records: readonly JournalRecord[]): Map<string, Buffer> {
  const texts = new Map<string, Buffer>()
  const found = new Map<string, Buffer>()
  for (const record of records) {
    if (record.kind !== entryKinds.welcome) continue
    const text = welcomeOf(db, record.mailbox, record.seq)
    if (text === undefined) continue
    const bytes = texts.get(text) ?? Buffer.from(text, 'latin1')
    texts.set(text, bytes)
    found.set(positionName(record), bytes)
  }
  return found
}
