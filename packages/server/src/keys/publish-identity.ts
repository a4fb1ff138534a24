import type { RouteInput } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Store } from '../store/store.ts'

/** Publishes the calling device's keys; what is left out is withdrawn. Throws `limit_reached` (USER_DEVICES). */
export async function publishIdentity(
  store: Store,
  caller: Caller,
  { identityKey, signedPreKey, pqPreKey }: RouteInput<'POST /keys/identity'>['body'],
): Promise<void> {
  const device = await caller.device()
  await store.setIdentity(device, { identityKey, signedPreKey: signedPreKey ?? null, pqPreKey: pqPreKey ?? null })
}
