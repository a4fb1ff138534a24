/** Why a token is refused: for the operator's counters and debug log. The caller is not told more than "expired". */
export type TokenRefusal =
  /** Longer than 8 KiB, or no text. */
  | 'size'
  /** Not three parts of canonical base64url. */
  | 'form'
  /** The header is no JSON object, names a member twice, has a `kid` that is no text, or asks for `crit` or `b64`. */
  | 'header'
  /** `typ` is that of something else than an access token. */
  | 'type'
  /** Not the algorithm that is configured. */
  | 'algorithm'
  /** Signed by a key that is not in the key set, or that is too weak to be believed. */
  | 'key'
  | 'signature'
  /** The claims are no JSON object, name a member twice, or `exp`, `nbf`, `iat` is missing or no time in seconds. */
  | 'claims'
  | 'issuer'
  | 'audience'
  | 'notYetValid'
  | 'expired'
  /** The user claim is missing or no user id. */
  | 'user'
  /** The `deviceId` claim is no device id. */
  | 'device'
  /** The keys cannot be had; the token may be fine. */
  | 'keysUnavailable'

export type TokenOutcome = 'verified' | 'cached' | TokenRefusal

/** Stays within this folder: `createAuthenticator` turns it into a SottoError. */
export class RefusedToken extends Error {
  readonly reason: TokenRefusal

  constructor(reason: TokenRefusal) {
    super(reason)
    this.reason = reason
  }
}
