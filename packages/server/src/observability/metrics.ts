import { type ErrorCode, errorCodes } from '@sotto/protocol'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { StoreStats } from '../store/store.ts'
import { registerProcessMetrics } from './process-metrics.ts'

/**
 * Plain fields for the hot path: `metrics.counts.framesIn++`. They are read at each scrape only. No label ever names a
 * user, device, group or mailbox.
 */
export interface Counts {
  /** Sessions open now. */
  readonly sessions: { basic: number; reliable: number }
  framesIn: number
  framesOut: number
  messagesAccepted: number
  /** Resends that got the first answer. */
  messagesDuplicate: number
  /** Messages refused, by code. */
  readonly messagesRefused: Record<ErrorCode, number>
  /** Entries written to sessions and long polls. */
  entriesDelivered: number
  acks: number
  signals: number
}

export interface Metrics {
  readonly counts: Counts
  /** `outcome`: `verified`, `cached`, or why the token was refused: `onChecked` of the authenticator. */
  tokenChecked(outcome: string): void
  /** One commit of the store: how many messages it held, and how long it took with its sync. */
  committed(messages: number, durationMs: number): void
  /** `route`: the pattern (`/groups/:groupId`), never the address; undefined when none matched. */
  answered(method: string, route: string | undefined, status: number, durationMs: number): void
  /** From then on a scrape reports the store's own figures. */
  watchStore(stats: () => StoreStats): void
  /** Of the exposition: the `Content-Type` to answer with. */
  readonly contentType: string
  /** The exposition in Prometheus' text format. */
  text(): Promise<string>
  /** Ends the measuring of the process. */
  close(): void
}

const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30]
const messagesBuckets = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500]
/** More than the server has; what lies beyond shares one label, so that a mistake cannot fill the memory. */
const routesMax = 100

/** The figures of one server: nothing is shared with another in the same process. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const counts = zeroCounts()
  registerCounts(counts, registers)
  const tokens = new Counter({
    name: 'sotto_tokens_checked_total',
    help: 'Tokens checked, by outcome: verified, cached, or why they were refused.',
    labelNames: ['outcome'],
    registers,
  })
  const commitSeconds = new Histogram({
    name: 'sotto_store_commit_seconds',
    help: 'Duration of a commit, its sync included.',
    buckets: secondsBuckets,
    registers,
  })
  const commitMessages = new Histogram({
    name: 'sotto_store_commit_messages',
    help: 'Messages in a commit.',
    buckets: messagesBuckets,
    registers,
  })
  const requests = new Counter({
    name: 'sotto_http_requests_total',
    help: 'HTTP requests answered, by route and class of status.',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const requestSeconds = new Histogram({
    name: 'sotto_http_request_seconds',
    help: 'Duration of HTTP requests, by route.',
    labelNames: ['method', 'route'],
    buckets: secondsBuckets,
    registers,
  })
  const routes = new Set<string>()
  const stop = registerProcessMetrics(registry)

  return {
    counts,
    tokenChecked: (outcome) => tokens.inc({ outcome }),
    committed(messages, durationMs) {
      commitSeconds.observe(durationMs / 1000)
      commitMessages.observe(messages)
    },
    answered(method, pattern, status, durationMs) {
      const labels = routeLabels(routes, method, pattern)
      requests.inc({ ...labels, status: `${Math.floor(status / 100)}xx` })
      requestSeconds.observe(labels, durationMs / 1000)
    },
    watchStore: (stats) => registerStore(stats, registers),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    close: stop,
  }
}

function zeroCounts(): Counts {
  return {
    sessions: { basic: 0, reliable: 0 },
    framesIn: 0,
    framesOut: 0,
    messagesAccepted: 0,
    messagesDuplicate: 0,
    messagesRefused: Object.fromEntries(errorCodes.map((code) => [code, 0])) as Record<ErrorCode, number>,
    entriesDelivered: 0,
    acks: 0,
    signals: 0,
  }
}

function routeLabels(routes: Set<string>, method: string, pattern: string | undefined): { method: string; route: string } {
  if (pattern === undefined) return { method: 'any', route: 'unmatched' }
  const route = `${method} ${pattern}`
  if (!routes.has(route)) {
    if (routes.size === routesMax) return { method: 'any', route: 'other' }
    routes.add(route)
  }
  return { method, route: pattern }
}

function registerCounts(counts: Counts, registers: Registry[]): void {
  const plain = [
    ['sotto_frames_received_total', 'Frames received over sockets.', () => counts.framesIn],
    ['sotto_frames_sent_total', 'Frames sent over sockets.', () => counts.framesOut],
    ['sotto_messages_accepted_total', 'Messages durably stored.', () => counts.messagesAccepted],
    ['sotto_messages_duplicate_total', 'Resends that got the first answer.', () => counts.messagesDuplicate],
    ['sotto_entries_delivered_total', 'Entries written to sessions and long polls.', () => counts.entriesDelivered],
    ['sotto_acks_total', 'Acknowledgements received.', () => counts.acks],
    ['sotto_signals_total', 'Ephemeral signals received.', () => counts.signals],
  ] as const
  for (const [name, help, read] of plain) registerCounter(name, help, read, registers)
  new Counter({
    name: 'sotto_messages_refused_total',
    help: 'Messages refused, by error code.',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset()
      for (const code of errorCodes) this.inc({ code }, counts.messagesRefused[code])
    },
  })
  new Gauge({
    name: 'sotto_sessions',
    help: 'Sessions open now, by protocol.',
    labelNames: ['protocol'],
    registers,
    collect() {
      this.set({ protocol: 'basic' }, counts.sessions.basic)
      this.set({ protocol: 'reliable' }, counts.sessions.reliable)
    },
  })
}

function registerStore(stats: () => StoreStats, registers: Registry[]): void {
  registerCounter('sotto_store_messages_total', 'Messages that the store has appended.', () => stats().appended, registers)
  registerCounter('sotto_store_commits_total', 'Commits of the store.', () => stats().commits, registers)
  registerCounter('sotto_store_commits_failed_total', 'Commits that failed.', () => stats().failedCommits, registers)
  new Gauge({
    name: 'sotto_store_queue_length',
    help: 'Appends that wait for a commit.',
    registers,
    collect() {
      this.set(stats().queued)
    },
  })
}

/** A counter that is a number elsewhere. */
function registerCounter(name: string, help: string, read: () => number, registers: Registry[]): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset()
      this.inc(read())
    },
  })
}
