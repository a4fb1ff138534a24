import type { Range } from './storage.ts'

/** A range as every adapter reads it: keys from `from` on, up to and without `until`. */
export interface Bounds {
  readonly from: string
  /** Undefined: to the last key. */
  readonly until: string | undefined
  /** Undefined: all of them. */
  readonly limit: number | undefined
  readonly reverse: boolean
}

/** Undefined when no key can lie within the range. */
export function boundsOf({ prefix = '', after, before, limit, reverse = false }: Range = {}): Bounds | undefined {
  if (limit !== undefined && limit <= 0) return undefined
  // No text lies between a text and the same text with a NUL behind it.
  const next = after === undefined ? '' : `${after}\0`
  const from = next > prefix ? next : prefix
  const end = endOf(prefix)
  const until = before !== undefined && (end === undefined || before < end) ? before : end
  if (until !== undefined && from >= until) return undefined
  return { from, until, limit, reverse }
}

/** The first text behind all that begin with the prefix, by UTF-16 code units; undefined when there is none. */
function endOf(prefix: string): string | undefined {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const unit = prefix.charCodeAt(at)
    if (unit < 0xffff) return prefix.slice(0, at) + String.fromCharCode(unit + 1)
  }
  return undefined
}
