import { type Leaf, MlsFailure, type RecordChange } from './engine.ts'
import { asFailure, decodeWhole } from './failures.ts'
import { LoadedState, type PastEpoch } from './group-state.ts'
import type { Ratchet, Ratchets } from './ratchets.ts'
import {
  decodeGroup,
  decodePast,
  decodeRatchet,
  decodeSecrets,
  decodeTree,
  encodeRatchet,
  encodeSecrets,
} from './record-codec.ts'

const chunkLeaves = 16
export const chunkOf = (leaf: number) => Math.floor(leaf / chunkLeaves)

/**
 * A group on disk. A message costs one small record, an epoch a set of new ones:
 *
 * - `group`: context, key schedule, private keys, and which epochs before it are kept; `tree`: the ratchet tree
 * - `<epoch>.own`: the ratchet one sends with; deleted when the epoch ends
 * - `<epoch>.a.<n>`: application secrets of the leaves 16n…16n+15 from which nothing has been read yet
 * - `<epoch>.r.<leaf>`: the ratchet of a leaf from which something was read; it is taken out of `a.<n>` in the same step
 * - `<epoch>.h.<n>`: handshake secrets of these leaves; deleted when the epoch ends
 * - `<epoch>.past`: context, sender data secret and leaves of an epoch that has ended
 *
 * No record holds a secret from which a key that was used could be derived: there is no tree of secrets, only those of
 * single leaves, and each of them is replaced when it turns.
 */
export const names = {
  group: 'group',
  tree: 'tree',
  own: (epoch: number) => `${epoch}.own`,
  past: (epoch: number) => `${epoch}.past`,
  application: (epoch: number, chunk: number) => `${epoch}.a.${chunk}`,
  handshake: (epoch: number, chunk: number) => `${epoch}.h.${chunk}`,
  ratchet: (epoch: number, leaf: number) => `${epoch}.r.${leaf}`,
}

/** From one state to a later one of the same epoch, in which the ratchet of one leaf has turned. */
export function ratchetChanges(after: LoadedState, leaf: number, epoch: number, wasUntouched: boolean): readonly RecordChange[] {
  if (epoch === after.epoch && leaf === after.ownLeaf) return ratchetRecord(names.own(epoch), after.parts.ratchets.get(leaf))
  const ratchets = ratchetsOfEpoch(after, epoch)
  const ratchet = ratchetRecord(names.ratchet(epoch, leaf), ratchets.get(leaf))
  if (!wasUntouched) return ratchet
  const own = epoch === after.epoch ? after.ownLeaf : undefined
  const rest = [...untouched(ratchets, own)].filter(([at]) => chunkOf(at) === chunkOf(leaf))
  const name = names.application(epoch, chunkOf(leaf))
  return [...ratchet, { name, value: rest.length === 0 ? undefined : encodeSecrets(rest) }]
}

const ratchetRecord = (name: string, ratchet: Ratchet | undefined): RecordChange[] =>
  ratchet === undefined ? [] : [{ name, value: encodeRatchet(ratchet) }]

const ratchetsOfEpoch = ({ parts, epoch: current }: LoadedState, epoch: number): Ratchets =>
  epoch === current ? parts.ratchets : (parts.past.find(({ context }) => Number(context.epoch) === epoch)?.ratchets ?? new Map())

export const untouched = (ratchets: Ratchets, ownLeaf: number | undefined): ReadonlyMap<number, Uint8Array> =>
  new Map(
    [...ratchets].flatMap(([leaf, { generation, secret }]) => (generation === 0 && leaf !== ownLeaf ? [[leaf, secret]] : [])),
  )

/** The state from its records. @throws MlsFailure `lost_state` when they are incomplete or cannot be read. */
export function stateOf(records: ReadonlyMap<string, Uint8Array>): LoadedState {
  try {
    const group = decodeWhole(decodeGroup, taken(records, names.group), 'lost_state')
    const { epoch, tree } = decodeWhole(decodeTree, taken(records, names.tree), 'lost_state')
    if (epoch !== group.context.epoch) throw new MlsFailure('lost_state', 'tree and keys are of different epochs')
    const at = Number(epoch)
    const ownLeaf = group.privatePath.leafIndex
    const ratchets = new Map(readRatchets(records, at))
    ratchets.set(ownLeaf, decodeWhole(decodeRatchet, taken(records, names.own(at)), 'lost_state'))
    const past = group.past.map((old) => readPast(records, Number(old)))
    const handshake = new Map(chunksOf(records, `${at}.h.`))
    const state = new LoadedState({ ...group, tree, ratchets, handshake, past })
    requireLeaves(state.leaves, ratchets)
    requireLeaves(state.leaves, handshake)
    for (const { leaves, ratchets: old } of past) requireLeaves(leaves, old, ownLeaf)
    return state
  } catch (error) {
    throw asFailure('lost_state', error)
  }
}

function readPast(records: ReadonlyMap<string, Uint8Array>, epoch: number): PastEpoch {
  const past = decodeWhole(decodePast, taken(records, names.past(epoch)), 'lost_state')
  return { ...past, ratchets: new Map(readRatchets(records, epoch)) }
}

/** Copied: what is decoded lies in the bytes, and is zeroed one day, which the caller's records must not be. */
function taken(records: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const value = records.get(name)
  if (value === undefined) throw new MlsFailure('lost_state', `record ${name} is missing`)
  return new Uint8Array(value)
}

function* readRatchets(records: ReadonlyMap<string, Uint8Array>, epoch: number): Generator<[number, Ratchet]> {
  for (const [leaf, secret] of chunksOf(records, `${epoch}.a.`)) yield [leaf, { secret, generation: 0, skipped: new Map() }]
  const prefix = `${epoch}.r.`
  for (const name of records.keys()) {
    if (!name.startsWith(prefix)) continue
    yield [Number(name.slice(prefix.length)), decodeWhole(decodeRatchet, taken(records, name), 'lost_state')]
  }
}

function* chunksOf(records: ReadonlyMap<string, Uint8Array>, prefix: string): Generator<[number, Uint8Array]> {
  for (const name of records.keys()) {
    if (name.startsWith(prefix)) yield* decodeWhole(decodeSecrets, taken(records, name), 'lost_state')
  }
}

function requireLeaves(leaves: readonly Leaf[], held: ReadonlyMap<number, unknown>, except?: number): void {
  const missing = leaves.find(({ index }) => index !== except && !held.has(index))
  if (missing !== undefined) throw new MlsFailure('lost_state', `the secrets of leaf ${missing.index} are missing`)
}
