import type { Accepted, ServerFrame } from '@sotto/protocol'
import type { EntryFrame } from './transport.ts'

/**
 * What a server has sent, checked by hand: the schemas would weigh more than the rest of the transport. What does not
 * have the promised shape reaches nobody, so that a broken or hostile server cannot make those behind trip.
 */

type Fits = (value: unknown) => boolean
type Members = Readonly<Record<string, unknown>>
type PlainFrame = Exclude<ServerFrame, EntryFrame>

const text: Fits = (value) => typeof value === 'string'
const count: Fits = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const seq: Fits = (value) => Number.isSafeInteger(value) && (value as number) >= 1
const flag: Fits = (value) => typeof value === 'boolean'
const scope: Fits = (value) => value === 'direct' || value === 'group'
const maybe =
  (fits: Fits): Fits =>
  (value) =>
    value === undefined || fits(value)
const list =
  (fits: Fits): Fits =>
  (value) =>
    Array.isArray(value) && value.every(fits)
const record =
  (fits: Fits): Fits =>
  (value) =>
    isObject(value) && Object.values(value).every(fits)
const role: Fits = (value) => value === 'owner' || value === 'admin' || value === 'member'
const device: Fits = (value) => isObject(value) && text(value.userId) && text(value.deviceId)

const position = { mailbox: text, seq, receivedAt: count }
const sender = { from: text, fromDevice: text }

const entryShapes: Readonly<Record<EntryFrame['type'], Readonly<Record<string, Fits>>>> = {
  msg: { ...position, ...sender, id: text, to: text, scope, ciphertext: text, contentType: text, timestamp: count },
  own: { ...position, id: text },
  membership: { ...position, groupId: text, by: text, added: list(text), removed: list(text), roles: maybe(record(role)) },
  commit: {
    ...position,
    ...sender,
    id: text,
    groupId: text,
    generation: count,
    epoch: count,
    commit: text,
    added: list(device),
    removed: list(device),
    left: maybe(list(text)),
    roles: maybe(record(role)),
    external: maybe(flag),
  },
  welcome_mls: {
    ...position,
    ...sender,
    groupId: text,
    generation: count,
    epoch: count,
    groupMailbox: text,
    groupSeq: seq,
    welcome: text,
  },
  departed: { ...position, groupId: text, userId: text, deviceId: maybe(text), goodbye: maybe(text) },
  gone: { mailbox: text, from: seq, to: seq, reason: text },
}

const frameShapes: Readonly<Record<PlainFrame['type'], Readonly<Record<string, Fits>>>> = {
  welcome: { userId: text, deviceId: text, serverTime: count, limits: record(Number.isSafeInteger) },
  accepted: { ...position, id: text, duplicate: maybe(flag) },
  synced: {},
  signal: { ...sender, to: text, scope, ciphertext: text },
  keys_low: { oneTimePreKeys: count, keyPackages: count },
  pong: { serverTime: count },
  error: { id: maybe(text), code: text, message: text, retryAfterMs: maybe(count) },
}

export type Received = { readonly is: 'entry'; readonly frame: EntryFrame } | { readonly is: 'frame'; readonly frame: PlainFrame }

/** A text frame of the server; undefined for what cannot be read, or is of no meaning to this version. */
export function readFrame(json: unknown): Received | undefined {
  if (typeof json !== 'string') return undefined
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const shape = shapeOf(frameShapes, value.type)
  if (shape !== undefined) return fits(value, shape) ? { is: 'frame', frame: value as unknown as PlainFrame } : undefined
  const frame = readEntry(value)
  return frame === undefined ? undefined : { is: 'entry', frame }
}

/**
 * An entry. One of an unknown type is passed on as it is, one that is not as its type promises as `malformed`: both have
 * to be acknowledged. Undefined for what has no position.
 */
export function readEntry(value: unknown): EntryFrame | undefined {
  if (!isObject(value)) return undefined
  const shape = shapeOf(entryShapes, value.type)
  if (shape !== undefined && fits(value, shape) && (value.type !== 'gone' || (value.from as number) <= (value.to as number))) {
    return value as unknown as EntryFrame
  }
  const { mailbox } = value
  if (!text(mailbox) || !seq(value.seq)) return undefined
  const entry = shape === undefined ? value : { type: 'malformed', mailbox, seq: value.seq }
  return entry as unknown as EntryFrame
}

/** The answer to a message; undefined for what is none. */
export function readAccepted(value: unknown): Accepted | undefined {
  return isObject(value) && fits(value, frameShapes.accepted) ? (value as unknown as Accepted) : undefined
}

/** Where an entry stands: its last seq, which is the one to acknowledge. */
export function lastSeqOf(entry: EntryFrame): number {
  return entry.type === 'gone' ? entry.to : entry.seq
}

function shapeOf<shape>(shapes: Readonly<Record<string, shape>>, type: unknown): shape | undefined {
  return typeof type === 'string' && Object.hasOwn(shapes, type) ? shapes[type] : undefined
}

function fits(value: Members, shape: Readonly<Record<string, Fits>>): boolean {
  for (const name in shape) if (!shape[name]!(Object.hasOwn(value, name) ? value[name] : undefined)) return false
  return true
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
