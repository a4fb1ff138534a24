/** A process with clients: is sent one job, answers with its result, and lives until its parent lets go. */
import { join } from 'node:path'
import { memoryStorage } from '@sotto/client'
import { sqliteStorage } from '@sotto/client/node'
import { residentBytes } from '../../process-usage.ts'
import type { ClientJob } from './job.ts'
import type { Platform } from './platform.ts'
import { runJob } from './run-job.ts'

const folder = process.argv[2] ?? '.'

const platform: Platform = {
  storage: (kind, name) => (kind === 'memory' ? memoryStorage() : sqliteStorage({ path: join(folder, `${name}.db`) })),
  async footprint() {
    if (gc === undefined) throw new Error('to be run with --expose-gc')
    // What was let go may have finalizers: the second collection takes what they leave.
    for (let collection = 0; collection < 2; collection++) await gc({ execution: 'async', type: 'major' })
    const { heapUsed, external } = process.memoryUsage()
    return { heapBytes: heapUsed + external, residentBytes: residentBytes(process.pid) }
  },
}

process.once('message', (job: ClientJob) => {
  runJob(job, platform).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
process.once('disconnect', () => process.exit())
