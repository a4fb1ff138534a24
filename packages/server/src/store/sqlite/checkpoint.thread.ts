import { parentPort, workerData } from 'node:worker_threads'
import { openConnection } from './schema.ts'

/**
 * The checkpoint thread: moves committed pages from the write-ahead log into the database, beside the writer and
 * never in its way (PASSIVE), and says how long the log has grown.
 */

const { path, everyMs } = workerData as { path: string; everyMs: number }
const port = parentPort!
const db = openConnection(path)
const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')

/** Pages in the log, and those already copied. */
export interface CheckpointReport {
  readonly log: number
  readonly copied: number
}

const timer = setInterval(() => {
  try {
    const row = checkpoint.get() as { log: number; checkpointed: number }
    const report: CheckpointReport = { log: row.log, copied: row.checkpointed }
    port.postMessage(report)
  } catch {
    // A full disk or a busy moment: the next round tries again, and the writer reports what matters.
  }
}, everyMs)

port.once('message', () => {
  clearInterval(timer)
  db.close()
  port.close()
})
