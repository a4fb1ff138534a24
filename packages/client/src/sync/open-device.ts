import type { Clock } from '../clock.ts'
import { SottoClientError } from '../errors.ts'
import { createMlsEngine } from '../mls/ts-mls-engine.ts'
import type { SottoOptions } from '../options.ts'
import { withRecentValues } from '../storage/recent-values.ts'
import type { OpenStorage } from '../storage/storage.ts'
import { createTransport } from '../transport/create-transport.ts'
import { Core } from './core.ts'
import { freshDeviceId, type IdentityPorts, loadDevice } from './kept-device.ts'
import { loadAccount } from './late-account.ts'
import type { DeviceRecord } from './records.ts'
import { rejection } from './rejection.ts'

const receiptMembersMax = 20
/** How long an existing device waits for a token before it opens without the network. */
const tokenWaitMs = 3_000

/** The device that this storage holds, or a new one; running when it resolves. */
export async function openDevice(options: SottoOptions, clock: Clock, storage: OpenStorage): Promise<Core> {
  const { url, token, connection } = options
  const engine = await createMlsEngine({ clock })
  const kept = await loadDevice(storage)
  const first = await firstToken(options, kept)
  const deviceId = kept?.deviceId ?? deviceIdIn(first) ?? freshDeviceId(clock)
  let unused = first
  const nextToken = async () => {
    const next = unused ?? (await token())
    unused = undefined
    return next
  }
  const transport = createTransport(
    { url, deviceId, token: nextToken, ...(connection === undefined ? {} : { mode: connection }) },
    { clock },
  )
  const ports: IdentityPorts = {
    storage,
    engine,
    clock,
    transport,
    sleep: (delayMs) => new Promise((wake) => setTimeout(wake, delayMs)),
  }
  try {
    const self = isReady(kept) ? kept : await (await loadAccount()).readyDevice(ports, options, kept, deviceId)
    const { delivered = true, read = true } = options.receipts ?? {}
    const settings = { receiptMembersMax: delivered ? receiptMembersMax : 0, readReceipts: read }
    const core = new Core({ storage: withRecentValues(storage), engine, clock, transport, self, settings })
    await core.start().catch(async (error: unknown) => {
      await core.close()
      throw error
    })
    return core
  } catch (error) {
    await transport.close()
    throw rejection(error)
  }
}

/** Known to the server, and no rotation of its identity was under way. */
function isReady(device: DeviceRecord | undefined): device is DeviceRecord {
  return device?.stage === 'listed' && device.nextIdentity === undefined
}

/**
 * A token that is for another user than the storage is a mistake to be told at once. Without the network a storage that is
 * set up opens all the same.
 */
async function firstToken({ token }: SottoOptions, kept: DeviceRecord | undefined): Promise<string | undefined> {
  if (kept === undefined) return await token()
  const asked = Promise.resolve()
    .then(() => token())
    .catch(() => undefined)
  const first = await within(tokenWaitMs, asked)
  const claims = first === undefined ? undefined : payloadOf(first)
  if (claims !== undefined && !Object.values(claims).includes(kept.userId))
    throw new SottoClientError('invalid_option', `the storage belongs to ${kept.userId}, the token to somebody else`)
  return first
}

/** Undefined when it takes longer. */
function within<value>(waitMs: number, promise: Promise<value>): Promise<value | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), waitMs)
    void promise.then((value) => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}

/** A login may bind its tokens to a device. The server checks it; this only reads it. */
function deviceIdIn(token: string | undefined): string | undefined {
  const deviceId = token === undefined ? undefined : payloadOf(token)?.deviceId
  return typeof deviceId === 'string' ? deviceId : undefined
}

/** Of a JWT; undefined for a token of another kind. */
function payloadOf(token: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const binary = atob(token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0))
    const payload: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof payload === 'object' && payload !== null ? (payload as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
