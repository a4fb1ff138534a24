/**
 * Every refusal that Sotto can answer with, over HTTP and over the socket, as programs need it. What each means, and what to
 * do about it, stands in `errorTable` (error-table.ts): browsers need not load the manual.
 */

export interface Refusal {
  /** HTTP status (RFC 9110). */
  readonly status: number
  /** Close code (RFC 6455 section 7.4.2) where this error ends a socket. */
  readonly close?: number
  /** A short, fixed summary: `title` of RFC 9457. */
  readonly title: string
}

export const refusals = {
  bad_request: { status: 400, title: 'The request is not valid' },
  bad_frame: { status: 400, close: 4400, title: 'The frame cannot be read' },
  unauthenticated: { status: 401, close: 4401, title: 'No valid token' },
  token_expired: { status: 401, close: 4401, title: 'The token has expired' },
  forbidden: { status: 403, title: 'Not permitted' },
  dev_tokens_disabled: { status: 403, title: 'Development tokens are off' },
  device_revoked: { status: 403, close: 4403, title: 'The device was revoked' },
  not_member: { status: 403, title: 'Not a member of this group' },
  not_found: { status: 404, title: 'Not found' },
  no_prekeys: { status: 404, title: 'No prekeys' },
  id_conflict: { status: 409, title: 'The message id was used for something else' },
  key_conflict: { status: 409, title: 'The key was used before' },
  stale_epoch: { status: 409, title: 'The epoch has moved on' },
  stale_version: { status: 409, title: 'The list has a newer version' },
  group_exists: { status: 409, title: 'The group exists already' },
  removal_pending: { status: 409, title: 'A departed member has to be removed first' },
  use_commit: { status: 409, title: 'Membership of this group changes by commits' },
  owner_must_transfer: { status: 409, title: 'The owner cannot leave' },
  limit_reached: { status: 409, title: 'A limit on what may be held is reached' },
  too_large: { status: 413, close: 4413, title: 'Too large' },
  rate_limited: { status: 429, close: 4429, title: 'Too many requests' },
  internal: { status: 500, title: 'Something failed in the server' },
  overloaded: { status: 503, close: 1013, title: 'The server cannot take it now' },
  mailbox_full: { status: 507, title: 'The recipient has too much undelivered' },
} as const satisfies Record<string, Refusal>

export type ErrorCode = keyof typeof refusals

export const errorCodes = Object.keys(refusals) as ErrorCode[]

/** Close codes that no error of the table stands behind (docs/socket.md). */
export const closeCodes = {
  restarting: 1012,
  overloaded: 1013,
  badFrame: 4400,
  unauthenticated: 4401,
  deviceRevoked: 4403,
  timeout: 4408,
  replaced: 4409,
  tooLarge: 4413,
  tooMany: 4429,
} as const

/** Members that an error may carry beside `code` and its text. */
export interface ErrorExtra {
  readonly retryAfterMs?: number
  readonly limit?: string
  readonly mailbox?: string
  readonly seq?: number
  readonly epoch?: number
  readonly groupId?: string
  readonly [member: string]: unknown
}

/** The only error that operations throw on purpose. Anything else is answered as `internal`. */
export class SottoError extends Error {
  readonly code: ErrorCode
  readonly extra: ErrorExtra

  constructor(code: ErrorCode, detail?: string, extra: ErrorExtra = {}) {
    super(detail ?? refusals[code].title)
    this.name = 'SottoError'
    this.code = code
    this.extra = extra
  }

  get status(): number {
    return refusals[this.code].status
  }
}

/** RFC 9457 problem details of an error. */
export interface Problem extends ErrorExtra {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
}

export function problemOf(error: SottoError): Problem {
  const { status, title } = refusals[error.code]
  return { type: `urn:sotto:error:${error.code}`, title, status, code: error.code, detail: error.message, ...error.extra }
}

/** The `error` frame of an error (docs/socket.md); `id` is that of the frame it answers. */
export function errorFrame(error: SottoError, id?: string): Record<string, unknown> {
  return { type: 'error', ...(id === undefined ? {} : { id }), code: error.code, message: error.message, ...error.extra }
}
