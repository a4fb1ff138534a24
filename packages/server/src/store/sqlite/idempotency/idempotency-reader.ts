import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type FirstAnswer, findRecord, readAnswer } from './record.ts'
import { defaultFilterBytesMax, type RunFilter, withinMemory } from './surely-new.ts'
import { runStates } from './tables.ts'
import { atomically } from './transaction.ts'

const blockOfKey = `(
  SELECT b.records FROM id_blocks b WHERE b.run = r.run AND b.first <= ?1 ORDER BY b.first DESC LIMIT 1
)`

/** Reads the index on one connection, which may be read-only and stand at a snapshot of its own. */
export class IdempotencyReader {
  readonly #db: DatabaseSync
  readonly #blocks: StatementSync
  readonly #blockOfRun: StatementSync
  readonly #runs: StatementSync
  readonly #filterParts: StatementSync

  constructor(db: DatabaseSync) {
    this.#db = db
    // One statement, hence one snapshot, even outside a transaction. New runs first: resends follow soon.
    this.#blocks = db.prepare(
      `SELECT ${blockOfKey} AS records FROM id_runs r WHERE r.state = ${runStates.live} ORDER BY r.run DESC`,
    )
    this.#blockOfRun = db.prepare(
      `SELECT ${blockOfKey} AS records FROM id_runs r WHERE r.run = ?2 AND r.state = ${runStates.live}`,
    )
    this.#runs = db.prepare(
      `SELECT run AS runId, filter_bytes AS filterBytes FROM id_runs WHERE state = ${runStates.live} ORDER BY run`,
    )
    this.#filterParts = db.prepare('SELECT bytes FROM id_filters WHERE run = ? ORDER BY part')
  }

  /**
   * The first answer to the message with this key. Reads one block of each live run, or only of `suspects`
   * (`SurelyNew.suspects`), which may be out of date: runs that are gone have been merged, and then all are searched.
   * The connection's snapshot must not be older than the filters that raised the suspicion.
   */
  find(key: Uint8Array, suspects?: readonly number[]): FirstAnswer | undefined {
    for (const runId of suspects ?? []) {
      const row = this.#blockOfRun.get(key, runId) as BlockRow | undefined
      if (row === undefined) return this.find(key)
      const answer = answerIn(row, key)
      if (answer !== undefined) return answer
    }
    if (suspects !== undefined) return undefined
    for (const row of this.#blocks.iterate(key)) {
      const answer = answerIn(row as unknown as BlockRow, key)
      if (answer !== undefined) return answer
    }
    return undefined
  }

  /** The filters of all live runs; null for those beyond `filterBytesMax`, as `SurelyNew` would let them go. */
  loadFilters(filterBytesMax = defaultFilterBytesMax): readonly RunFilter[] {
    return atomically(this.#db, 'read', () => {
      const runs = this.#runs.all() as unknown as { runId: number; filterBytes: number }[]
      const fitting = withinMemory(runs, filterBytesMax)
      return runs.map(({ runId, filterBytes }) => ({
        runId,
        filter: fitting.has(runId) ? this.#loadFilter(runId, filterBytes) : null,
      }))
    })
  }

  #loadFilter(runId: number, filterBytes: number): Uint8Array<ArrayBuffer> {
    const filter = new Uint8Array(filterBytes)
    let at = 0
    for (const row of this.#filterParts.iterate(runId)) {
      const part = row.bytes as Uint8Array
      filter.set(part, at)
      at += part.length
    }
    if (at !== filterBytes) throw new Error(`the filter of run ${runId} of the idempotency index is incomplete`)
    return filter
  }
}

interface BlockRow {
  /** Null: the run begins above the key. */
  readonly records: Uint8Array | null
}

function answerIn({ records }: BlockRow, key: Uint8Array): FirstAnswer | undefined {
  if (records === null) return undefined
  const at = findRecord(records, key)
  return at < 0 ? undefined : readAnswer(records, at)
}
