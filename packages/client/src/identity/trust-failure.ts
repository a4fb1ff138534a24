/** Why bytes about who is who, or who is in, are not believed. Every failure has one of these reasons. */
export const trustFailureReasons = {
  malformed: 'The bytes have not the one form that they must have.',
  invalid_list: 'The device list names what no list may name.',
  wrong_user: 'It is about another user.',
  wrong_key: 'It belongs to another identity key.',
  wrong_version: 'What is signed has another version or identity key than what came with it.',
  bad_signature: 'The signature does not verify.',
  not_opened: 'What is sealed does not open: other keys, another secret, or changed bytes.',
} as const satisfies Record<string, string>

export type TrustFailureReason = keyof typeof trustFailureReasons

/** What `identity/` and the decoders of `membership/` throw. */
export class TrustFailure extends Error {
  readonly reason: TrustFailureReason

  constructor(reason: TrustFailureReason, detail?: string, options?: { readonly cause?: unknown }) {
    super(detail === undefined ? trustFailureReasons[reason] : `${trustFailureReasons[reason]} (${detail})`, options)
    this.name = 'TrustFailure'
    this.reason = reason
  }
}
