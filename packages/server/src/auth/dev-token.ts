import { SignJWT } from 'jose'
import type { Clock } from '../clock.ts'
import type { Secret } from './secret.ts'

export interface TokenRequest {
  readonly secret: Secret
  readonly clock: Clock
  readonly userId: string
  readonly deviceId?: string | undefined
  /** A display name, for applications: the server does not read it. */
  readonly name?: string | undefined
  readonly ttlMs: number
}

/** Makes an HS256 token that the authenticator accepts. `expiresAt`: milliseconds since 1970, a full second. */
export async function mintToken(request: TokenRequest): Promise<{ token: string; expiresAt: number }> {
  const { secret, clock, userId, deviceId, name, ttlMs } = request
  const issuedAt = Math.floor(clock.now() / 1000)
  const expires = Math.ceil((clock.now() + ttlMs) / 1000)
  const claims = { userId, ...(deviceId === undefined ? {} : { deviceId }), ...(name === undefined ? {} : { name }) }
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(issuedAt)
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(secret.reveal()))
  return { token, expiresAt: expires * 1000 }
}
