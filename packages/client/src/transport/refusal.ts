import { type ErrorCode, refusals, SottoError } from '@sotto/protocol/errors'

type Members = Readonly<Record<string, unknown>>

/** Members of an `error` frame or a problem document (RFC 9457) that are not an error's own. */
const framing = new Set(['type', 'title', 'status', 'code', 'detail', 'message', 'id'])

/**
 * The refusal that an `error` frame or a problem document stands for. A code of a newer server becomes the one that its
 * status is nearest to, and is kept as `extra.newCode`.
 */
export function refusalOf(members: Members, status = 400): SottoError {
  const { code, detail, message } = members
  const extra: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(members)) if (!framing.has(name)) extra[name] = value
  const text = typeof detail === 'string' ? detail : typeof message === 'string' ? message : undefined
  if (isErrorCode(code)) return new SottoError(code, text, extra)
  return new SottoError(nearest(status), text, typeof code === 'string' ? { ...extra, newCode: code } : extra)
}

/** Refusals that say nothing about the outcome: the same has to be sent again. */
export function isOutcomeUnknown({ code }: SottoError): boolean {
  return code === 'overloaded' || code === 'internal'
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(refusals, code)
}

function nearest(status: number): ErrorCode {
  if (status === 401) return 'unauthenticated'
  if (status === 403) return 'forbidden'
  if (status === 404) return 'not_found'
  if (status === 413) return 'too_large'
  if (status === 429) return 'rate_limited'
  if (status === 503) return 'overloaded'
  return status >= 500 ? 'internal' : 'bad_request'
}
