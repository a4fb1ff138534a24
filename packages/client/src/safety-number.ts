import type { SafetyNumberSnapshot } from './sync/core-api.ts'

/**
 * Over the identity keys of two users, the same on both sides: compared in person or by a call, it shows that nobody is in
 * between.
 *
 * @example
 * const number = await sotto.safetyNumber('bob')
 * console.log(number.userId, number.digits) // 'bob', '12345 67890 …': twelve groups of five
 * show(number.qrPayload)
 * if (number.changed) console.log('another identity than before')
 * else console.log(number.verified ? 'verified' : 'not verified yet')
 */
export class SafetyNumber {
  /** The other of the two. */
  readonly userId: string
  /** 60 digits in twelve groups of five. */
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

  /**
   * Marks the user verified if this is the same number: digits as typed, or the text of the other's QR code.
   * @throws SottoClientError `not_verified`.
   * @example
   * const number = await sotto.safetyNumber('bob')
   * await number.verify(scanned)
   */
  async verify(scannedOrTyped: string): Promise<void> {
    await this.check(scannedOrTyped)
  }

  /**
   * Trusts the key that this number was made of, unverified, and sends what waited; for after a restart, as `accept()` of
   * `identityChanged`. @throws SottoClientError `identity_changed` when it has changed once more.
   * @example
   * const number = await sotto.safetyNumber('bob')
   * if (number.changed) await number.accept()
   */
  async accept(): Promise<void> {
    await this.trust()
  }
}
