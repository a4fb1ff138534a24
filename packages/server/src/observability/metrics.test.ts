import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMetrics, type Metrics } from './metrics.ts'

let metrics: Metrics
beforeEach(() => {
  metrics = createMetrics()
})
afterEach(() => metrics.close())

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads Prometheus' text format; throws at whatever is not of it. */
function parseExposition(text: string): readonly Sample[] {
  const types = new Map<string, string>()
  const seen = new Set<string>()
  const samples: Sample[] = []
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  for (const line of text.split('\n')) {
    if (line === '' || /^# HELP [a-z0-9_]+ \S/.test(line)) continue
    const type = /^# TYPE ([a-z0-9_]+) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      if (types.has(type[1]!)) throw new Error(`declared twice: ${line}`)
      types.set(type[1]!, type[2]!)
      continue
    }
    const sample = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (sample === null) throw new Error(`not a sample: ${line}`)
    const [, name = '', labelText = '', value = ''] = sample
    const family = name.replace(/_(bucket|sum|count)$/, '')
    if (!types.has(name) && types.get(family) !== 'histogram') throw new Error(`not declared: ${line}`)
    if (types.get(name) === 'counter' && !name.endsWith('_total')) throw new Error(`a counter ends in _total: ${line}`)
    const labels = Object.fromEntries(
      [...labelText.matchAll(/([a-z]+)="((?:[^"\\\n]|\\.)*)"(?:,|$)/g)].map((label) => [label[1]!, label[2]!]),
    )
    if (
      Object.entries(labels)
        .map(([key, text]) => `${key}="${text}"`)
        .join() !== labelText
    )
      throw new Error(`labels: ${line}`)
    if (!Number.isFinite(Number(value)) || seen.has(`${name}{${labelText}}`)) throw new Error(`value: ${line}`)
    seen.add(`${name}{${labelText}}`)
    samples.push({ name, labels, value: Number(value) })
  }
  return samples
}

async function scrape() {
  const samples = parseExposition(await metrics.text())
  return {
    samples,
    value(name: string, labels: Record<string, string> = {}): number | undefined {
      const found = samples.filter(
        (sample) => sample.name === name && Object.entries(labels).every(([key, is]) => sample.labels[key] === is),
      )
      return found.length === 1 ? found[0]?.value : undefined
    },
  }
}

