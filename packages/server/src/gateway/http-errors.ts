import { type LimitName, problemOf, SottoError } from '@sotto/protocol'

/** What the framework and the HTTP parser refuse, in our words. Anything that is not listed is `internal`. */
const refusals: Readonly<Record<string, (bodyLimit: LimitName) => SottoError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: (limit) => new SottoError('too_large', 'the body is too large', { limit }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new SottoError('bad_request', 'the body must be of type application/json'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => new SottoError('bad_request', 'the body is not as long as it claims'),
  FST_ERR_CTP_INVALID_JSON_BODY: () => new SottoError('bad_request', 'the body is not JSON, or has a member that none may have'),
  FST_ERR_BAD_URL: () => new SottoError('bad_request', 'the address is not valid'),
  FST_ERR_MAX_PARAM_LENGTH: () => new SottoError('bad_request', 'a part of the address is too long'),
  ERR_STREAM_PREMATURE_CLOSE: () => new SottoError('bad_request', 'the body ended early'),
  ECONNRESET: () => new SottoError('bad_request', 'the body ended early'),
  HPE_HEADER_OVERFLOW: () => new SottoError('too_large', 'the headers are too large', { limit: 'headers' }),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: () => new SottoError('too_large', 'the chunk extensions are too large', { limit: 'headers' }),
  ERR_HTTP_REQUEST_TIMEOUT: () => new SottoError('bad_request', 'the request did not arrive in time'),
}

/** The refusal that an exception stands for; `undefined`: none of ours, a fault. `bodyLimit`: what bounds the body. */
export function refusalOf(error: unknown, bodyLimit: LimitName = 'BODY_BYTES'): SottoError | undefined {
  if (error instanceof SottoError) return error
  const code = codeOf(error)
  if (code === undefined) return undefined
  return Object.hasOwn(refusals, code) ? refusals[code]?.(bodyLimit) : undefined
}

/** What the HTTP parser refuses: everything is the client's fault. */
export function clientRefusal(error: unknown): SottoError {
  return refusalOf(error) ?? new SottoError('bad_request', 'this is not HTTP')
}

/** RFC 9457 text of a refusal. */
export function problemText(error: SottoError): string {
  return JSON.stringify(problemOf(error))
}

/** Headers that go with a refusal. */
export function problemHeaders({ code, extra, status }: SottoError): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' }
  if (extra.retryAfterMs !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(extra.retryAfterMs / 1_000)))
  if (status === 401) {
    headers['www-authenticate'] =
      code === 'token_expired' ? 'Bearer error="invalid_token", error_description="expired"' : 'Bearer'
  }
  return headers
}

/** A whole HTTP response, for a connection whose request could not be read. */
export function rawProblem(error: SottoError): string {
  const text = problemText(error)
  const head = [
    `HTTP/1.1 ${error.status} Refused`,
    ...Object.entries(problemHeaders(error)).map(([name, value]) => `${name}: ${value}`),
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${text}`
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}
