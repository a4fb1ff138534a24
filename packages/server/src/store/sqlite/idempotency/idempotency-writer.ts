import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { keyOrder } from './order.ts'
import { receivedAtOf, recordBytes, viewOf, wordsOf } from './record.ts'
import { RunMerge } from './run-merge.ts'
import { blockRecords, type OutputStatements, RunOutput } from './run-output.ts'
import { runStates } from './tables.ts'
import { atomically } from './transaction.ts'

/** So many runs of a level become one of the next. */
const mergeRuns = 8

/** A run has become live: its filter goes to `SurelyNew.add`. */
export interface AddedRun {
  readonly runId: number
  /** Stands in a buffer of its own, which may be transferred to another thread. */
  readonly filter: Uint8Array<ArrayBuffer>
}

/** A run has taken the place of others: for `SurelyNew.replace`. */
export interface MergedRun extends AddedRun {
  readonly removedRunIds: readonly number[]
}

export interface MergeStep {
  /** In the order in which they have to be applied. */
  readonly merged: readonly MergedRun[]
  /** There is more to do now. */
  readonly more: boolean
}

interface RunRow {
  readonly run: number
  readonly level: number
  readonly state: number
  readonly records: number
  readonly newest: number
}

/**
 * Writes the index: does this device already have an answer to a message with this id?
 *
 * A log-structured merge index inside SQLite tables (`idempotencyTables`). Records come in sorted runs; eight runs of a
 * level are merged into one of the next, so that a record is rewritten once a level and a lookup meets few runs. That keeps
 * the cost of a record flat, where a B-tree over random keys touches a cold page for each.
 *
 * One instance on one connection: the only writer. Each method works in the transaction that is open, or in its own; after
 * an error, or a transaction that was rolled back, what it returned must be thrown away. The tables alone are the truth:
 * merges under way are checked against them and begun anew when they have been rolled back or the process has been restarted.
 */
