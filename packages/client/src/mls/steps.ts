import { decodeUint8, uint8Encoder } from 'ts-mls/codec/number.js'
import { mapDecoders } from 'ts-mls/codec/tlsDecoder.js'
import { encode } from 'ts-mls/codec/tlsEncoder.js'
import { decodeVarLenData, decodeVarLenType, varLenDataEncoder, varLenTypeEncoder } from 'ts-mls/codec/variableLength.js'
import { equalBytes, utf8, wipeBytes } from './bytes.ts'
import { type GroupState, MlsFailure, type Step } from './engine.ts'
import { deletions, epochChanges, recordsOf } from './epoch-records.ts'
import { decodeWhole } from './failures.ts'
import { type LoadedState, type PastEpoch, usable } from './group-state.ts'
import { secretsOfRatchet, window } from './ratchets.ts'
import { struct } from './record-codec.ts'
import { stateOf } from './state-records.ts'

/** The step into the first state of a group. */
export function firstStep(state: LoadedState): Step {
  return { state, changes: epochChanges(undefined, state), wipe: () => {} }
}

/** From an epoch into the next one: what can still be read of the ending one goes with it. */
export function nextEpoch(before: LoadedState, fresh: LoadedState): Step {
  const state = fresh.withPast([ended(before), ...before.parts.past].slice(0, window.epochsBack))
  return { state, changes: epochChanges(before, state), wipe: () => wipeUnused(before, state) }
}

/** Out of the group. */
export function leave(before: LoadedState): Step {
  return { state: before.gone(), changes: deletions(before), wipe: () => wipeBytes(secretsOf(before)) }
}

function wipeUnused(before: LoadedState, after: LoadedState): void {
  const still = secretsOf(after)
  wipeBytes([...secretsOf(before)].filter((secret) => !still.has(secret)))
}

/** What is left of an epoch when it has ended. */
function ended({ parts, ownLeaf, leaves }: LoadedState): PastEpoch {
  return {
    context: parts.context,
    senderDataSecret: parts.keySchedule.senderDataSecret,
    leaves,
    ratchets: new Map([...parts.ratchets].filter(([leaf]) => leaf !== ownLeaf)),
  }
}

/** Every secret that a state holds, but the device's signature key, which is not the group's. */
function secretsOf({ parts }: LoadedState): Set<Uint8Array> {
  const { epochAuthenticator: _shownToAll, ...schedule } = parts.keySchedule
  return new Set([
    ...Object.values(schedule),
    ...Object.values(parts.privatePath.privateKeys),
    ...parts.handshake.values(),
    ...[...parts.ratchets.values()].flatMap(secretsOfRatchet),
    ...parts.past.flatMap(({ senderDataSecret, ratchets }) => [
      senderDataSecret,
      ...[...ratchets.values()].flatMap(secretsOfRatchet),
    ]),
  ])
}

interface Pending {
  /** Authenticator of the epoch that the commit ends; empty: a commit from outside, which continues nothing. */
  readonly continues: Uint8Array
  readonly records: ReadonlyMap<string, Uint8Array>
}

const formatVersion = 1
const entryEncoder = struct([varLenDataEncoder, varLenDataEncoder], ([name, value]: readonly [string, Uint8Array]) => [
  utf8(name),
  value,
])
const decodeEntry = mapDecoders(
  [decodeVarLenData, decodeVarLenData],
  (name, value) => [new TextDecoder().decode(name), value] as const,
)
const encodePending = encode(
  struct([uint8Encoder, varLenDataEncoder, varLenTypeEncoder(entryEncoder)], ({ continues, records }: Pending) => [
    formatVersion,
    continues,
    [...records],
  ]),
)
const decodePending = mapDecoders(
  [decodeUint8, decodeVarLenData, decodeVarLenType(decodeEntry)],
  (version, continues, records): Pending => {
    if (version !== formatVersion) throw new MlsFailure('lost_state', 'written by another version')
    return { continues, records: new Map(records) }
  },
)

/** What is kept of a commit of one's own until the server has decided: the next epoch, and which one it continues. */
export const pendingOf = (before: LoadedState | undefined, fresh: LoadedState): Uint8Array =>
  encodePending({ continues: before?.epochAuthenticator ?? new Uint8Array(), records: recordsOf(fresh) })

/**
 * The step that was prepared. A commit from outside deletes what the device may have had of the group before.
 * @throws MlsFailure `lost_state` when the bytes are damaged, or continue another state than `current`.
 */
export function adopt(pending: Uint8Array, current: GroupState | undefined): Step {
  const { continues, records } = decodeWhole(decodePending, new Uint8Array(pending), 'lost_state')
  const fresh = stateOf(records)
  if (continues.length === 0) {
    if (current === undefined) return firstStep(fresh)
    const before = usable(current)
    if (before.groupId !== fresh.groupId) throw new MlsFailure('wrong_group')
    return { state: fresh, changes: epochChanges(before, fresh), wipe: () => wipeUnused(before, fresh) }
  }
  if (current === undefined) throw new MlsFailure('lost_state', 'the state that the commit continues is missing')
  const before = usable(current)
  if (before.groupId !== fresh.groupId) throw new MlsFailure('wrong_group')
  if (before.epoch + 1 !== fresh.epoch || !equalBytes(before.epochAuthenticator, continues)) {
    throw new MlsFailure('lost_state', 'the commit continues another state of the group')
  }
  return nextEpoch(before, fresh)
}
