import { decodeCbor, encodeCbor } from './cbor.ts'
import { ContentFailure } from './failure.ts'
import { readInteger, readList } from './read-value.ts'

/** What is inside an encrypted signal: ephemeral, never stored. */
export type SignalContent =
  | { readonly kind: 'typing'; readonly typing: boolean }
  /** Of a newer version: to be passed over. */
  | { readonly kind: 'unknown' }

/** Every signal has this many bytes, so that its kind does not show. */
export const signalBytes = 64

/** What newer versions may send at most; SIGNAL_BYTES of the server is above it, in base64 and encrypted. */
const signalBytesMax = 1_024

const kinds = { typing: 1 } as const

/** One byte of length, CBOR [kind, 1 started | 0 stopped], zeros up to 64 bytes. */
export function encodeSignal(signal: { readonly kind: 'typing'; readonly typing: boolean }): Uint8Array {
  const body = encodeCbor([kinds.typing, signal.typing ? 1 : 0])
  const padded = new Uint8Array(signalBytes)
  padded[0] = body.length
  padded.set(body, 1)
  return padded
}

/** @throws ContentFailure `malformed`. */
export function decodeSignal(bytes: Uint8Array): SignalContent {
  const length = bytes[0]
  if (length === undefined || bytes.length > signalBytesMax || 1 + length > bytes.length) {
    throw new ContentFailure('malformed', 'the signal has a wrong length')
  }
  if (bytes.subarray(1 + length).some((byte) => byte !== 0)) throw new ContentFailure('malformed', 'the padding is not zero')
  const [kind, value] = readList(decodeCbor(bytes.subarray(1, 1 + length), { bytesMax: 255, depthMax: 8 }), 'the signal')
  if (readInteger(kind, 'kind', 0, 65_535) !== kinds.typing) return { kind: 'unknown' }
  return { kind: 'typing', typing: readInteger(value, 'typing', 0, 1) === 1 }
}
