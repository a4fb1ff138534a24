import { decode } from '../cbor/decode.ts'
import { encode } from '../cbor/encode.ts'
import { ContentFailure } from './failure.ts'

/** What CBOR is read into here: maps stay maps, so that no key can reach a prototype. */
export type CborValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<number | string, CborValue>

export interface CborBounds {
  /** Longer input is refused unread. */
  readonly bytesMax: number
  /** Arrays and maps inside each other. */
  readonly depthMax: number
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads one CBOR item (RFC 8949) that fills `bytes`. Refused: trailing bytes, duplicate keys, keys other than texts and
 * integers, indefinite lengths, tags, undefined and other simple values, NaN, infinities, integers beyond 2^53, integers
 * and lengths in longer form than needed, broken UTF-8.
 * @throws ContentFailure `malformed`.
 */
export function decodeCbor(bytes: Uint8Array, bounds: CborBounds): CborValue {
  if (bytes.length > bounds.bytesMax) throw new ContentFailure('malformed', `more than ${bounds.bytesMax} bytes`)
  try {
    return decode(bytes, { depthMax: bounds.depthMax }) as CborValue
  } catch (cause) {
    throw new ContentFailure('malformed', `not CBOR as it is used here: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
}

/** Deterministic CBOR (RFC 8949 section 4.2): the same value gives the same bytes. Texts must be well-formed. */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value)
}

export const utf8Bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** @throws ContentFailure `malformed` for anything but UTF-8; a leading U+FEFF is text like any other. */
export function utf8Text(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new ContentFailure('malformed', 'text is not UTF-8', { cause })
  }
}
