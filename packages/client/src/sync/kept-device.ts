import type { Clock } from '../clock.ts'
import type { MlsEngine } from '../mls/engine.ts'
import type { OpenStorage } from '../storage/storage.ts'
import type { Transport } from '../transport/transport.ts'
import { base64Url } from './base64.ts'
import { type DeviceRecord, pack, unpack } from './records.ts'

export interface IdentityPorts {
  readonly storage: OpenStorage
  readonly engine: MlsEngine
  readonly clock: Clock
  readonly transport: Pick<Transport, 'request'>
  readonly sleep: (delayMs: number) => Promise<void>
}

export interface LinkOptions {
  /** Shows the code: as a QR code, or to be copied to a device that is linked already. */
  readonly onCode: (code: string) => void
  /** How long to wait for the other device; default 10 minutes. */
  readonly timeoutMs?: number
}

const selfKey = 'self'

export async function loadDevice(storage: OpenStorage): Promise<DeviceRecord | undefined> {
  const value = await storage.get('device', selfKey)
  return value === undefined ? undefined : unpack<DeviceRecord>(value)
}

export async function keepDevice(storage: OpenStorage, device: DeviceRecord): Promise<void> {
  await storage.write([{ collection: 'device', key: selfKey, value: pack(device) }])
}

export function freshDeviceId(clock: Clock): string {
  return `d${base64Url(clock.random(9)).replaceAll('-', '.')}`
}
