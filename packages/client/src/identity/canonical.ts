import { decode } from '../cbor/decode.ts'
import { encode } from '../cbor/encode.ts'
import { TrustFailure } from './trust-failure.ts'

/**
 * The one form of everything that is signed, hashed or stored here: CBOR (RFC 8949 section 4.2, deterministic) of
 * `[label, value]`. The label says what it is for, once for each use, so that what was made for one is nothing to
 * another; lengths are part of CBOR, so that no two values share an encoding.
 */
export type Plain = null | boolean | number | string | Uint8Array | readonly Plain[]

export function toCanonical(label: string, value: Plain): Uint8Array {
  return plainBytes([label, value])
}

/** The value in these bytes. @throws TrustFailure `malformed`: another label, more than `bytesMax`, any other form of the same. */
export function fromCanonical(label: string, bytes: Uint8Array, bytesMax: number): unknown {
  const [found, value] = readTuple(readPlain(bytes, bytesMax), 2)
  if (found !== label) throw malformed(`not a ${label}`)
  return value
}

/** Without a label: only where bytes are short of room and a version of their own stands before them. */
export function plainBytes(value: Plain): Uint8Array {
  refuseBrokenText(value)
  return encode(value)
}

/** A lone surrogate has no UTF-8: it would be written as another text is. */
function refuseBrokenText(value: Plain): void {
  if (typeof value === 'string' && !value.isWellFormed()) throw malformed('text with a lone surrogate')
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) value.forEach(refuseBrokenText)
}

const depthMax = 32

/** @throws TrustFailure `malformed`. */
export function readPlain(bytes: Uint8Array, bytesMax: number): unknown {
  if (bytes.length > bytesMax) throw malformed(`more than ${bytesMax} bytes`)
  try {
    const value = decode(bytes, { depthMax })
    // What the decoder forgives (floats for integers, keys in any order) does not come back the same.
    if (sameBytes(encode(value), bytes)) return value
  } catch (cause) {
    throw new TrustFailure('malformed', 'no CBOR', { cause })
  }
  throw malformed('not deterministic')
}

export function malformed(detail: string): TrustFailure {
  return new TrustFailure('malformed', detail)
}

export function readList(value: unknown, lengthMax: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > lengthMax) throw malformed(`a list of at most ${lengthMax} expected`)
  return value
}

export function readTuple(value: unknown, length: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== length) throw malformed(`${length} values expected`)
  return value
}

export function readText(value: unknown): string {
  if (typeof value !== 'string') throw malformed('text expected')
  return value
}

/** An integer from 0. */
export function readCount(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed('a count expected')
  return value
}

export function readFlag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw malformed('true or false expected')
  return value
}

/** A copy: what was read does not change with what it was read from. */
export function readBytes(value: unknown, lengthMin: number, lengthMax: number = lengthMin): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length < lengthMin || value.length > lengthMax) {
    throw malformed(`${lengthMin} to ${lengthMax} bytes expected`)
  }
  return new Uint8Array(value)
}

/** Undefined stands as null. */
export function readOptional<value>(value: unknown, read: (value: unknown) => value): value | undefined {
  return value === null ? undefined : read(value)
}

/** For what is public: it takes no care of how long it takes. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}
