import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../../clock.ts'

/** One step of the schema, forward only. Once released a migration is never edited. */
export interface Migration {
  /** 1, 2, 3… without holes: `PRAGMA user_version` once it is done. */
  readonly version: number
  /** Runs inside a transaction that also sets the version: all of it happens, or nothing. */
  up(db: DatabaseSync, clock: Clock): void
}