describe('the exposition', () => {
  it('parses, before anything happened and after everything did', async () => {
    expect((await scrape()).samples.length).toBeGreaterThan(50)
    metrics.watchStore(() => ({ appended: 5, commits: 2, queued: 1, failedCommits: 0 }))
    metrics.tokenChecked('verified')
    metrics.committed(3, 1.5)
    metrics.answered('GET', '/groups/:groupId', 200, 2)
    metrics.answered('GET', '/with"quote\\and\nline', 200, 2)
    expect((await scrape()).samples.length).toBeGreaterThan(100)
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/)
  })

  it('reports plain counts as they are at the time of the scrape', async () => {
    const { counts } = metrics
    const names = {
      framesIn: 'sotto_frames_received_total',
      framesOut: 'sotto_frames_sent_total',
      messagesAccepted: 'sotto_messages_accepted_total',
      messagesDuplicate: 'sotto_messages_duplicate_total',
      entriesDelivered: 'sotto_entries_delivered_total',
      acks: 'sotto_acks_total',
      signals: 'sotto_signals_total',
    } as const
    const fields = Object.keys(names) as (keyof typeof names)[]
    for (const [index, field] of fields.entries()) counts[field] += index + 1
    counts.sessions.basic += 2
    counts.sessions.reliable += 7
    counts.messagesRefused.id_conflict += 3
    const first = await scrape()
    for (const [index, field] of fields.entries()) expect(first.value(names[field])).toBe(index + 1)
    expect(first.value('sotto_sessions', { protocol: 'basic' })).toBe(2)
    expect(first.value('sotto_sessions', { protocol: 'reliable' })).toBe(7)
    expect(first.value('sotto_messages_refused_total', { code: 'id_conflict' })).toBe(3)
    expect(first.value('sotto_messages_refused_total', { code: 'mailbox_full' })).toBe(0)
    counts.framesIn += 10
    counts.sessions.reliable -= 1
    counts.messagesRefused.id_conflict += 1
    const second = await scrape()
    expect(second.value('sotto_frames_received_total')).toBe(11)
    expect(second.value('sotto_sessions', { protocol: 'reliable' })).toBe(6)
    expect(second.value('sotto_messages_refused_total', { code: 'id_conflict' })).toBe(4)
  })

  it('reports the store', async () => {
    expect((await scrape()).value('sotto_store_queue_length')).toBeUndefined()
    const stats = { appended: 5, commits: 2, queued: 4, failedCommits: 1 }
    metrics.watchStore(() => stats)
    stats.queued = 9
    const { value } = await scrape()
    expect(value('sotto_store_queue_length')).toBe(9)
    expect(value('sotto_store_messages_total')).toBe(5)
    expect(value('sotto_store_commits_total')).toBe(2)
    expect(value('sotto_store_commits_failed_total')).toBe(1)
  })

  it('reports commits as cumulative histograms in seconds', async () => {
    metrics.committed(1, 0.4)
    metrics.committed(100, 40)
    metrics.committed(5_000, 60_000)
    const { value, samples } = await scrape()
    expect(value('sotto_store_commit_seconds_count')).toBe(3)
    expect(value('sotto_store_commit_seconds_sum')).toBeCloseTo(60.0404)
    expect(value('sotto_store_commit_seconds_bucket', { le: '0.0005' })).toBe(1)
    expect(value('sotto_store_commit_seconds_bucket', { le: '0.05' })).toBe(2)
    expect(value('sotto_store_commit_seconds_bucket', { le: '+Inf' })).toBe(3)
    expect(value('sotto_store_commit_messages_bucket', { le: '100' })).toBe(2)
    expect(value('sotto_store_commit_messages_sum')).toBe(5_101)
    const buckets = samples.filter(({ name }) => name === 'sotto_store_commit_seconds_bucket').map((sample) => sample.value)
    expect(buckets).toEqual(buckets.toSorted((a, b) => a - b))
  })

  it('reports requests by route and class of status', async () => {
    metrics.answered('GET', '/groups/:groupId', 200, 3)
    metrics.answered('GET', '/groups/:groupId', 204, 3)
    metrics.answered('GET', '/groups/:groupId', 403, 3)
    metrics.answered('POST', undefined, 404, 1)
    const { value } = await scrape()
    const route = { method: 'GET', route: '/groups/:groupId' }
    expect(value('sotto_http_requests_total', { ...route, status: '2xx' })).toBe(2)
    expect(value('sotto_http_requests_total', { ...route, status: '4xx' })).toBe(1)
    expect(value('sotto_http_requests_total', { route: 'unmatched', status: '4xx' })).toBe(1)
    expect(value('sotto_http_request_seconds_count', route)).toBe(3)
  })

  it('stays bounded if addresses are taken for routes', async () => {
    for (let user = 0; user < 1_000; user++) metrics.answered('GET', `/keys/prekeys/user-${user}`, 200, 1)
    const { samples, value } = await scrape()
    expect(samples.filter(({ name }) => name === 'sotto_http_requests_total')).toHaveLength(101)
    expect(value('sotto_http_requests_total', { route: 'other' })).toBe(900)
  })

  it('reports tokens by outcome, and the process', async () => {
    metrics.tokenChecked('cached')
    metrics.tokenChecked('cached')
    metrics.tokenChecked('signature')
    const { value } = await scrape()
    expect(value('sotto_tokens_checked_total', { outcome: 'cached' })).toBe(2)
    expect(value('sotto_tokens_checked_total', { outcome: 'signature' })).toBe(1)
    expect(value('nodejs_version_info', { version: process.version })).toBe(1)
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_heap_size_used_bytes',
      'nodejs_external_memory_bytes',
    ]) {
      expect(value(name)).toBeGreaterThan(0)
    }
    for (const name of ['mean', 'p50', 'p99', 'max'])
      expect(value(`nodejs_eventloop_lag_${name}_seconds`)).toBeGreaterThanOrEqual(0)
    for (const name of ['process_open_fds', 'process_max_fds']) {
      if (process.platform === 'linux') expect(value(name)).toBeGreaterThan(2)
      else expect(value(name)).toBeUndefined()
    }
    expect(value('process_start_time_seconds')).toBeGreaterThan(1_700_000_000)
  })
})

it('two servers in one process share nothing', async () => {
  const other = createMetrics()
  metrics.counts.framesIn += 1
  metrics.tokenChecked('verified')
  expect(await other.text()).toContain('sotto_frames_received_total 0')
  expect(await other.text()).not.toContain('outcome="verified"')
  other.close()
})

it('reports garbage collections', async () => {
  const collections = async () =>
    (await scrape()).samples.filter(({ name }) => name === 'nodejs_gc_duration_seconds_count').length
  const litter = () => Array.from({ length: 100 }, () => new Array(10_000).fill({})).length
  await expect.poll(async () => litter() > 0 && (await collections()), { timeout: 4_000 }).toBeGreaterThan(0)
})
