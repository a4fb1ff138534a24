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
  /** The user has another identity key than before, and nothing is sent until it is accepted or verified. */
  readonly changed: boolean
  private readonly check: (scannedOrTyped: string) => Promise<void>
  private readonly trust: () => Promise<void>

  /** Made by the SDK alone. */
  constructor(
    { userId, digits, qrPayload, verified, changed }: SafetyNumberSnapshot,
    check: (scannedOrTyped: string) => Promise<void>,
    trust: () => Promise<void>,
  ) {
    this.userId = userId
    this.digits = digits
    this.qrPayload = qrPayload
    this.verified = verified
    this.changed = changed
    this.check = check
    this.trust = trust
  }

  /** Marks the user verified if this is the same number. @throws SottoClientError `not_verified`. */
  async verify(scannedOrTyped: string): Promise<void> {
    await this.check(scannedOrTyped)
  }

  /**
   * Trusts the key that this number was made of, unverified, and sends what waited; for after a restart, as `accept()` of
   * `identityChanged`. @throws SottoClientError `identity_changed` when it has changed once more.
   */
  async accept(): Promise<void> {
    await this.trust()
  }
}
