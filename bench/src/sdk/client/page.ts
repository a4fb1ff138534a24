/** A page with clients: what it exports is `entry` there. */
import { indexedDbStorage, memoryStorage } from '@sotto/client'
import type { ClientJob } from './job.ts'
import type { Platform } from './platform.ts'
import { runJob } from './run-job.ts'

/** Given to the page by the process that drives it: collects garbage and answers with the bytes in use. */
const driver = globalThis as unknown as { readonly heapBytes: () => Promise<number> }

const platform: Platform = {
  storage: (kind, name) => (kind === 'memory' ? memoryStorage() : indexedDbStorage({ name })),
  footprint: async () => ({ heapBytes: await driver.heapBytes(), residentBytes: undefined }),
}

export function run(job: ClientJob) {
  return runJob(job, platform)
}
