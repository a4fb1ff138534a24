import type { OneTimePreKey } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Store } from '../store/store.ts'
import { distinctPreKeys } from './rules.ts'

/** Adds one-time prekeys of the calling device: how many it has now. Throws `key_conflict`, `limit_reached` (PREKEYS, USER_DEVICES). */
export async function addPreKeys(store: Store, caller: Caller, preKeys: readonly OneTimePreKey[]): Promise<number> {
  const distinct = distinctPreKeys(preKeys)
  return await store.addPreKeys(await caller.device(), distinct)
}
