import type { RecordChange } from './engine.ts'
import type { LoadedState, PastEpoch } from './group-state.ts'
import type { Ratchets } from './ratchets.ts'
import { encodeGroup, encodePast, encodeRatchet, encodeSecrets, encodeTree } from './record-codec.ts'
import { chunkOf, names, untouched } from './state-records.ts'

type Records = Map<string, Uint8Array>

/** All records of a state. */
export function recordsOf(state: LoadedState): Records {
  const { parts, epoch, ownLeaf } = state
  const records: Records = new Map([
    [names.group, encodeGroup(parts)],
    [names.tree, encodeTree({ epoch: parts.context.epoch, tree: parts.tree })],
  ])
  const own = parts.ratchets.get(ownLeaf)
  if (own !== undefined) records.set(names.own(epoch), encodeRatchet(own))
  addRatchets(records, epoch, parts.ratchets, ownLeaf)
  addChunks(records, parts.handshake, (chunk) => names.handshake(epoch, chunk))
  for (const past of parts.past) addPast(records, past)
  return records
}

/**
 * From one state (undefined: nothing) to the first of the next epoch: what is new or other, and what has to go. Records
 * of an epoch that has just ended stay as they are, but for one's own ratchet and the handshake secrets.
 */
export function epochChanges(before: LoadedState | undefined, after: LoadedState): readonly RecordChange[] {
  const records = recordsOf(after)
  const old = before === undefined ? new Map<string, Uint8Array>() : recordsOf(before)
  const kept = new Set([...old].filter(([name, value]) => sameRecord(value, records.get(name))).map(([name]) => name))
  return [
    ...[...records].filter(([name]) => !kept.has(name)).map(([name, value]) => ({ name, value })),
    ...[...old.keys()].filter((name) => !records.has(name)).map((name) => ({ name, value: undefined })),
  ]
}

const sameRecord = (a: Uint8Array, b: Uint8Array | undefined) =>
  b !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i])

/** What deletes a group. */
export function deletions(state: LoadedState): readonly RecordChange[] {
  return [...recordsOf(state).keys()].map((name) => ({ name, value: undefined }))
}

function addPast(records: Records, past: PastEpoch): void {
  const epoch = Number(past.context.epoch)
  records.set(names.past(epoch), encodePast(past))
  addRatchets(records, epoch, past.ratchets, undefined)
}

function addRatchets(records: Records, epoch: number, ratchets: Ratchets, ownLeaf: number | undefined): void {
  addChunks(records, untouched(ratchets, ownLeaf), (chunk) => names.application(epoch, chunk))
  for (const [leaf, ratchet] of ratchets) {
    if (ratchet.generation > 0 && leaf !== ownLeaf) records.set(names.ratchet(epoch, leaf), encodeRatchet(ratchet))
  }
}

function addChunks(records: Records, secrets: ReadonlyMap<number, Uint8Array>, name: (chunk: number) => string): void {
  for (const [chunk, entries] of Map.groupBy(secrets, ([leaf]) => chunkOf(leaf))) records.set(name(chunk), encodeSecrets(entries))
}
