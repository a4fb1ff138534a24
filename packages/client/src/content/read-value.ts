import type { CborValue } from './cbor.ts'
import { ContentFailure } from './failure.ts'

/** Readers of one value each; all throw ContentFailure `malformed` and name what was read. */

/** The latest time that a JavaScript Date can say, milliseconds since 1970. */
export const timeMax = 8_640_000_000_000_000

export function readText(value: CborValue | undefined, what: string): string {
  if (typeof value !== 'string') throw wrong(what, 'a text')
  return value
}

export function readBytes(value: CborValue | undefined, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw wrong(what, 'bytes')
  return value
}

export function readList(value: CborValue | undefined, what: string): readonly CborValue[] {
  if (!Array.isArray(value)) throw wrong(what, 'an array')
  return value
}

export function readMap(value: CborValue | undefined, what: string): ReadonlyMap<number | string, CborValue> {
  if (!(value instanceof Map)) throw wrong(what, 'a map')
  return value
}

export function readFlag(value: CborValue | undefined, what: string): boolean {
  if (typeof value !== 'boolean') throw wrong(what, 'true or false')
  return value
}

export function readInteger(value: CborValue | undefined, what: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw wrong(what, `an integer from ${min} to ${max}`)
  }
  return value
}

export const readTime = (value: CborValue | undefined, what: string): number => readInteger(value, what, 0, timeMax)

/** What `read` makes of a value that is there. */
export function readOptional<read>(
  value: CborValue | undefined,
  what: string,
  read: (value: CborValue, what: string) => read,
): read | undefined {
  return value === undefined || value === null ? undefined : read(value, what)
}

function wrong(what: string, wanted: string): ContentFailure {
  return new ContentFailure('malformed', `${what} is not ${wanted}`)
}
