/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

export interface JsonBounds {
  /** Arrays and objects inside each other: a text has 0, `[]` has 1. */
  readonly depthMax: number
  /** Values in all, so that one object shared in many places cannot grow without end. */
  readonly valuesMax: number
  /** Maps with text keys, as CBOR is decoded here, are objects. Else they are refused. */
  readonly maps?: boolean
}

/** Why a value is no JSON; `path` says where. */
export class NotJson extends Error {
  constructor(path: string, what: string) {
    super(`${path} ${what}`)
    this.name = 'NotJson'
  }
}

/**
 * A copy of `value` that is JSON for certain: plain, without getters, cycles, holes, undefined, functions, symbols, bigints,
 * NaN, lone surrogates or a `__proto__`; -0 becomes 0.
 * @throws NotJson
 */
export function jsonCopy(value: unknown, bounds: JsonBounds, name = 'data'): JsonValue {
  let values = 0

  function copy(item: unknown, path: string, depth: number): JsonValue {
    values += 1
    if (values > bounds.valuesMax) throw new NotJson(name, `has more than ${bounds.valuesMax} values`)
    if (item === null || typeof item === 'boolean') return item
    if (typeof item === 'string') return text(item, path)
    if (typeof item === 'number') {
      if (!Number.isFinite(item)) throw new NotJson(path, 'is no finite number')
      return item === 0 ? 0 : item
    }
    if (typeof item !== 'object') throw new NotJson(path, `is a ${typeof item}, which JSON cannot say`)
    if (depth === bounds.depthMax) throw new NotJson(path, `is nested deeper than ${bounds.depthMax}, or contains itself`)
    if (Array.isArray(item)) return Array.from(item, (entry, index) => copy(entry, `${path}[${index}]`, depth + 1))
    const copied: Record<string, JsonValue> = {}
    for (const [key, entry] of entriesOf(item, path, bounds)) {
      if (typeof key !== 'string') throw new NotJson(path, 'has a key that is no text')
      if (key === '__proto__') throw new NotJson(path, 'has a key __proto__')
      copied[text(key, path)] = copy(entry, `${path}.${key.slice(0, 32)}`, depth + 1)
    }
    return copied
  }

  return copy(value, name, 0)
}

function text(value: string, path: string): string {
  if (!value.isWellFormed()) throw new NotJson(path, 'has a lone surrogate')
  return value
}

function entriesOf(item: object, path: string, bounds: JsonBounds): Iterable<readonly [unknown, unknown]> {
  if (bounds.maps === true && item instanceof Map) return item
  const prototype: unknown = Object.getPrototypeOf(item)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw new NotJson(path, 'is no plain object')
  if (Object.getOwnPropertySymbols(item).length > 0) throw new NotJson(path, 'has a symbol for a key')
  return Object.entries(item)
}
