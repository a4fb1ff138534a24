import type { ClientStorage } from '@sotto/client'
import type { Footprint, StorageKind } from './job.ts'

/** What differs between a process of Node.js and a page. */
export interface Platform {
  /** The same name is the same data on disk; in memory it is always new. */
  storage(kind: StorageKind, name: string): ClientStorage
  /** After a garbage collection. */
  footprint(): Promise<Footprint>
}
