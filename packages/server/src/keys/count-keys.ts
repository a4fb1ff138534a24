import type { Caller } from '../caller.ts'
import type { KeyCounts, Store } from '../store/store.ts'

/** How many one-time keys the calling device has left: none while it is not registered. */
export async function countKeys(store: Store, caller: Caller): Promise<KeyCounts> {
  return caller.known === undefined ? { oneTimePreKeys: 0, keyPackages: 0 } : await store.countKeys(caller.known)
}
