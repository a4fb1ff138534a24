/**
 * The part of the Indexed Database API (w3.org/TR/IndexedDB) that is used here. The compiler's own words for it come only
 * together with all of a browser's globals, which would let them slip into programs for Node.js.
 */
export interface IdbFactory {
  open(name: string, version: number): IdbOpenRequest
}

export interface IdbRequest<T> {
  readonly result: T
  readonly error: unknown
  onsuccess: (() => void) | null
  onerror: (() => void) | null
}

export interface IdbOpenRequest extends IdbRequest<IdbDatabase> {
  onupgradeneeded: (() => void) | null
}

export interface IdbDatabase {
  readonly objectStoreNames: { contains(name: string): boolean }
  createObjectStore(name: string): unknown
  transaction(
    stores: readonly string[],
    mode: 'readonly' | 'readwrite',
    options?: { readonly durability: 'strict' },
  ): IdbTransaction
  close(): void
  /** Somebody wants to delete or upgrade it, and waits for this connection to close. */
  onversionchange: (() => void) | null
  /** It was closed from outside: the user cleared the site's data, or the disk fails. */
  onclose: (() => void) | null
}

export interface IdbTransaction {
  readonly error: unknown
  objectStore(name: string): IdbObjectStore
  commit(): void
  abort(): void
  oncomplete: (() => void) | null
  onabort: (() => void) | null
}

export type IdbKey = readonly [collection: string, key: string]

export interface IdbObjectStore {
  get(key: IdbKey | string): IdbRequest<unknown>
  put(value: unknown, key: IdbKey | string): IdbRequest<unknown>
  delete(key: IdbKey | string): IdbRequest<undefined>
  count(): IdbRequest<number>
  getAll(range: IdbKeyRange, count?: number): IdbRequest<Uint8Array[]>
  getAllKeys(range: IdbKeyRange, count?: number): IdbRequest<IdbKey[]>
  openKeyCursor(range: IdbKeyRange, direction: 'prev'): IdbRequest<IdbKeyCursor | null>
  openCursor(range: IdbKeyRange, direction: 'prev'): IdbRequest<(IdbKeyCursor & { readonly value: Uint8Array }) | null>
}

export interface IdbKeyCursor {
  readonly key: IdbKey
  advance(count: number): void
}

/** Opaque: made and used by the browser. */
export type IdbKeyRange = object

interface IdbKeyRanges {
  bound(lower: readonly unknown[], upper: readonly unknown[], lowerOpen: boolean, upperOpen: boolean): IdbKeyRange
}

/** The browser's own, and what is missing elsewhere. */
export const web = globalThis as {
  readonly indexedDB?: IdbFactory
  readonly IDBKeyRange?: IdbKeyRanges
}

/** The result of a request. Rejects with the browser's error. */
export function answerOf<T>(request: IdbRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** Resolves once a transaction is on disk. Rejects when nothing of it was kept. */
export function completed(transaction: IdbTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error ?? new DOMException('The transaction was aborted.', 'AbortError'))
  })
}
