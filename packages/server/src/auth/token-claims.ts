import { deviceId, userId } from '@sotto/protocol'
import type { Identity } from './authenticator.ts'
import { RefusedToken } from './token-refusal.ts'

/** Year 10000 in seconds: beyond it `exp` was most likely written in milliseconds, which would make it last for ever. */
const secondsMax = 253_402_300_800

export interface ClaimRules {
  readonly userClaim: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** How far the issuer's clock may be ahead of ours. */
  readonly toleranceMs: number
}

/** The identity that verified claims stand for. Throws `RefusedToken`. */
export function identityOf(claims: Readonly<Record<string, unknown>>, rules: ClaimRules): Identity {
  const { exp, iat } = claims
  if (!Number.isSafeInteger(exp) || (exp as number) >= secondsMax) throw new RefusedToken('claims')
  const expiresAt = (exp as number) * 1000
  // No tolerance here: open sockets are closed at this time.
  if (expiresAt <= rules.now) throw new RefusedToken('expired')
  if (typeof iat === 'number' && iat * 1000 > rules.now + rules.toleranceMs) throw new RefusedToken('notYetValid')
  const user = userId.safeParse(claims[rules.userClaim])
  if (!user.success) throw new RefusedToken('user')
  return Object.freeze({ userId: user.data, deviceId: deviceOf(claims), expiresAt })
}

function deviceOf(claims: Readonly<Record<string, unknown>>): string | null {
  if (claims.deviceId === undefined) return null
  const device = deviceId.safeParse(claims.deviceId)
  if (!device.success) throw new RefusedToken('device')
  return device.data
}
