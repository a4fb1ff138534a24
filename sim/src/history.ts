import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/**
 * A history: what the outside saw, one JSON line an event, in the order in which it was seen. An event counts once the
 * observer has synced its line to disk. `info` means that the outcome is unknown: it may or may not have happened.
 */
export type HistoryEvent = {
  /** Monotonic milliseconds of the machine: comparable between its processes. */
  readonly at: number
} & (Situation | SendEvent | AckEvent | ClaimEvent | UploadEvent | SocketEvent | ServerEvent)

/** One installation of a user: `userId/deviceId`. */
export type DeviceName = string

type Situation =
  /** The device is known to the server: it is entitled to what is sent to its user from here on. */
  | { readonly event: 'device'; readonly device: DeviceName }
  /** Membership as the load generator knows it: asked for (`joining`, `leaving`), then certain (`joined`, `left`). */
  | {
      readonly event: 'member'
      readonly group: string
      readonly user: string
      readonly state: 'joining' | 'joined' | 'leaving' | 'left'
    }
  /** Devices that are alive and have read everything: the history is complete. */
  | { readonly event: 'end'; readonly devices: readonly DeviceName[] }

type SendEvent =
  | {
      readonly event: 'invoke'
      readonly op: 'send'
      readonly device: DeviceName
      readonly id: string
      readonly to: string
      readonly scope: 'direct' | 'group'
      /** Only this device of the recipient. */
      readonly target?: string
      readonly digest: string
    }
  | ({ readonly event: 'ok'; readonly op: 'send'; readonly device: DeviceName; readonly id: string } & Answer)
  | { readonly event: 'fail'; readonly op: 'send'; readonly device: DeviceName; readonly id: string; readonly code: string }
  | { readonly event: 'info'; readonly op: 'send'; readonly device: DeviceName; readonly id: string; readonly reason: string }

/** Where an accepted message stands. */
export interface Answer {
  readonly mailbox: string
  readonly seq: number
  readonly receivedAt: number
  readonly duplicate: boolean
}

/** `ok`: the server answered a ping that was sent after the acknowledgement. */
type AckEvent = {
  readonly event: 'invoke' | 'ok' | 'info'
  readonly op: 'ack'
  readonly device: DeviceName
  readonly session: string
  readonly mailbox: string
  readonly seq: number
}

type ClaimEvent = { readonly op: 'claim'; readonly device: DeviceName; readonly id: string } & (
  | { readonly event: 'invoke'; readonly user: string }
  /** `key`: null when none was left. */
  | { readonly event: 'ok'; readonly of: DeviceName; readonly key: PreKey | null }
  | { readonly event: 'fail'; readonly code: string }
  | { readonly event: 'info'; readonly reason: string }
)

type UploadEvent = { readonly op: 'upload'; readonly device: DeviceName; readonly id: string } & (
  | { readonly event: 'invoke'; readonly keys: readonly PreKey[] }
  | { readonly event: 'ok' }
  | { readonly event: 'fail'; readonly code: string }
  | { readonly event: 'info'; readonly reason: string }
)

export interface PreKey {
  readonly keyId: number
  /** Digest of the public key. */
  readonly digest: string
}

type SocketEvent =
  | { readonly event: 'connect'; readonly device: DeviceName; readonly session: string }
  | { readonly event: 'synced'; readonly device: DeviceName; readonly session: string }
  | ({ readonly event: 'deliver'; readonly device: DeviceName; readonly session: string } & Delivered)
  /** What the application was given, after redeliveries were dropped. */
  | {
      readonly event: 'show'
      readonly device: DeviceName
      readonly mailbox: string
      readonly seq: number
      readonly from: DeviceName
      readonly id: string
      readonly digest: string
    }

/** A frame that stands for one or more numbers of a mailbox. `frame`: digest of the frame as it came. */
export type Delivered = { readonly mailbox: string; readonly seq: number; readonly frame: string } & (
  | {
      readonly type: 'msg'
      readonly from: DeviceName
      readonly id: string
      readonly digest: string
      readonly receivedAt: number
    }
  | { readonly type: 'own'; readonly id: string; readonly receivedAt: number }
  | { readonly type: 'gone'; readonly to: number; readonly reason: string }
  /** Any other entry (`membership`). */
  | { readonly type: 'other'; readonly receivedAt: number }
)

type ServerEvent =
  /** The server died without a chance to write anything more. */
  | { readonly event: 'crash'; readonly how: string }
  /** The server was asked to end, and did. */
  | { readonly event: 'stop' }
  | { readonly event: 'restart' }
  | { readonly event: 'nemesis'; readonly what: string; readonly on: boolean }

/** An event before it is stamped with its time. */
export type Unstamped = HistoryEvent extends infer each ? (each extends unknown ? Omit<each, 'at'> : never) : never

export function userOf(device: DeviceName): string {
  return device.slice(0, device.lastIndexOf('/'))
}

/** A short name for content: equal digests, equal content. */
export function digestOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}

/** Reads what an observer wrote. Throws on a line that is not an event. */
export function readHistory(file: string): HistoryEvent[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  if (lines.pop() !== '') throw new Error(`${file} ends within a line`)
  return lines.map((line) => JSON.parse(line) as HistoryEvent)
}
