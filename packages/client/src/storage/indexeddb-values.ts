import type { Bounds } from './bounds.ts'
import { lastOfEach } from './changes.ts'
import { sealed, unsealed, type WebKey } from './indexeddb-seal.ts'
import {
  answerOf,
  completed,
  type IdbDatabase,
  type IdbKeyRange,
  type IdbObjectStore,
  type IdbTransaction,
  web,
} from './indexeddb-web.ts'
import type { Change, Collection, Item } from './storage.ts'

/** The object store of values: keys are [collection, key], which the browser orders as JavaScript orders text. */
export const valuesStore = 'values'

/** A change that is ready to be written. */
export interface SealedChange {
  readonly collection: Collection
  readonly key: string
  readonly value: Uint8Array | undefined
}

/** The sealed values in a database. Rejects with the browser's errors, or `storage_unreadable`. */
export interface IndexedDbValues {
  get(collection: Collection, key: string): Promise<Uint8Array | undefined>
  range(collection: Collection, bounds: Bounds): Promise<Item[]>
  /** Seals changes as they are now: what becomes of the caller's bytes later does not matter. */
  prepare(changes: readonly Change[]): Promise<readonly SealedChange[]>
  /** All steps in one transaction on disk, or none. */
  commit(steps: readonly (readonly SealedChange[])[]): Promise<void>
  /** Ends reads under way: in a page that does not run they would hold up the writes of others. */
  endReads(): void
}

export function indexedDbValues(db: IdbDatabase, key: WebKey): IndexedDbValues {
  let reading: IdbObjectStore | undefined
  const reads = new Set<IdbTransaction>()

  /** What is asked for in one go is read in one transaction, which costs as much as reading a hundred values. */
  function reader(): IdbObjectStore {
    if (reading === undefined) {
      const transaction = db.transaction([valuesStore], 'readonly')
      const ended = () => void reads.delete(transaction)
      Object.assign(transaction, { oncomplete: ended, onabort: ended })
      reads.add(transaction)
      reading = transaction.objectStore(valuesStore)
      queueMicrotask(() => {
        reading = undefined
      })
    }
    return reading
  }

  return {
    async get(collection, itemKey) {
      const found = await answerOf(reader().get([collection, itemKey]))
      return found === undefined ? undefined : unsealed(key, collection, itemKey, found)
    },
    async range(collection, bounds) {
      const { keys, values } = await readRange(reader(), collection, bounds)
      const items = keys.map(async ([, itemKey], at) => ({
        key: itemKey,
        value: await unsealed(key, collection, itemKey, values[at]),
      }))
      const inOrder = await Promise.all(items)
      return bounds.reverse ? inOrder.reverse() : inOrder
    },
    prepare(changes) {
      return Promise.all(
        lastOfEach(changes).map(async ({ collection, key: itemKey, value }) => ({
          collection,
          key: itemKey,
          value: value === undefined ? undefined : await sealed(key, collection, itemKey, value),
        })),
      )
    },
    async commit(steps) {
      const transaction = db.transaction([valuesStore], 'readwrite', { durability: 'strict' })
      const done = completed(transaction)
      const store = transaction.objectStore(valuesStore)
      for (const step of steps)
        for (const { collection, key: itemKey, value } of step) {
          if (value === undefined) store.delete([collection, itemKey])
          else store.put(value, [collection, itemKey])
        }
      transaction.commit()
      await done
    },
    endReads() {
      for (const transaction of reads) {
        try {
          transaction.abort()
        } catch {
          // It has ended, and its event is on the way.
        }
      }
    },
  }
}

/** The rows in rising order; of a reverse range with a limit, the last ones. */
async function readRange(store: IdbObjectStore, collection: Collection, { from, until, limit, reverse }: Bounds) {
  // An empty list comes behind every text.
  let range = keyRange([collection, from], [collection, until ?? []], true)
  if (reverse && limit === 1) return await readLast(store, range)
  if (reverse && limit !== undefined) {
    const first = await nthFromEnd(store, range, limit)
    if (first !== undefined) range = keyRange([collection, first], [collection, until ?? []], true)
  }
  const count = reverse ? undefined : limit
  const [keys, values] = await Promise.all([answerOf(store.getAllKeys(range, count)), answerOf(store.getAll(range, count))])
  return { keys, values }
}

/** In one request instead of three: the newest message of every conversation is read when a device opens. */
async function readLast(store: IdbObjectStore, range: IdbKeyRange) {
  const last = await answerOf(store.openCursor(range, 'prev'))
  return last === null ? { keys: [], values: [] } : { keys: [last.key], values: [last.value] }
}

/** Undefined when there are not that many. Two steps of a cursor, however many they are. */
function nthFromEnd(store: IdbObjectStore, range: IdbKeyRange, nth: number): Promise<string | undefined> {
  const request = store.openKeyCursor(range, 'prev')
  let moved = false
  return new Promise((resolve, reject) => {
    request.onerror = () => reject(request.error)
    request.onsuccess = () => {
      const cursor = request.result
      if (cursor === null || moved) return resolve(cursor?.key[1])
      moved = true
      cursor.advance(nth - 1)
    }
  })
}

function keyRange(lower: readonly unknown[], upper: readonly unknown[], upperOpen: boolean): IdbKeyRange {
  if (web.IDBKeyRange === undefined) throw new TypeError('IndexedDB is not available.')
  return web.IDBKeyRange.bound(lower, upper, false, upperOpen)
}
