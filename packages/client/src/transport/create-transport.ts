import type { RouteName } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol/errors'
import type { Clock } from '../clock.ts'
import { SottoClientError } from '../errors.ts'
import { Acks } from './acks.ts'
import { fractionOf } from './backoff.ts'
import { Connection, type EndReason } from './connection.ts'
import { Http } from './http.ts'
import { addressOf } from './http-address.ts'
import { OutboxPipe } from './outbox-pipe.ts'
import { readAccepted } from './received.ts'
import { Pauses, systemTimers, type Timers } from './timers.ts'
import { Tokens } from './tokens.ts'
import type { JsonAnswer, RequestInput, Transport, TransportOptions } from './transport.ts'
import { onWake } from './wakeups.ts'

export interface TransportPorts {
  readonly clock: Clock
  /** The runtime's by default. */
  readonly timers?: Timers
}

/**
 * A way to the server of `options.url`, for browsers and Node.js. Throws `invalid_option` for an address that is none.
 * @example
 * const transport = createTransport({ url, deviceId: 'phone', token: async () => jwt }, { clock: systemClock })
 * transport.start({ entry: (frame) => store(frame), synced() {}, signal() {}, keysLow() {}, state() {}, ended() {} })
 * const { mailbox, seq } = await transport.send({ id: 'm1', to: 'bob', scope: 'direct', ciphertext: 'c2VjcmV0' })
 * await transport.close()
 */
export function createTransport(options: TransportOptions, ports: TransportPorts): Transport {
  const { url, deviceId, token, mode = 'auto' } = options
  const { clock, timers = systemTimers } = ports
  const address = addressOf(url)
  const fraction = () => fractionOf(clock.random(4))
  const tokens = new Tokens({ clock, timers, token })
  const pauses = new Pauses(timers)
  const closing = new AbortController()
  const acks = new Acks(timers)
  const http = new Http({
    address: address.http,
    deviceId,
    tokens,
    timers,
    pauses,
    fraction,
    closing: closing.signal,
    revoked: () => connection.finish('device_revoked'),
  })
  const outbox = new OutboxPipe({
    timers,
    fraction,
    post: async (text, signal) => {
      const accepted = readAccepted(await http.ask({ name: 'POST /messages', text }, signal))
      if (accepted === undefined) throw new SottoClientError('offline', 'the answer cannot be read')
      return accepted
    },
  })
  const connection = new Connection({
    address: address.socket,
    deviceId,
    mode,
    tokens,
    timers,
    fraction,
    http,
    acks,
    outbox,
    finished: (reason) => release(reasonError(reason)),
  })
  let closed: Promise<void> | undefined

  function wake(): void {
    connection.wake()
    pauses.wake()
  }
  const stopListening = onWake(wake)

  /** Whoever waits is rejected. */
  function release(error: Error): void {
    stopListening()
    outbox.close(error)
    closing.abort(error)
  }

  async function close(): Promise<void> {
    const error = new SottoClientError('closed')
    outbox.close(error)
    await connection.close()
    release(error)
  }

  return {
    get state() {
      return connection.state
    },
    get limits() {
      return connection.limits
    },
    get userId() {
      return connection.userId
    },
    get lastError() {
      return connection.lastError
    },
    start: (listeners) => connection.start(listeners),
    send: (message, signal) => outbox.send(message, signal),
    signal: (to, scope, ciphertext) => connection.send(JSON.stringify({ type: 'signal', to, scope, ciphertext })),
    ack: (mailbox, seq) => acks.ack(mailbox, seq),
    request: async <name extends RouteName>(name: name, input: RequestInput<name>, request?: RequestOptions) =>
      (await http.request(name, input as AnyInput, request)) as JsonAnswer<name>,
    wake,
    close() {
      closed ??= close()
      return closed
    },
  }
}

type AnyInput = Parameters<Http['request']>[1]
type RequestOptions = Parameters<Http['request']>[2]

function reasonError(reason: EndReason): Error {
  return reason === 'replaced'
    ? new SottoClientError('closed', 'a newer session of this device has taken over')
    : new SottoError(reason)
}
