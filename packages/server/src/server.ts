import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createAuthenticator } from './auth/authenticator.ts'
import { localBus } from './bus/local.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Config, resolveSecret } from './config.ts'
import { handlersOf } from './gateway/handlers.ts'
import { createHttp } from './gateway/http.ts'
import { Hub } from './gateway/hub.ts'
import { messageHandlers } from './gateway/message-handlers.ts'
import { TokenBuckets } from './gateway/rate.ts'
import { Sessions } from './gateway/sessions.ts'
import { textsOf } from './gateway/texts.ts'
import { Gateway } from './gateway/websocket.ts'
import { createLog, type Log } from './observability/log.ts'
import { createMetrics } from './observability/metrics.ts'
import { openSqliteStore } from './store/sqlite/store.ts'
import { version } from './version.ts'

/** The database file in the data directory. */
export const databaseFile = 'sotto.db'

/** How often what has expired is deleted. */
const sweepMs = 300_000
/** Devices whose sending rate is remembered. */
const ratedDevicesMax = 100_000

export interface ServerOptions {
  readonly clock?: Clock
  /** Where log lines go; standard output by default. */
  readonly log?: Log
}

export interface RunningServer {
  readonly port: number
  /** `http://host:port`, as this machine reaches it. */
  readonly url: string
  /** Stops accepting, commits what was accepted, closes sockets with 1012. */
  close(): Promise<void>
}

/**
 * Starts a server: the wiring, and the only place that knows every adapter.
 * Throws `ConfigError` and `StoreRefusal`, whose messages are for the person who started it.
 */
export async function createServer(config: Config, options: ServerOptions = {}): Promise<RunningServer> {
  const { clock = systemClock } = options
  const { limits, retentionMs } = config
  const log = options.log ?? createLog({ level: config.logLevel, clock })
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const secret = await resolveSecret(config, clock)
  const metrics = createMetrics()
  const authenticator = createAuthenticator({
    clock,
    onChecked: (outcome) => metrics.tokenChecked(outcome),
    ...(config.auth.kind === 'jwks'
      ? { jwks: { ...config.auth, onProblem: (problem: string) => log.warn({ problem }, 'keys not fetched') } }
      : { secret: secret! }),
  })
  const bus = localBus()
  const hub = new Hub()
  const sessions = new Sessions()
  bus.subscribe((event) => sessions.hear(event))
  const store = await openSqliteStore({
    path: join(config.dataDir, databaseFile),
    clock,
    limits,
    retentionMs,
    onAppended: (entries) => hub.wake(entries),
    onCommitted: (messages, durationMs) => metrics.committed(messages, durationMs),
    onTrouble: (why) => log.error({ why }, 'store trouble'),
  })
  metrics.watchStore(() => store.stats())
  const { counts } = metrics
  const sends = new TokenBuckets({ burst: limits.SENDS_BURST, perSecond: limits.SENDS_PER_SECOND }, clock, ratedDevicesMax)
  const signalRate = { burst: limits.SIGNALS_PER_SECOND, perSecond: limits.SIGNALS_PER_SECOND }
  const signals = new TokenBuckets(signalRate, clock, ratedDevicesMax)
  const shared = { store, bus, hub, sessions, clock, limits, counts, sends }
  const handlers = handlersOf({
    store,
    bus,
    clock,
    limits,
    devTokens: config.devTokens,
    secret,
    messages: messageHandlers(shared),
    metrics,
    texts: textsOf(version),
  })
  const { corsOrigins, trustProxy } = config
  const http = createHttp({ authenticator, store, clock, limits, corsOrigins, trustProxy, handlers, log, metrics })
  const gateway = new Gateway(
    { ...shared, authenticator, log, signals },
    { isAllowedOrigin: (origin, host) => corsOrigins.includes(origin) || isOwnOrigin(origin, host) },
  )
  gateway.attach(http.server)
  const sweep = setInterval(() => store.sweep().catch((error) => log.error({ err: error }, 'sweep failed')), sweepMs)
  let port: number
  try {
    port = await http.listen({ host: config.host, port: config.port })
  } catch (error) {
    clearInterval(sweep)
    await gateway.stop()
    await store.close()
    metrics.close()
    authenticator.close()
    throw error
  }
  const host = config.host === '0.0.0.0' || config.host === '::' ? 'localhost' : config.host
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  log.info({ port, host: config.host, url, version, pid: process.pid }, 'listening')
  return {
    port,
    url,
    close: async () => {
      clearInterval(sweep)
      log.info('stopping')
      await gateway.stop()
      await http.close()
      await store.close()
      await bus.close()
      authenticator.close()
      metrics.close()
      log.info('stopped')
    },
  }
}

/** Whether a page comes from this very server, under the name that its browser asked for. */
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && host !== '' && URL.parse(origin)?.host === host
}
