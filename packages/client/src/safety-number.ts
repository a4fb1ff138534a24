import type { SafetyNumberSnapshot } from './sync/core-api.ts'

/**
 * Over the identity keys of two users, the same on both sides: compared in person or by a call, it shows that nobody is in
 * between.
 * @example
 * const number = await sotto.safetyNumber('bob')
 * console.log(number.digits) // '12345 67890 …', twelve groups of five
 * await number.verify(scanned) // what the other's screen shows
 */
export class SafetyNumber {
  readonly userId: string
  readonly digits: string
  /** To be shown as a QR code. */
  readonly qrPayload: string
  /** The user has been verified on this device. */
  readonly verified: boolean
  private readonly check: (scannedOrTyped: string) => Promise<void>

  /** Made by the SDK alone. */
  constructor({ userId, digits, qrPayload, verified }: SafetyNumberSnapshot, check: (scannedOrTyped: string) => Promise<void>) {
    this.userId = userId
    this.digits = digits
    this.qrPayload = qrPayload
    this.verified = verified
    this.check = check
  }

  /** Marks the user verified if this is the same number. @throws SottoClientError `not_verified`. */
  async verify(scannedOrTyped: string): Promise<void> {
    await this.check(scannedOrTyped)
  }
}
