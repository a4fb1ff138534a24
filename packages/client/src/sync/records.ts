import { decode } from '../cbor/decode.ts'
import { encode } from '../cbor/encode.ts'
import type { Roster } from '../membership/membership.ts'
import { decodeRoster, encodeRoster } from '../membership/roster.ts'
import type { ConversationState, PendingCommit } from './conversation-state.ts'

const depthMax = 32

/** Values of the storage's collections as bytes: CBOR (RFC 8949) of plain values. */
export function pack(value: unknown): Uint8Array {
  return encode(value)
}

export function unpack<value>(bytes: Uint8Array): value {
  return decode(bytes, { depthMax, stored: true }) as value
}

type WithRosterBytes<state> = Omit<state, 'roster'> & { readonly roster: Uint8Array }

const withRosterBytes = <state extends { readonly roster: Roster }>(state: state): WithRosterBytes<state> => ({
  ...state,
  roster: rosterBytes(state.roster),
})

/** Rosters are immutable, and a conversation is written with every message: each is encoded once. */
const encodedRosters = new WeakMap<Roster, Uint8Array>()

function rosterBytes(roster: Roster): Uint8Array {
  const known = encodedRosters.get(roster)
  if (known !== undefined) return known
  const bytes = encodeRoster(roster)
  encodedRosters.set(roster, bytes)
  return bytes
}

export function packConversation(state: ConversationState): Uint8Array {
  return pack(withRosterBytes(state))
}

export function unpackConversation(bytes: Uint8Array): ConversationState {
  const state = unpack<WithRosterBytes<ConversationState>>(bytes)
  return { ...state, roster: decodeRoster(state.roster) }
}

export function packPending(pending: PendingCommit): Uint8Array {
  return pack(withRosterBytes(pending))
}

export function unpackPending(bytes: Uint8Array): PendingCommit {
  const pending = unpack<WithRosterBytes<PendingCommit>>(bytes)
  return { ...pending, roster: decodeRoster(pending.roster) }
}

/** What this device is: kept under the key `self` of the collection `device`. */
export interface DeviceRecord {
  readonly userId: string
  readonly deviceId: string
  readonly name: string | undefined
  readonly signature: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }
  readonly seal: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }
  /** Undefined until the device is linked. */
  readonly identity: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array } | undefined
  /** Of a rotation that the server may or may not have taken. */
  readonly nextIdentity: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array } | undefined
  /** Devices that were taken out of the list, and perhaps not yet off the server. */
  readonly revoking: readonly string[]
  readonly credential: Uint8Array | undefined
  /** `new`: nothing of it has reached the server for sure; `listed`: the device list names it. */
  readonly stage: 'new' | 'linking' | 'listed'
  /** Of linking: what the code carries beside the public keys. */
  readonly linkSecret: Uint8Array | undefined
}
