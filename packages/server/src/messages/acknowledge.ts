import type { Ack, Device, Store } from '../store/store.ts'

/**
 * Moves a device's cursors. A device that acknowledges holds entries back from now on (docs/socket.md).
 * Throws `bad_request`, `forbidden`, `device_revoked`.
 */
export async function acknowledge(
  store: Pick<Store, 'openDevice' | 'acknowledge'>,
  { userId, deviceId }: Pick<Device, 'userId' | 'deviceId'>,
  acks: readonly Ack[],
): Promise<void> {
  const device = await store.openDevice({ userId, deviceId, holds: true })
  await store.acknowledge(device, acks)
}
