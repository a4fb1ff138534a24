import { createHmac } from 'node:crypto'

const head = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url')

/** A token for `userId` that lives for a day, signed with the server's JWT_SECRET (HS256). */
export function signToken(userId: string, secret: string): string {
  const now = Math.floor(Date.now() / 1_000)
  const body = Buffer.from(JSON.stringify({ userId, iat: now, exp: now + 86_400 })).toString('base64url')
  const signature = createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')
  return `${head}.${body}.${signature}`
}

/** Names of equal length, so that a recipient can be overwritten in a frame that is built already. */
export function userName(prefix: string, index: number): string {
  return `${prefix}-${index.toString().padStart(6, '0')}`
}
