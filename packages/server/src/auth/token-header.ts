import { repeatsMember } from './member-names.ts'
import { RefusedToken } from './token-refusal.ts'

/** What is believed of a token's header: nothing but the choice among configured algorithms and known keys. */
export interface TokenHeader {
  readonly alg: string
  readonly kid?: string
}

export interface TokenParts {
  readonly header: TokenHeader
  readonly payload: string
}

const kidLengthMax = 256
/** RFC 7519 and RFC 9068; other types (`logout+jwt`, `dpop+jwt`, `JWE`, …) are signed by the same keys for other ends. */
const types: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']

/**
 * Takes a compact token apart before anything of it is verified. `jku`, `jwk`, `x5u`, `x5c` are not looked at.
 * Throws `RefusedToken`.
 */
export function readToken(token: string, algorithms: readonly string[]): TokenParts {
  const parts = token.split('.')
  const [head, payload, signature] = parts
  if (parts.length !== 3 || !canonical(head) || !canonical(payload) || !canonical(signature)) throw new RefusedToken('form')
  const header = readHeader(head)
  // RFC 7515 section 4.1.11, RFC 7797: extensions, and we have none.
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw new RefusedToken('header')
  const { typ, alg, kid } = header
  if (!types.includes(typeof typ === 'string' ? typ.toLowerCase() : typ)) throw new RefusedToken('type')
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw new RefusedToken('algorithm')
  if (kid === undefined) return { header: { alg }, payload }
  if (typeof kid !== 'string' || kid.length > kidLengthMax) throw new RefusedToken('header')
  return { header: { alg, kid }, payload }
}

/** base64url without padding, white space or stray bits: one signature has one spelling, and one cache entry. */
function canonical(part: string | undefined): part is string {
  return part !== undefined && /^[A-Za-z0-9_-]+$/.test(part) && Buffer.from(part, 'base64url').toString('base64url') === part
}

function readHeader(part: string): Record<string, unknown> {
  let text: string
  let header: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url'))
    header = JSON.parse(text)
  } catch {
    throw new RefusedToken('header')
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header) || repeatsMember(text))
    throw new RefusedToken('header')
  return header as Record<string, unknown>
}
