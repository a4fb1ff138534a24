import { decode, encode, rfc8949EncodeOptions, Tokenizer, Type } from 'cborg'
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

const options = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowBigInt: false,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  retainStringBytes: true,
} as const

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The tokens of the library, each judged before anything is built of it. */
class BoundedTokenizer extends Tokenizer {
  /** Items that each open array or map still has to come. */
  private readonly open: number[] = []
  private readonly depthMax: number

  constructor(bytes: Uint8Array, depthMax: number) {
    super(bytes, options)
    this.depthMax = depthMax
  }

  override next() {
    while (this.open.at(-1) === 0) this.open.pop()
    const parent = this.open.length - 1
    if (parent >= 0) this.open[parent] = (this.open[parent] ?? 0) - 1
    const token = super.next()
    if (token.byteValue !== undefined) {
      // The library reads broken UTF-8 as U+FFFD and drops a leading U+FEFF.
      token.value = utf8.decode(token.byteValue)
    } else if (Type.equals(token.type, Type.array) || Type.equals(token.type, Type.map)) {
      const items: number = token.value * (Type.equals(token.type, Type.map) ? 2 : 1)
      if (!(items <= this.data.length - this.pos())) throw new RangeError('more items than bytes')
      this.open.push(items)
      if (this.open.length > this.depthMax) throw new RangeError(`nested deeper than ${this.depthMax}`)
    } else if (Type.equals(token.type, Type.tag)) {
      throw new RangeError('tags are not used')
    }
    return token
  }
}

/**
 * Reads one CBOR item (RFC 8949) that fills `bytes`. Refused: trailing bytes, duplicate keys, keys other than texts and
 * integers, indefinite lengths, tags, undefined and other simple values, NaN, infinities, integers beyond 2^53, integers
 * and lengths in longer form than needed, broken UTF-8.
 * @throws ContentFailure `malformed`.
 */
export function decodeCbor(bytes: Uint8Array, bounds: CborBounds): CborValue {
  if (bytes.length > bounds.bytesMax) throw new ContentFailure('malformed', `more than ${bounds.bytesMax} bytes`)
  try {
    const value: unknown = decode(bytes, { ...options, tokenizer: new BoundedTokenizer(bytes, bounds.depthMax) })
    return checked(value)
  } catch (cause) {
    if (cause instanceof ContentFailure) throw cause
    throw new ContentFailure('malformed', `not CBOR as it is used here: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  }
}

function checked(value: unknown): CborValue {
  if (value instanceof Map) {
    for (const [key, entry] of value) {
      if (typeof key !== 'string' && !Number.isInteger(key))
        throw new ContentFailure('malformed', 'a key is neither text nor integer')
      checked(entry)
    }
  } else if (Array.isArray(value)) {
    for (const entry of value) checked(entry)
  }
  return value as CborValue
}

/** Deterministic CBOR (RFC 8949 section 4.2): the same value gives the same bytes. Texts must be well-formed. */
export function encodeCbor(value: unknown): Uint8Array {
  // Copied: the library may answer with a view of a buffer that it uses again.
  return new Uint8Array(encode(value, rfc8949EncodeOptions))
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
