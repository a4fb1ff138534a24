import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LimitName, type RouteAnswer, type RouteName, routeOf } from '@sotto/protocol'
import { onTestFinished } from 'vitest'
import { mintToken } from '../auth/dev-token.ts'
import { Secret } from '../auth/secret.ts'
import type { Clock } from '../clock.ts'
import { readConfig } from '../config.ts'
import { createLog } from '../observability/log.ts'
import { createServer } from '../server.ts'
import { type ManualClock, manualClock } from '../store/manual-clock.suite.ts'
import { connect, type Peer, type PeerOptions } from './test-peer.suite.ts'

const dayMs = 86_400_000
const secret = 'the secret of a relay in a test, long enough'

export interface RelayOptions {
  readonly limits?: Partial<Record<LimitName, number>>
  /** Further settings. */
  readonly env?: Readonly<Record<string, string>>
  /** In the place of a clock that stands still. */
  readonly clock?: Clock
  /** In the place of an empty directory; left alone afterwards. */
  readonly dataDir?: string
}

export interface Requested {
  readonly as?: string
  readonly device?: string
  readonly params?: Readonly<Record<string, string | number>>
  readonly query?: Readonly<Record<string, string | number>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** The server as a whole, listening on loopback. */
export interface Relay {
  readonly port: number
  readonly url: string
  readonly dataDir: string
  /** Of a relay that was given no other. */
  readonly clock: ManualClock
  /** Lines of the log. */
  readonly logged: readonly string[]
  token(userId: string, options?: { readonly deviceId?: string; readonly ttlMs?: number }): Promise<string>
  /** A socket of a user, welcomed. */
  peer(userId: string, options?: PeerOptions): Promise<Peer>
  /** A reliable socket whose backlog has been read. */
  synced(userId: string, device?: string): Promise<Peer>
  ask(name: RouteName, requested?: Requested): Promise<{ readonly status: number; readonly body: unknown }>
  /** The answer, which must be a success. */
  call<name extends RouteName>(name: name, requested?: Requested): Promise<RouteAnswer<name>>
  /** A figure of the metrics, such as `sotto_frames_sent_total`. */
  count(name: string): Promise<number>
  /** `keep`: the data directory stays. */
  close(options?: { readonly keep: boolean }): Promise<void>
}

export async function startRelay({ limits = {}, env = {}, clock, dataDir: given }: RelayOptions = {}): Promise<Relay> {
  const dataDir = given ?? (await mkdtemp(join(tmpdir(), 'sotto-relay-')))
  const manual = manualClock()
  const time = clock ?? manual
  const logged: string[] = []
  const overrides = Object.entries(limits).map(([name, value]) => [`LIMIT_${name}`, `${value}`])
  const config = readConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    DATA_DIR: dataDir,
    ...(env.JWT_JWKS_URL === undefined ? { JWT_SECRET: secret } : {}),
    ...Object.fromEntries(overrides),
    ...env,
  })
  const log = createLog({ level: 'trace', clock: time, output: { write: (line) => logged.push(line) } })
  const server = await createServer(config, { clock: time, log })

  async function token(userId: string, options: { deviceId?: string; ttlMs?: number } = {}): Promise<string> {
    const { ttlMs = dayMs, deviceId } = options
    return (await mintToken({ secret: new Secret(secret), clock: time, userId, deviceId, ttlMs })).token
  }

  async function peer(userId: string, options: PeerOptions = {}): Promise<Peer> {
    const opened = await connect(server.port, { authorization: `Bearer ${await token(userId)}`, ...options })
    await opened.take('welcome')
    return opened
  }

  async function synced(userId: string, device?: string): Promise<Peer> {
    const opened = await peer(userId, { reliable: true, ...(device === undefined ? {} : { device }) })
    await opened.until('synced')
    return opened
  }

  async function ask(name: RouteName, requested: Requested = {}): Promise<{ status: number; body: unknown }> {
    const { as, device, params = {}, query = {}, body, signal } = requested
    const [method = '', pattern = ''] = name.split(' ')
    const path = pattern.replace(/:(\w+)/g, (_, key: string) => encodeURIComponent(params[key] ?? ''))
    const search = new URLSearchParams(Object.entries(query).map(([key, value]): [string, string] => [key, `${value}`]))
    const response = await fetch(`${server.url}${path}?${search}`, {
      method,
      headers: {
        ...(as === undefined ? {} : { authorization: `Bearer ${await token(as)}` }),
        ...(device === undefined ? {} : { 'x-device-id': device }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return { status: response.status, body: isJson ? JSON.parse(text) : text }
  }

  async function call<name extends RouteName>(name: name, requested?: Requested): Promise<RouteAnswer<name>> {
    const { status, body } = await ask(name, requested)
    if (status !== routeOf(name).status) throw new Error(`${name} answered ${status}: ${JSON.stringify(body)}`)
    return body as RouteAnswer<name>
  }

  async function count(name: string): Promise<number> {
    const { body } = await ask('GET /metrics')
    const line = `${body}`.split('\n').find((candidate) => candidate.startsWith(`${name} `) || candidate.startsWith(`${name}{`))
    if (line === undefined) throw new Error(`there is no figure ${name}`)
    return Number(line.slice(line.lastIndexOf(' ')))
  }

  async function close({ keep } = { keep: false }): Promise<void> {
    await server.close()
    if (given === undefined && !keep) await rm(dataDir, { recursive: true, force: true })
  }

  return { port: server.port, url: server.url, dataDir, clock: manual, logged, token, peer, synced, ask, call, count, close }
}

/** A relay that is closed after the test. */
export async function relayOf(options: RelayOptions = {}): Promise<Relay> {
  const relay = await startRelay(options)
  onTestFinished(() => relay.close())
  return relay
}
