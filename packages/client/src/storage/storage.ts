/**
 * Where a device keeps what it knows: MLS state, cursors, plaintext, outbox, identity. One contract, one conformance
 * suite (`storage.suite.ts`), several adapters: memory, IndexedDB, SQLite.
 *
 * It is an ordered map for each collection. Keys are text, ordered by UTF-16 code units as JavaScript compares
 * strings, and are kept in the clear; values are sealed by the adapter (memory excepted), bound to their collection
 * and key, so that one value cannot stand in the place of another.
 */
export interface ClientStorage {
  /** The same for two that share data: it names the lock, and in browsers the channel between tabs. */
  readonly name: string
  /** `tabs`: several pages may want it at once and elect a leader; `process`: a second opener is refused. */
  readonly sharing: 'tabs' | 'process'
  /**
   * Takes the one writer's lock and opens. With `wait`, waits for its turn until `signal` aborts.
   * @throws `storage_in_use` without `wait`, `storage_unreadable` (wrong key or passphrase, damaged), `storage_newer`.
   */
  open(options?: { readonly wait?: boolean; readonly signal?: AbortSignal }): Promise<OpenStorage>
}

export interface OpenStorage {
  /** @throws `storage_unreadable` when the value does not open: tampered with, or of another key. */
  get(collection: Collection, key: string): Promise<Uint8Array | undefined>
  /** Items in the order of their keys, or the reverse, within the bounds. */
  range(collection: Collection, range?: Range): Promise<readonly Item[]>
  /**
   * All changes or none, on disk when it resolves (strict durability, SQLite synchronous=FULL). A later change of the
   * same key in the list wins. @throws `storage_full`, `storage_closed`.
   */
  write(changes: readonly Change[]): Promise<void>
  /**
   * Waits for writes under way, releases the lock. Idempotent. With `atOnce` waits for nothing, where that can be: for a page
   * that may not run any more a moment later. Each write under way is then kept whole or not at all, as after a crash.
   */
  close(how?: { readonly atOnce?: boolean }): Promise<void>
}

/** One collection for each kind of thing; the keys of each are said beside its reader. */
export const collections = [
  'device',
  'mls',
  'keyPackages',
  'contacts',
  'conversations',
  'messages',
  'messageIds',
  'inbox',
  'outbox',
  'cursors',
  'later',
] as const

export type Collection = (typeof collections)[number]

/** Bounds are exclusive. `prefix` limits to keys that begin with it. */
export interface Range {
  readonly prefix?: string
  readonly after?: string
  readonly before?: string
  readonly limit?: number
  readonly reverse?: boolean
}

export interface Item {
  readonly key: string
  readonly value: Uint8Array
}

/** `value` undefined: delete. */
export interface Change {
  readonly collection: Collection
  readonly key: string
  readonly value: Uint8Array | undefined
}
