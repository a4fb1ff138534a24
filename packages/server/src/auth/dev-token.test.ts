import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, it } from 'vitest'
import { createAuthenticator } from './authenticator.ts'
import { mintToken } from './dev-token.ts'
import { stoppedClock } from './forge.suite.ts'
import { Secret } from './secret.ts'

const clock = stoppedClock(Date.UTC(2026, 0, 2) + 250)
const secret = new Secret('a secret that is long enough for HS256')

it('makes a token that the authenticator accepts, until it expires', async () => {
  const { token, expiresAt } = await mintToken({
    secret,
    clock,
    userId: 'alice',
    deviceId: 'phone',
    name: 'Alice',
    ttlMs: 60_000,
  })
  const { verify } = createAuthenticator({ secret, clock })
  expect(await verify(token)).toEqual({ userId: 'alice', deviceId: 'phone', expiresAt })
  expect(expiresAt).toBe(Date.UTC(2026, 0, 2) + 61_000)
  expect(decodeJwt(token)).toMatchObject({ name: 'Alice', iat: Date.UTC(2026, 0, 2) / 1000 })
  await expect(createAuthenticator({ secret, clock: stoppedClock(expiresAt) }).verify(token)).rejects.toMatchObject({
    code: 'token_expired',
  })
})

it('says no more than it was told', async () => {
  const { token } = await mintToken({ secret, clock, userId: 'alice', ttlMs: 60_000 })
  expect(Object.keys(decodeJwt(token)).sort()).toEqual(['exp', 'iat', 'userId'])
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' })
})
