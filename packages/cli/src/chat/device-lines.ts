import type { DeviceSnapshot } from '@sotto/client'
import { printableName } from './printable.ts'

/** A user's devices, one a line. */
export function deviceLines(devices: readonly DeviceSnapshot[]): string[] {
  const width = Math.max(0, ...devices.map(({ deviceId }) => deviceId.length))
  return devices.map(({ deviceId, name, addedAt, current }) => {
    const day = new Date(addedAt).toISOString().slice(0, 10)
    const facts = [...(name === undefined ? [] : [printableName(name)]), `since ${day}`, ...(current ? ['this one'] : [])]
    return `  ${deviceId.padEnd(width)}  ${facts.join(', ')}`
  })
}
