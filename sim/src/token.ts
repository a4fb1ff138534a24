import { createHmac } from 'node:crypto'

/** A token of the user as the login of an application would sign it: HS256 (RFC 7515), valid for a day. */
export function mintToken(secret: string, userId: string): string {
  const issuedAt = Math.floor(Date.now() / 1_000)
  const signed = [
    { alg: 'HS256', typ: 'JWT' },
    { userId, iat: issuedAt, exp: issuedAt + 86_400 },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
