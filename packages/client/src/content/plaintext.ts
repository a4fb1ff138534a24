import { decodeCbor, encodeCbor } from './cbor.ts'
import { ContentFailure } from './failure.ts'
import { contentLimits } from './limits.ts'

/**
 * What MLS encrypts: the message, and what its sender tells with every sending of it. The message keeps its bytes, and
 * so its id, when it has to be encrypted again in a later epoch; what is told beside it does not.
 */
export interface Plaintext {
  /** The sender's device list as the sender knows it: readers with an older one fetch the newer. */
  readonly deviceList: { readonly version: number; readonly hash: Uint8Array }
  /** What the sender had seen of the group's log in this epoch. */
  readonly seen: { readonly seq: number; readonly digest: Uint8Array } | undefined
  /** `encodeEnvelope` of the message. */
  readonly envelope: Uint8Array
}

const version = 1
const hashBytes = 32

/** CBOR: `[1, list version, list hash, seq | null, digest | null, envelope]`. */
export function encodePlaintext({ deviceList, seen, envelope }: Plaintext): Uint8Array {
  return encodeCbor([version, deviceList.version, deviceList.hash, seen?.seq ?? null, seen?.digest ?? null, envelope])
}

/** @throws ContentFailure. */
export function decodePlaintext(bytes: Uint8Array): Plaintext {
  const parts = decodeCbor(bytes, bounds)
  if (!Array.isArray(parts) || parts.length < 6) throw new ContentFailure('malformed', 'the plaintext is no list of six')
  const [given, listVersion, listHash, seq, digest, envelope] = parts as unknown[]
  if (given !== version) throw new ContentFailure('unsupported', `version ${String(given)} of the plaintext is not known here`)
  if (!isCount(listVersion) || !isBytes(listHash, hashBytes) || !(envelope instanceof Uint8Array)) throw malformed()
  if (seq === null && digest === null) return { deviceList: { version: listVersion, hash: listHash }, seen: undefined, envelope }
  if (!isCount(seq) || !isBytes(digest, hashBytes)) throw malformed()
  return { deviceList: { version: listVersion, hash: listHash }, seen: { seq, digest }, envelope }
}

const bounds = { bytesMax: 2 * contentLimits.envelopeBytes, depthMax: 4 }

const malformed = () => new ContentFailure('malformed', 'a part of the plaintext has the wrong shape')
const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isBytes = (value: unknown, length: number): value is Uint8Array => value instanceof Uint8Array && value.length === length
