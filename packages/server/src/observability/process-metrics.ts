import { readdir, readFile } from 'node:fs/promises'
import { constants, monitorEventLoopDelay, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

const gcKinds: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
}

/**
 * Figures of the process under the names that dashboards for Node.js know. Own instead of prom-client's set, which cannot
 * be stopped and walks every open socket at each scrape. The returned function ends the measuring.
 */
export function registerProcessMetrics(registry: Registry): () => void {
  const registers = [registry]
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system time of the process.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'When the process started, in seconds since 1970.',
    registers,
  }).set(performance.timeOrigin / 1000)
  new Gauge({
    name: 'nodejs_version_info',
    help: 'The version of Node.js.',
    labelNames: ['version'],
    registers,
  }).set({ version: process.version }, 1)
  registerMemory(registers)
  registerFiles(registers)
  const stops = [registerLoopLag(registers), registerCollections(registers)]
  return () => {
    for (const stop of stops) stop()
  }
}

/** What one gauge sets in others stands after it: a scrape reads them in this order. */
function registerMemory(registers: Registry[]): void {
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process that is in RAM.',
    registers,
    collect() {
      const memory = process.memoryUsage()
      this.set(memory.rss)
      total.set(memory.heapTotal)
      used.set(memory.heapUsed)
      external.set(memory.external)
    },
  })
  const total = new Gauge({ name: 'nodejs_heap_size_total_bytes', help: 'Heap reserved by V8.', registers })
  const used = new Gauge({ name: 'nodejs_heap_size_used_bytes', help: 'Heap used by V8.', registers })
  const external = new Gauge({
    name: 'nodejs_external_memory_bytes',
    help: 'Buffers and other memory outside the heap.',
    registers,
  })
}

/** Linux only; elsewhere the gauges are absent. */
function registerFiles(registers: Registry[]): void {
  if (process.platform !== 'linux') return
  new Gauge({
    name: 'process_open_fds',
    help: 'Open files and sockets.',
    registers,
    async collect() {
      this.set((await readdir('/proc/self/fd')).length)
    },
  })
  new Gauge({
    name: 'process_max_fds',
    help: 'Files and sockets that the process may open.',
    registers,
    async collect() {
      const limit = /^Max open files +(\d+)/m.exec(await readFile('/proc/self/limits', 'utf8'))?.[1]
      if (limit !== undefined) this.set(Number(limit))
    },
  })
}

/** Each scrape reports the lag since the scrape before. */
function registerLoopLag(registers: Registry[]): () => void {
  const delays = monitorEventLoopDelay({ resolution: 10 })
  delays.enable()
  new Gauge({
    name: 'nodejs_eventloop_lag_mean_seconds',
    help: 'Mean delay of the event loop.',
    registers,
    collect() {
      this.set(Number.isNaN(delays.mean) ? 0 : delays.mean / 1e9)
      p50.set(delays.percentile(50) / 1e9)
      p99.set(delays.percentile(99) / 1e9)
      max.set(delays.max / 1e9)
      delays.reset()
    },
  })
  const p50 = new Gauge({ name: 'nodejs_eventloop_lag_p50_seconds', help: 'Median delay of the event loop.', registers })
  const p99 = new Gauge({ name: 'nodejs_eventloop_lag_p99_seconds', help: '99th percentile of the delay.', registers })
  const max = new Gauge({ name: 'nodejs_eventloop_lag_max_seconds', help: 'Highest delay of the event loop.', registers })
  return () => delays.disable()
}

function registerCollections(registers: Registry[]): () => void {
  const durations = new Histogram({
    name: 'nodejs_gc_duration_seconds',
    help: 'Garbage collections by kind.',
    labelNames: ['kind'],
    buckets: [0.001, 0.01, 0.1, 1],
    registers,
  })
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) durations.observe({ kind: kindOf(entry) }, entry.duration / 1000)
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => observer.disconnect()
}

function kindOf(entry: PerformanceEntry): string {
  const { kind } = (entry as PerformanceEntry & { detail?: { kind?: number } }).detail ?? {}
  return gcKinds[kind ?? -1] ?? 'other'
}
