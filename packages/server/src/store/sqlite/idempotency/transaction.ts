import type { DatabaseSync } from 'node:sqlite'

/** Runs in the caller's transaction, or in one of its own when none is open. After an error the caller rolls its own back. */
export function atomically<result>(db: DatabaseSync, purpose: 'read' | 'write', run: () => result): result {
  if (db.isTransaction) return run()
  db.exec(purpose === 'read' ? 'BEGIN' : 'BEGIN IMMEDIATE')
  try {
    const result = run()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // Some errors, such as a full disk, have rolled back already.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
