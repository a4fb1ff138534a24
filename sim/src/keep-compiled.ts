import { flushCompileCache } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/**
 * Loaded before a server (`node --import`), this keeps its compiled code (NODE_COMPILE_CACHE) for the next start: one that
 * is killed would never write it, and each start would compile everything anew.
 */
const startedMs = 1_000

if (isMainThread) setTimeout(flushCompileCache, startedMs).unref()
