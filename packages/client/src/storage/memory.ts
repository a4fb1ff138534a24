import { SottoClientError } from '../errors.ts'
import { boundsOf } from './bounds.ts'
import type { ClientStorage, Collection, Item, OpenStorage } from './storage.ts'

/** An ordered map: `keys` are sorted by UTF-16 code units. */
interface Ordered {
  readonly keys: string[]
  readonly values: Map<string, Uint8Array>
}

/**
 * Storage that ends with the process, for tests and for devices that are thrown away. What was written is there again
 * when the same object is opened once more; nothing is sealed.
 *
 * @example const sotto = await Sotto.open({ url, token, storage: memoryStorage() })
 */
export function memoryStorage(): ClientStorage {
  const collections = new Map<Collection, Ordered>()
  const lock = turns()
  return {
    name: `memory:${crypto.randomUUID()}`,
    sharing: 'process',
    async open({ wait = false, signal } = {}) {
      signal?.throwIfAborted()
      if (wait) await lock.wait(signal)
      else if (!lock.take()) throw new SottoClientError('storage_in_use', 'This memory storage is open already: close it first.')
      return opened(collections, lock.release)
    },
  }
}

function opened(collections: Map<Collection, Ordered>, release: () => void): OpenStorage {
  let closed = false
  const refuseClosed = () => {
    if (closed) throw new SottoClientError('storage_closed')
  }
  return {
    async get(collection, key) {
      refuseClosed()
      return collections.get(collection)?.values.get(key)?.slice()
    },
    async range(collection, range) {
      refuseClosed()
      const ordered = collections.get(collection)
      const bounds = boundsOf(range)
      if (ordered === undefined || bounds === undefined) return []
      const begin = placeOf(ordered.keys, bounds.from)
      const end = bounds.until === undefined ? ordered.keys.length : placeOf(ordered.keys, bounds.until)
      const count = Math.min(end - begin, bounds.limit ?? Number.POSITIVE_INFINITY)
      const keys = bounds.reverse ? ordered.keys.slice(end - count, end).reverse() : ordered.keys.slice(begin, begin + count)
      return keys.map((key): Item => ({ key, value: (ordered.values.get(key) as Uint8Array).slice() }))
    },
    async write(changes) {
      refuseClosed()
      for (const { collection, key, value } of changes) {
        const ordered = collections.get(collection) ?? { keys: [], values: new Map() }
        collections.set(collection, ordered)
        if (value === undefined) remove(ordered, key)
        else put(ordered, key, value.slice())
      }
    },
    async close() {
      if (closed) return
      closed = true
      release()
    },
  }
}

function put({ keys, values }: Ordered, key: string, value: Uint8Array): void {
  if (!values.has(key)) {
    const last = keys.at(-1)
    if (last === undefined || last < key) keys.push(key)
    else keys.splice(placeOf(keys, key), 0, key)
  }
  values.set(key, value)
}

function remove({ keys, values }: Ordered, key: string): void {
  if (values.delete(key)) keys.splice(placeOf(keys, key), 1)
}

/** Where a key stands, or would: the number of keys before it. */
function placeOf(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}

interface Turns {
  /** Whether it was free, and is now taken. */
  take(): boolean
  /** Resolves when it is this one's turn; rejects with the signal's reason when that comes first. */
  wait(signal?: AbortSignal): Promise<void>
  release(): void
}

/** A lock whose waiters come in turn. */
function turns(): Turns {
  let taken = false
  const waiting: (() => void)[] = []
  return {
    take() {
      if (taken) return false
      taken = true
      return true
    },
    wait(signal) {
      if (this.take()) return Promise.resolve()
      return new Promise((resolve, reject) => {
        const granted = () => {
          signal?.removeEventListener('abort', aborted)
          resolve()
        }
        const aborted = () => {
          waiting.splice(waiting.indexOf(granted), 1)
          reject(signal?.reason)
        }
        signal?.addEventListener('abort', aborted, { once: true })
        waiting.push(granted)
      })
    },
    release() {
      const next = waiting.shift()
      if (next === undefined) taken = false
      else next()
    },
  }
}
