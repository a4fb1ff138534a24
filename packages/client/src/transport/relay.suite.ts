import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LimitName } from '@sotto/protocol'
import { createServer, mintToken, type RunningServer, readConfig, Secret, systemClock as serverClock } from '@sotto/server'
import { onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../clock.ts'
import { createTransport, type TransportPorts } from './create-transport.ts'
import { lastSeqOf } from './received.ts'
import type { ConnectionState, EntryFrame, Transport, TransportListeners, TransportOptions } from './transport.ts'

const secret = 'a secret of the tests, thirty-two bytes or more'
const hourMs = 3_600_000

export interface Relay {
  readonly port: number
  readonly url: string
  token(userId: string, deviceId: string, ttlMs?: number): Promise<string>
  /** Of the user, for whatever device. */
  userToken(userId: string): Promise<string>
  /** Stops, and starts again on the same port and data. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A real server with a database of its own. Sends and requests are not limited unless `limits` says so. */
export async function startRelay(
  limits: Partial<Record<LimitName, number>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Relay> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-transport-'))
  const all = { SENDS_BURST: 100_000, SENDS_PER_SECOND: 100_000, REQUESTS_BURST: 100_000, ...limits }
  const open = (port: number) =>
    createServer(
      readConfig({
        HOST: '127.0.0.1',
        PORT: `${port}`,
        DATA_DIR: directory,
        JWT_SECRET: secret,
        LOG_LEVEL: 'silent',
        ...env,
        ...Object.fromEntries(Object.entries(all).map(([name, value]) => [`LIMIT_${name}`, `${value}`])),
      }),
    )
  let running: RunningServer | undefined = await open(0)
  const { port, url } = running
  async function stop(): Promise<void> {
    const stopping = running
    running = undefined
    await stopping?.close()
  }
  onTestFinished(async () => {
    await stop()
    await rm(directory, { recursive: true, force: true })
  })
  return {
    port,
    url,
    stop,
    async token(userId, deviceId, ttlMs = hourMs) {
      return (await mintToken({ secret: new Secret(secret), clock: serverClock, userId, deviceId, ttlMs })).token
    },
    async userToken(userId) {
      return (await mintToken({ secret: new Secret(secret), clock: serverClock, userId, ttlMs: hourMs })).token
    },
    async restart() {
      await stop()
      running = await open(port)
    },
  }
}

/** Chance of the lowest kind: back-off never waits. */
const hastyClock: Clock = { now: systemClock.now, random: (bytes) => new Uint8Array(bytes) }

type Happened = { readonly [name in keyof TransportListeners]: Parameters<TransportListeners[name]>[0][] }

/** A transport with everything that its listeners were told. Acknowledges each entry at once unless `acks` is false. */
export interface Line {
  readonly transport: Transport
  readonly told: Happened
  /** How often a token was asked for. */
  tokensAsked: number
  acks: boolean
  /** Looks again after each event, until it is so. Throws when it takes too long. */
  until(isSo: () => boolean, what?: string): Promise<void>
  /** The ids of messages, own ones included, in the order in which they were handed over. */
  ids(): string[]
}

export interface LineOptions extends Partial<TransportOptions> {
  readonly user?: string
  readonly ttlMs?: number
  readonly ports?: Partial<TransportPorts>
}

/** Not started yet. */
export function lineTo(relay: Relay, options: LineOptions = {}): Line {
  const { user = 'bob', ttlMs, ports, ...given } = options
  const deviceId = given.deviceId ?? `${user}-phone`
  const transport = createTransport(
    {
      url: relay.url,
      deviceId,
      token: () => {
        line.tokensAsked += 1
        return relay.token(user, deviceId, ttlMs)
      },
      ...given,
    },
    { clock: hastyClock, ...ports },
  )
  const told: Happened = { entry: [], synced: [], signal: [], keysLow: [], state: [], ended: [] }
  const line: Line = {
    transport,
    told,
    tokensAsked: 0,
    acks: true,
    async until(isSo, what = String(isSo)) {
      for (let waitedMs = 0; !isSo(); waitedMs += 5) {
        if (waitedMs > 30_000) throw new Error(`never came: ${what}; ${transport.state}, ${transport.lastError}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    ids: () => told.entry.flatMap((entry) => ('id' in entry ? [entry.id] : [])),
  }
  onTestFinished(() => transport.close())
  return line
}

/** Starts a line; resolves once it is in this state. */
export async function start(line: Line, state: ConnectionState = 'online'): Promise<Line> {
  const { transport, told } = line
  transport.start({
    entry: (entry: EntryFrame) => {
      told.entry.push(entry)
      if (line.acks) transport.ack(entry.mailbox, lastSeqOf(entry))
    },
    synced: () => told.synced.push(undefined),
    signal: (frame) => told.signal.push(frame),
    keysLow: (frame) => told.keysLow.push(frame),
    state: (now) => told.state.push(now),
    ended: (reason) => told.ended.push(reason),
  })
  await line.until(() => transport.state === state, state)
  return line
}

/** A message from one user to another whose ciphertext is its id. */
export function message(id: string, to = 'bob') {
  return { id, to, scope: 'direct', ciphertext: id } as const
}

/** `m1`, `m2`, … */
export function named(count: number, prefix = 'm'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`)
}
