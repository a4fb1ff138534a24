import { safetyNumberLines } from '../chat/lines.ts'
import { printableName } from '../chat/printable.ts'
import { type DeviceOptions, withDevice } from '../device/with-device.ts'
import { printJson } from '../terminal.ts'

export interface VerifyOptions extends DeviceOptions {
  readonly json?: boolean
}

/** `sotto verify USER [NUMBER]`: shows the safety number, or compares it. @throws UsageError, Refusal. */
export async function verifyCommand(
  user: string,
  numberWords: readonly string[],
  { json, ...options }: VerifyOptions,
): Promise<void> {
  await withDevice(options, async ({ sotto }) => {
    const number = await sotto.safetyNumber(user)
    const compared = numberWords.join(' ')
    if (compared !== '') await number.verify(compared)
    const { digits, qrPayload } = number
    const verified = compared !== '' || number.verified
    if (json) return printJson({ userId: user, digits, qrPayload, verified, changed: number.changed && !verified })
    const lines = compared === '' ? safetyNumberLines(number) : [`${printableName(user)} is verified: nobody is in between`]
    process.stdout.write(`${lines.join('\n')}\n`)
  })
}
