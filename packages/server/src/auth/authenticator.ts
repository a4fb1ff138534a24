import { SottoError } from '@sotto/protocol'
import { type CryptoKey, errors, type JWTPayload, jwtVerify } from 'jose'
import type { Clock } from '../clock.ts'
import { type JwksOptions, type KeySource, remoteKeys } from './jwks.ts'
import { repeatsMember } from './member-names.ts'
import type { Secret } from './secret.ts'
import { createTokenCache } from './token-cache.ts'
import { identityOf } from './token-claims.ts'
import { readToken } from './token-header.ts'
import { RefusedToken, type TokenOutcome, type TokenRefusal } from './token-refusal.ts'

/** Whom a token stands for. */
export interface Identity {
  readonly userId: string
  /** The device that the token is for; null: any of the user's. */
  readonly deviceId: string | null
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

export interface Authenticator {
  /** Throws `unauthenticated`, `token_expired`, or `overloaded` when the keys to tell with cannot be had. */
  verify(token: string): Promise<Identity>
  close(): void
}

export interface AuthenticatorOptions {
  readonly clock: Clock
  /** HS256 with this secret; the user is the `userId` claim. */
  readonly secret?: Secret
  /** RS256, ES256 or EdDSA with the keys of an issuer. Instead of `secret`. */
  readonly jwks?: JwksSettings
  /** Verified tokens that are remembered. */
  readonly cachedTokensMax?: number
  /** Called once for each verification: for counters and the debug log. */
  readonly onChecked?: (outcome: TokenOutcome) => void
}

export interface JwksSettings extends Omit<JwksOptions, 'clock' | 'onChanged'> {
  readonly issuer: string
  readonly audience: string
  readonly userClaim: string
}

const tokenLengthMax = 8_192
/** How far the issuer's clock may be ahead: for `nbf` and `iat`, not for `exp`. */
const toleranceMs = 30_000

/**
 * Verifies tokens (docs/http.md). The algorithm comes from configuration and key, never from the token.
 * @example
 * const authenticator = createAuthenticator({ secret, clock })
 * const { userId } = await authenticator.verify(token)
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { clock, secret, jwks, onChecked } = options
  if ((secret === undefined) === (jwks === undefined)) throw new TypeError('an authenticator needs a secret or a JWKS, not both')
  const cache = createTokenCache(options.cachedTokensMax ?? 10_000)
  let keySets = 0
  // A key that was withdrawn must not live on in what it once signed.
  const onChanged = () => {
    keySets += 1
    cache.clear()
  }
  const keys = secret === undefined ? remoteKeys({ ...jwks!, clock, onChanged }) : secretKey(secret)
  const userClaim = jwks?.userClaim ?? 'userId'
  const expected = jwks === undefined ? {} : { issuer: jwks.issuer, audience: jwks.audience }

  async function check(token: string): Promise<Identity> {
    const { header, payload } = readToken(token, keys.algorithms)
    const found = await keys.find(header)
    const now = clock.now()
    const claims = await verifySigned(token, found, {
      ...expected,
      algorithms: [header.alg],
      currentDate: new Date(now),
      clockTolerance: toleranceMs / 1000,
    })
    if (repeatsMember(Buffer.from(payload, 'base64url').toString())) throw new RefusedToken('claims')
    return identityOf(claims, { userClaim, now, toleranceMs })
  }

  async function verify(token: string): Promise<Identity> {
    if (typeof token !== 'string' || token.length > tokenLengthMax) throw new RefusedToken('size')
    const cached = cache.get(token)
    if (cached !== undefined) {
      keys.touch()
      if (cached.expiresAt > clock.now()) {
        onChecked?.('cached')
        return cached
      }
      cache.delete(token)
      throw new RefusedToken('expired')
    }
    const keySetsBefore = keySets
    const identity = await check(token)
    // The first set counts as a change too: then this token is verified once more.
    if (keySets === keySetsBefore) cache.put(token, identity)
    onChecked?.('verified')
    return identity
  }

  return {
    verify: (token) =>
      verify(token).catch((error: unknown) => {
        const reason = error instanceof RefusedToken ? error.reason : undefined
        if (reason === undefined && !(error instanceof SottoError && error.code === 'overloaded')) throw error
        onChecked?.(reason ?? 'keysUnavailable')
        throw reason === undefined ? error : told(reason)
      }),
    close: () => keys.close(),
  }
}

/** What the caller hears: which check failed would help those who forge. */
function told(reason: TokenRefusal): SottoError {
  return reason === 'expired' ? new SottoError('token_expired') : new SottoError('unauthenticated', 'the token is not accepted')
}

function secretKey(secret: Secret): KeySource {
  const bytes = new TextEncoder().encode(secret.reveal())
  const key = crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
  return {
    algorithms: ['HS256'],
    find: async () => [await key],
    touch: () => {},
    close: () => {},
  }
}

type VerifyOptions = NonNullable<Parameters<typeof jwtVerify>[2]>

/** Verifies with the first key that fits. Throws `RefusedToken`. */
async function verifySigned(token: string, keys: readonly CryptoKey[], options: VerifyOptions): Promise<JWTPayload> {
  let reason: TokenRefusal = 'key'
  for (const key of keys) {
    try {
      return (await jwtVerify(token, key, options)).payload
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new RefusedToken('expired')
      if (error instanceof errors.JWTClaimValidationFailed) throw new RefusedToken(refusalOf(error))
      if (error instanceof errors.JWTInvalid) throw new RefusedToken('claims')
      if (error instanceof errors.JWSSignatureVerificationFailed) reason = 'signature'
      // A key that must not be used, such as RSA of less than 2048 bits, is a TypeError.
      else if (!(error instanceof TypeError || error instanceof errors.JOSEError)) throw error
    }
  }
  throw new RefusedToken(reason)
}

function refusalOf(error: errors.JWTClaimValidationFailed): TokenRefusal {
  if (error.claim === 'iss') return 'issuer'
  if (error.claim === 'aud') return 'audience'
  return error.claim === 'nbf' && error.reason === 'check_failed' ? 'notYetValid' : 'claims'
}
