import type { RouteAnswer } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Store } from '../store/store.ts'

/** The caller's devices; `current` is the one that asks. */
export async function listDevices(store: Store, caller: Caller): Promise<RouteAnswer<'GET /devices'>> {
  const devices = await store.listDevices(caller.userId)
  return { devices: devices.map((device) => ({ ...device, current: device.deviceId === caller.deviceId })) }
}
