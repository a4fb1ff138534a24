import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { defaultLimits, type LimitName, type RouteAnswer, type RouteName, routeOf } from '@sotto/protocol'
import { onTestFinished } from 'vitest'
import { createAuthenticator } from '../auth/authenticator.ts'
import { mintToken } from '../auth/dev-token.ts'
import { Secret } from '../auth/secret.ts'
import type { BusEvent } from '../bus/bus.ts'
import { localBus } from '../bus/local.ts'
import type { Config } from '../config.ts'
import { createLog } from '../observability/log.ts'
import { createMetrics } from '../observability/metrics.ts'
import { type ManualClock, manualClock } from '../store/manual-clock.suite.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import type { Store } from '../store/store.ts'
import { type Handlers, handlersOf } from './handlers.ts'
import { createHttp } from './http.ts'
import { Hub } from './hub.ts'
import { messageHandlers } from './message-handlers.ts'
import { TokenBuckets } from './rate.ts'
import { Sessions } from './sessions.ts'
import { textsOf } from './texts.ts'

const dayMs = 86_400_000

export interface TestOptions {
  readonly limits?: Partial<Record<LimitName, number>>
  readonly corsOrigins?: readonly string[]
  readonly devTokens?: Config['devTokens']
  /** In the place of the server's own. */
  readonly handlers?: Partial<Handlers>
}

export interface Asked {
  /** The user who asks; left out: nobody. */
  readonly as?: string
  /** In the place of a token of `as`. */
  readonly token?: string
  /** `X-Device-Id`. */
  readonly device?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The parsed body; undefined when it is not JSON. */
  readonly body: unknown
}

/** A request by the name of its route. */
export interface Called extends Asked {
  readonly params?: Readonly<Record<string, string | number>>
  readonly query?: Readonly<Record<string, string | number>>
}

export interface TestServer {
  readonly port: number
  readonly url: string
  readonly clock: ManualClock
  readonly store: Store
  /** What was published so far. */
  readonly events: readonly BusEvent[]
  /** Lines of the log. */
  readonly logged: readonly string[]
  readonly secret: Secret
  tokenOf(userId: string, deviceId?: string, ttlMs?: number): Promise<string>
  /** `ask('GET /groups', { as: 'alice' })`. */
  ask(request: string, asked?: Asked): Promise<Answered>
  /** The answer, which must be a success of the shape that the route promises. */
  call<name extends RouteName>(name: name, called?: Called): Promise<RouteAnswer<name>>
  closeStore(): Promise<void>
  close(): Promise<void>
}

/** A listening server over a real store in a directory of its own; the clock stands still until it is moved. */
export async function startTestServer(options: TestOptions = {}): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-http-'))
  const clock = manualClock()
  const limits = Object.freeze({ ...defaultLimits, ...options.limits })
  const hub = new Hub()
  const sessions = new Sessions()
  const store = await openSqliteStore({
    path: join(directory, 'sotto.db'),
    clock,
    limits,
    retentionMs: 30 * dayMs,
    onAppended: (entries) => hub.wake(entries),
  })
  const bus = localBus()
  const events: BusEvent[] = []
  bus.subscribe((event) => {
    events.push(event)
    sessions.hear(event)
  })
  const logged: string[] = []
  const log = createLog({ level: 'info', clock, output: { write: (line) => logged.push(line) } })
  const metrics = createMetrics()
  const secret = new Secret('test secret, thirty-two bytes or more')
  const authenticator = createAuthenticator({ clock, secret })
  const sends = new TokenBuckets({ burst: limits.SENDS_BURST, perSecond: limits.SENDS_PER_SECOND }, clock, 1_000)
  const handlers = handlersOf({
    store,
    bus,
    clock,
    limits,
    devTokens: options.devTokens ?? 'off',
    secret,
    metrics,
    messages: messageHandlers({ store, bus, hub, sessions, clock, limits, counts: metrics.counts, sends }),
    texts: textsOf('0.0.0-test'),
  })
  const gateway = createHttp({
    authenticator,
    store,
    clock,
    limits,
    corsOrigins: options.corsOrigins ?? [],
    trustProxy: false,
    handlers: { ...handlers, ...options.handlers },
    log,
    metrics,
  })
  const port = await gateway.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${port}`

  async function tokenOf(userId: string, deviceId?: string, ttlMs = dayMs): Promise<string> {
    return (await mintToken({ secret, clock, userId, deviceId, ttlMs })).token
  }

  async function ask(request: string, asked: Asked = {}): Promise<Answered> {
    const [method = '', path = ''] = request.split(' ')
    const token = asked.token ?? (asked.as === undefined ? undefined : await tokenOf(asked.as))
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(asked.device === undefined ? {} : { 'x-device-id': asked.device }),
        ...(asked.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...asked.headers,
      },
      ...(asked.body === undefined ? {} : { body: typeof asked.body === 'string' ? asked.body : JSON.stringify(asked.body) }),
    })
    const sent = await response.text()
    const isJson = sent !== '' && response.headers.get('content-type')?.includes('json') === true
    return { status: response.status, headers: response.headers, text: sent, body: isJson ? JSON.parse(sent) : undefined }
  }

  async function call<name extends RouteName>(name: name, called: Called = {}): Promise<RouteAnswer<name>> {
    const { params = {}, query = {}, ...asked } = called
    const path = name.replace(/:(\w+)/g, (_, key: string) => encodeURIComponent(params[key] ?? ''))
    const search = Object.entries(query)
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
      .join('&')
    const answered = await ask(search === '' ? path : `${path}?${search}`, asked)
    const { status, answer } = routeOf(name)
    if (answered.status !== status) throw new Error(`${name} answered ${answered.status}: ${answered.text}`)
    answer?.parse(answered.body)
    return answered.body as RouteAnswer<name>
  }

  let storeClosed: Promise<void> | undefined
  function closeStore(): Promise<void> {
    storeClosed ??= store.close()
    return storeClosed
  }

  async function close(): Promise<void> {
    await gateway.close()
    authenticator.close()
    metrics.close()
    await bus.close()
    await closeStore()
    await rm(directory, { recursive: true, force: true })
  }

  return { port, url, clock, store, events, logged, secret, tokenOf, ask, call, closeStore, close }
}

/** A server that is closed after the test. */
export async function started(options: TestOptions = {}): Promise<TestServer> {
  const server = await startTestServer(options)
  onTestFinished(() => server.close())
  return server
}

/** What comes back for bytes that no HTTP client would send, once the server has closed the connection. */
export async function rawAnswer({ port }: TestServer, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  // The server may close while the rest is still being written.
  socket.on('error', () => {})
  socket.write(bytes)
  return await text(socket)
}
