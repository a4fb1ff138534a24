import type { RouteInput } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Store } from '../store/store.ts'
import { requireKeyPackage } from './key-package-header.ts'

/**
 * Adds MLS key packages of the calling device: how many it has now, last-resort ones not counted. Throws `bad_request`,
 * `key_conflict`, `limit_reached` (KEY_PACKAGES, USER_DEVICES).
 */
export async function addKeyPackages(
  store: Store,
  caller: Caller,
  { ciphersuite, keyPackages, lastResort }: RouteInput<'POST /key-packages'>['body'],
): Promise<number> {
  for (const keyPackage of keyPackages) requireKeyPackage(keyPackage, ciphersuite)
  if (lastResort !== undefined) requireKeyPackage(lastResort, ciphersuite)
  return await store.addKeyPackages(await caller.device(), { ciphersuite, keyPackages, lastResort: lastResort ?? null })
}
