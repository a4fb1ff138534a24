import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { reads } from './operations.ts'
import { openConnection } from './schema.ts'
import { outcomeOf, type ReaderReply, type ReaderRequest } from './threads.ts'

/** The reader thread: answers reads one after another, each on its own snapshot. */

const { path } = workerData as { path: string }
const port = parentPort!
// Not opened read-only: such a connection cannot be the first one to a log.
const db = openConnection(path)
db.exec('PRAGMA query_only = 1')
const operations = reads as unknown as Record<string, (db: DatabaseSync, args: unknown) => unknown>

port.on('message', (request: ReaderRequest | 'close') => {
  if (request === 'close') {
    db.close()
    port.close()
    return
  }
  const outcome = outcomeOf(() => operations[request.name]!(db, request.args))
  const reply: ReaderReply = { no: request.no, outcome }
  port.postMessage(reply)
})
