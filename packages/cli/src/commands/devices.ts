import { deviceLines } from '../chat/device-lines.ts'
import { printableName } from '../chat/printable.ts'
import { type DeviceOptions, withDevice } from '../device/with-device.ts'
import { UsageError } from '../refusal.ts'
import { printJson } from '../terminal.ts'

export interface DevicesOptions extends DeviceOptions {
  readonly revoke?: string
  readonly json?: boolean
}

/** `sotto devices`: lists them, lets one in, or takes one out. @throws UsageError, Refusal. */
export async function devicesCommand({ revoke, link, json, ...options }: DevicesOptions): Promise<void> {
  if (revoke !== undefined && link !== undefined) throw new UsageError('--revoke and --link exclude each other')
  const code = typeof link === 'string' ? link : undefined
  await withDevice({ ...options, ...(link === true ? { link } : {}) }, async ({ sotto }) => {
    if (code !== undefined) {
      const device = await sotto.linkDevice(code)
      if (json) return printJson({ linked: device })
      process.stdout.write(
        `linked ${printableName(device.name ?? device.deviceId)}: what is written from now on reaches it too\n`,
      )
      return
    }
    if (revoke !== undefined) {
      await sotto.revokeDevice(revoke)
      if (json) return printJson({ revoked: revoke })
      process.stdout.write(`revoked ${revoke}: your identity key is a new one, those who have verified you are told\n`)
      return
    }
    const devices = await sotto.devices()
    if (json) printJson({ userId: sotto.userId, devices })
    else process.stdout.write(`${deviceLines(devices).join('\n')}\n`)
  })
}
