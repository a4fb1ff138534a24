import type { Caller } from '../caller.ts'
import type { DeviceList, Store } from '../store/store.ts'

/** Puts the next version of the caller's signed device list. Throws `stale_version`, `limit_reached` (USER_DEVICES). */
export async function putDeviceList(store: Store, caller: Caller, list: DeviceList): Promise<void> {
  await store.putDeviceList(await caller.device(), list)
}
