import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { addIds } from './ids.ts'
import { writes } from './operations.ts'
import { busyTimeoutMs, openConnection } from './schema.ts'
import type { Span } from './segments.ts'
import { settle } from './settle.ts'
import { prepared } from './statements.ts'
import { type Batch, type Outcome, outcomeOf, type WriterReply } from './threads.ts'

/** The writer thread: the only one that changes the database. One batch, one transaction, one sync. */

const { path } = workerData as { path: string }
const port = parentPort!
const db = openConnection(path)
const operations = writes as unknown as Record<string, (db: DatabaseSync, args: unknown) => unknown>

port.on('message', (batch: Batch | 'close') => {
  if (batch === 'close') {
    db.close()
    port.close()
    return
  }
  const reply = commit(batch)
  port.postMessage(reply)
  if (batch.settle !== null && reply.type === 'committed') port.postMessage(settleUpTo(batch.settle))
  if (batch.checkpoint) restartLog()
})

function commit(batch: Batch): WriterReply {
  try {
    prepared(db, 'BEGIN IMMEDIATE').run()
    if (batch.spans.length > 0) prepared(db, 'INSERT INTO journal(pos, data) VALUES (?, ?)').run(batch.pos, joined(batch.spans))
    const outcomes = batch.tasks.map((task) => {
      const run = () => operations[task.name]!(db, task.args)
      return task.bound ? { value: run() } : isolated(run)
    })
    prepared(db, 'COMMIT').run()
    return { type: 'committed', outcomes }
  } catch (error) {
    return { type: 'failed', why: rolledBack(error) }
  }
}

/** Runs a task in a savepoint: what it refuses is undone, the rest of the batch stays. */
function isolated(run: () => unknown): Outcome {
  prepared(db, 'SAVEPOINT task').run()
  const outcome = outcomeOf(run)
  // An error such as a full disk has ended the whole transaction already.
  if (!db.isTransaction) throw new Error('failure' in outcome ? outcome.failure : 'the transaction ended')
  if (!('value' in outcome)) prepared(db, 'ROLLBACK TO task').run()
  prepared(db, 'RELEASE task').run()
  return outcome
}

function joined(spans: readonly Span[]): Uint8Array {
  const parts = spans.map(({ shared, start, end }) => new Uint8Array(shared, start, end - start))
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

function settleUpTo(request: NonNullable<Batch['settle']>): WriterReply {
  try {
    prepared(db, 'BEGIN IMMEDIATE').run()
    const { ids, kept } = settle(db, request)
    const filters = addIds(db, ids)
    prepared(db, 'COMMIT').run()
    return { type: 'settled', change: { filters, kept } }
  } catch (error) {
    return { type: 'unsettled', why: rolledBack(error) }
  }
}

/** Ends a log that readers and the checkpoint thread have not let start anew. */
function restartLog(): void {
  try {
    // Readers are not waited for: commits would wait too.
    db.exec('PRAGMA busy_timeout = 0')
    prepared(db, 'PRAGMA wal_checkpoint(RESTART)').all()
  } catch {
    // Busy or full: the log goes on growing until the next request.
  } finally {
    db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`)
  }
}

function rolledBack(error: unknown): string {
  try {
    if (db.isTransaction) db.exec('ROLLBACK')
  } catch {
    // The failed statement has rolled back by itself.
  }
  return error instanceof Error ? error.message : String(error)
}
