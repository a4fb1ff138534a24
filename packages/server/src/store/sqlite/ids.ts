import type { DatabaseSync } from 'node:sqlite'
import { IdempotencyReader } from './idempotency/idempotency-reader.ts'
import { IdempotencyWriter, type MergedRun } from './idempotency/idempotency-writer.ts'
import { type FirstAnswer, recordBytes } from './idempotency/record.ts'
import type { FilterChange } from './threads.ts'

/** The idempotency index as operations on a connection. */

/** Merging keeps up when each step may take on this many records for each one added. */
const mergeRatio = 5
/** Records that a step of its own takes on. */
const mergeStepRecords = 20_000

const readers = new WeakMap<DatabaseSync, IdempotencyReader>()
const writers = new WeakMap<DatabaseSync, IdempotencyWriter>()

function writerOf(db: DatabaseSync): IdempotencyWriter {
  const writer = writers.get(db) ?? new IdempotencyWriter(db)
  writers.set(db, writer)
  return writer
}

export function readerOf(db: DatabaseSync): IdempotencyReader {
  const reader = readers.get(db) ?? new IdempotencyReader(db)
  readers.set(db, reader)
  return reader
}

/** Adds packed records, and takes merging on as far as keeps up with them. */
export function addIds(db: DatabaseSync, packed: Uint8Array): FilterChange {
  const writer = writerOf(db)
  const added: { run: number; filter: Uint8Array }[] = []
  if (packed.length > 0) {
    const { runId, filter } = writer.addRun(packed)
    added.push({ run: runId, filter })
  }
  const { merged } = writer.mergeStep(Math.max(1_000, (packed.length / recordBytes) * mergeRatio))
  const change = changeOf(merged)
  return { added: [...added, ...change.added], removed: change.removed }
}

function changeOf(merged: readonly MergedRun[]): FilterChange {
  return {
    added: merged.map(({ runId, filter }) => ({ run: runId, filter })),
    removed: merged.flatMap(({ removedRunIds }) => removedRunIds),
  }
}

/** Drops the ids received before a time; the runs that are no more. */
export function expireIds(db: DatabaseSync, receivedBefore: number): number[] {
  return writerOf(db).expire(receivedBefore)
}

/** Takes merging and clearing on by one step. `more`: there is more to do. */
export function mergeIds(db: DatabaseSync): { change: FilterChange; more: boolean } {
  const { merged, more } = writerOf(db).mergeStep(mergeStepRecords)
  return { change: changeOf(merged), more }
}

/** The first answer to a message id, from one block of each suspected run. */
export function findId(
  db: DatabaseSync,
  { key, suspects }: { key: Uint8Array; suspects: readonly number[] },
): FirstAnswer | undefined {
  return readerOf(db).find(key, suspects)
}
