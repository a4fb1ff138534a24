import { routeNames, routeOf } from '@sotto/protocol'

/** Browsers ask again after this. */
const preflightAgeSeconds = '600'
const methods = [...new Set(routeNames.map((name) => routeOf(name).method))].join(', ')

/**
 * What lets pages of the listed origins read the answers (CORS_ORIGINS). Tokens travel in headers, never in cookies, so
 * that credentials are not allowed.
 * @param origin the `Origin` header.
 */
export function corsHeaders(origins: readonly string[], origin: string | undefined): Record<string, string> {
  if (origins.length === 0) return {}
  // The answer differs by origin even for those that are not listed: caches must know.
  if (origin === undefined || !origins.includes(origin)) return { vary: 'Origin' }
  return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': 'Retry-After, Allow' }
}

/** The answer to a preflight, beside `corsHeaders`. */
export const preflightHeaders: Readonly<Record<string, string>> = {
  'access-control-allow-methods': methods,
  'access-control-allow-headers': 'Authorization, Content-Type, X-Device-Id',
  'access-control-max-age': preflightAgeSeconds,
}