export class IdempotencyWriter {
  readonly #db: DatabaseSync
  readonly #statements: OutputStatements
  readonly #insertRun: StatementSync
  readonly #updateRun: StatementSync
  readonly #setState: StatementSync
  readonly #runs: StatementSync
  readonly #nextBlock: StatementSync
  readonly #deleteBlocks: StatementSync
  readonly #deleteFilter: StatementSync
  readonly #deleteRun: StatementSync
  /** By level. A lower level goes first: without that, small runs would pile up while large ones are merged. */
  readonly #merges = new Map<number, RunMerge>()

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#statements = {
      insertBlock: db.prepare('INSERT INTO id_blocks (run, first, records) VALUES (?, ?, ?)'),
      insertFilterPart: db.prepare('INSERT INTO id_filters (run, part, bytes) VALUES (?, ?, ?)'),
    }
    this.#insertRun = db.prepare(
      `INSERT INTO id_runs (level, state, records, newest, filter_bytes) VALUES (?, ${runStates.building}, 0, 0, 0)`,
    )
    this.#updateRun = db.prepare('UPDATE id_runs SET state = ?, records = ?, newest = ?, filter_bytes = ? WHERE run = ?')
    this.#setState = db.prepare('UPDATE id_runs SET state = ? WHERE run = ?')
    this.#runs = db.prepare('SELECT run, level, state, records, newest FROM id_runs ORDER BY run')
    this.#nextBlock = db.prepare('SELECT records FROM id_blocks WHERE run = ? AND first > ? ORDER BY first LIMIT 1')
    this.#deleteBlocks = db.prepare(
      'DELETE FROM id_blocks WHERE block IN (SELECT block FROM id_blocks WHERE run = ? ORDER BY first LIMIT ?)',
    )
    this.#deleteFilter = db.prepare('DELETE FROM id_filters WHERE run = ?')
    this.#deleteRun = db.prepare('DELETE FROM id_runs WHERE run = ?')
  }

  /**
   * Adds packed records (`packRecords`), at least one, in the order of their arrival, as a run of level 0. Of records with
   * the same key the first counts. Throws RangeError.
   */
  addRun(packed: Uint8Array): AddedRun {
    if (packed.length === 0 || packed.length % recordBytes !== 0) {
      throw new RangeError(`a run consists of records of ${recordBytes} bytes`)
    }
    return atomically(this.#db, 'write', () => {
      const output = this.#begin(0, packed.length / recordBytes)
      const words = wordsOf(packed)
      for (const offset of keyOrder(packed)) output.append(words, offset / 4)
      output.finish()
      this.#publish(output, newestOf(packed))
      return { runId: output.runId, filter: output.filter }
    })
  }

  /**
   * Takes merging on by at most `budgetRecords` records, and clears away at most as many of runs that were merged or have
   * expired. Keeps up when the budget is about five times of what has been added since the last call.
   */
  mergeStep(budgetRecords: number): MergeStep {
    return atomically(this.#db, 'write', () => {
      try {
        const runs = this.#catalogue()
        this.#abandonUnknown(runs)
        const merged = this.#merge(budgetRecords)
        return { merged, more: this.#clear(budgetRecords) || this.#due(this.#catalogue()) !== undefined }
      } catch (error) {
        this.#merges.clear()
        throw error
      }
    })
  }

  /**
   * Drops the runs whose newest record was received before this time; their ids. Those that are being merged stay until
   * they are. A record thus lives as long as the newest one of its run.
   */
  expire(receivedBefore: number): number[] {
    return atomically(this.#db, 'write', () => {
      const merging = new Set([...this.#merges.values()].flatMap((merge) => merge.inputs))
      const expired = this.#catalogue()
        .filter(({ run, state, newest }) => state === runStates.live && newest < receivedBefore && !merging.has(run))
        .map(({ run }) => run)
      for (const run of expired) this.#setState.run(runStates.dead, run)
      return expired
    })
  }

  #catalogue(): RunRow[] {
    return this.#runs.all() as unknown as RunRow[]
  }

  #begin(level: number, recordsMax: number): RunOutput {
    const { lastInsertRowid } = this.#insertRun.run(level)
    return new RunOutput(Number(lastInsertRowid), recordsMax, this.#statements)
  }

  #publish(output: RunOutput, newest: number): void {
    this.#updateRun.run(runStates.live, output.records, newest, output.filter.length, output.runId)
  }

  /** Forgets merges of which the tables know another state; the half-built runs that nobody goes on with are dead. */
  #abandonUnknown(runs: readonly RunRow[]): void {
    const byId = new Map(runs.map((row) => [row.run, row]))
    for (const [level, merge] of this.#merges) {
      const row = byId.get(merge.output.runId)
      const known = row?.state === runStates.building && row.records === merge.consumed
      if (!known || merge.inputs.some((run) => byId.get(run)?.state !== runStates.live)) this.#merges.delete(level)
    }
    const building = new Set([...this.#merges.values()].map((merge) => merge.output.runId))
    for (const { run, state } of runs) {
      if (state === runStates.building && !building.has(run)) this.#setState.run(runStates.dead, run)
    }
  }

  #merge(budgetRecords: number): MergedRun[] {
    const merged: MergedRun[] = []
    let left = budgetRecords
    while (left > 0) {
      const runs = this.#catalogue()
      const due = this.#due(runs)
      if (due === undefined) break
      const merge = due instanceof RunMerge ? due : this.#beginMerge(due)
      left -= merge.step(left)
      if (!merge.finished) {
        this.#updateRun.run(runStates.building, merge.consumed, 0, 0, merge.output.runId)
        continue
      }
      const newest = runs.filter(({ run }) => merge.inputs.includes(run)).map((row) => row.newest)
      this.#publish(merge.output, Math.max(...newest))
      for (const run of merge.inputs) this.#setState.run(runStates.dead, run)
      this.#merges.delete(merge.level)
      merged.push({ runId: merge.output.runId, filter: merge.output.filter, removedRunIds: merge.inputs })
    }
    return merged
  }

  /** What the lowest level that is full needs: its merge under way, or the runs that begin one. */
  #due(runs: readonly RunRow[]): RunMerge | readonly RunRow[] | undefined {
    const live = runs.filter(({ state }) => state === runStates.live)
    const levels = [...new Set(live.map(({ level }) => level))].sort((a, b) => a - b)
    for (const level of levels) {
      const merge = this.#merges.get(level)
      if (merge !== undefined) return merge
      const rows = live.filter((row) => row.level === level)
      if (rows.length >= mergeRuns) return rows.slice(0, mergeRuns)
    }
    return undefined
  }

  #beginMerge(rows: readonly RunRow[]): RunMerge {
    const level = rows[0]!.level
    const recordsMax = rows.reduce((sum, row) => sum + row.records, 0)
    const output = this.#begin(level + 1, recordsMax)
    const merge = new RunMerge(
      level,
      rows.map(({ run }) => run),
      output,
      this.#nextBlock,
    )
    this.#merges.set(level, merge)
    return merge
  }

  /** Deletes dead runs, at most so many records; whether any are left. */
  #clear(budgetRecords: number): boolean {
    let blocks = Math.ceil(budgetRecords / blockRecords)
    for (const { run, state } of this.#catalogue()) {
      if (state !== runStates.dead) continue
      if (blocks <= 0) return true
      blocks -= Number(this.#deleteBlocks.run(run, blocks).changes)
      if (blocks <= 0) return true
      this.#deleteFilter.run(run)
      this.#deleteRun.run(run)
    }
    return false
  }
}

function newestOf(packed: Uint8Array): number {
  const view = viewOf(packed)
  let newest = Number.NEGATIVE_INFINITY
  for (let at = 0; at < packed.length; at += recordBytes) newest = Math.max(newest, receivedAtOf(view, at))
  return newest
}
