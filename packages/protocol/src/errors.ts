/**
 * The one error table: every refusal that Sotto can answer with, over HTTP and over the socket.
 * The table is the manual: docs/errors.md and the OpenAPI document are made from it.
 */

export interface ErrorMeaning {
  /** HTTP status (RFC 9110). */
  readonly status: number
  /** Close code (RFC 6455 section 7.4.2) where this error ends a socket. */
  readonly close?: number
  /** A short, fixed summary: `title` of RFC 9457. */
  readonly title: string
  readonly meaning: string
  /** What the caller should do about it. */
  readonly action: string
}

export const errorTable = {
  bad_request: {
    status: 400,
    title: 'The request is not valid',
    meaning: 'The body, a parameter or a frame member is missing, of the wrong shape, or unknown.',
    action: 'Correct what `detail` names; sending the same again gives the same answer.',
  },
  bad_frame: {
    status: 400,
    close: 4400,
    title: 'The frame cannot be read',
    meaning: 'A socket frame is not a JSON object in UTF-8 text, or its `type` is unknown.',
    action: 'Send one JSON object with a known `type` in each text frame. Three in a row close the socket.',
  },
  unauthenticated: {
    status: 401,
    close: 4401,
    title: 'No valid token',
    meaning: 'No token, ticket or hello came in time, or its signature, algorithm, issuer, audience or claims are not accepted.',
    action: 'Get a new token from the login and present it.',
  },
  token_expired: {
    status: 401,
    close: 4401,
    title: 'The token has expired',
    meaning: '`exp` of the token lies in the past. Open sockets are closed at that time too.',
    action: 'Get a new token; on an open socket send it in a `hello` before the old one expires.',
  },
  forbidden: {
    status: 403,
    title: 'Not permitted',
    meaning: 'The caller is known, but its role, device or origin does not permit this.',
    action: 'Ask somebody with the role for it, or use the device that the token names.',
  },
  dev_tokens_disabled: {
    status: 403,
    title: 'Development tokens are off',
    meaning: 'Tokens are minted only with DEV_TOKENS=true for callers on the same machine, or with DEV_TOKENS=anyone.',
    action: 'Use a token of the real login; for local work start with `npm run dev`.',
  },
  device_revoked: {
    status: 403,
    close: 4403,
    title: 'The device was revoked',
    meaning: 'The user removed this device, whose id stays dead, or erased the account.',
    action: 'Forget the local state and register under a new device id.',
  },
  not_member: {
    status: 403,
    title: 'Not a member of this group',
    meaning: 'The group does not exist, or the caller is not in it: the answer is the same.',
    action: 'Ask a member to add you, or correct the group id.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    meaning: 'There is no such route, or no such thing that the caller may know of.',
    action: 'Correct the address or the id.',
  },
  no_prekeys: {
    status: 404,
    title: 'No prekeys',
    meaning: 'The user has published neither a one-time prekey nor a signed prekey.',
    action: 'Try again once the user has opened the application.',
  },
  id_conflict: {
    status: 409,
    title: 'The message id was used for something else',
    meaning: 'This device has sent another message with the same `id`; `mailbox` and `seq` name the first.',
    action: 'Use a fresh id for each message; resend only what is equal.',
  },
  key_conflict: {
    status: 409,
    title: 'The key was used before',
    meaning:
      'A prekey with this `keyId` and another public key was uploaded before, or this key package was handed out or uploaded for the other use.',
    action: 'Use a fresh key id for each prekey, and a fresh key package for each upload.',
  },
  stale_epoch: {
    status: 409,
    title: 'The epoch has moved on',
    meaning: 'Another commit was accepted for this epoch; `epoch` and `seq` say where the group stands.',
    action: 'Read on from `seq`, apply the winning commit, then build the change anew.',
  },
  stale_version: {
    status: 409,
    title: 'The list has a newer version',
    meaning: 'The device list was changed by another device; the current one is in the answer.',
    action: 'Merge with the current list and put the next version.',
  },
  group_exists: {
    status: 409,
    title: 'The group exists already',
    meaning: 'Another creation of the same group was accepted first; `groupId`, `epoch` and `seq` say where it stands.',
    action: 'Join the existing group.',
  },
  removal_pending: {
    status: 409,
    title: 'A departed member has to be removed first',
    meaning: 'Somebody has left, and no commit has removed them yet; `departed` lists whom.',
    action: 'Commit the removal, then send again.',
  },
  use_commit: {
    status: 409,
    title: 'Membership of this group changes by commits',
    meaning: 'The group speaks MLS: the membership endpoints do not apply.',
    action: 'Post a commit to /groups/:groupId/commits.',
  },
  owner_must_transfer: {
    status: 409,
    title: 'The owner cannot leave',
    meaning: 'A group always has an owner.',
    action: 'Make another member owner first, or delete the group.',
  },
  limit_reached: {
    status: 409,
    title: 'A limit on what may be held is reached',
    meaning: 'The limit that `limit` names (devices, groups, members, keys, …) is used up.',
    action: 'Remove what is no longer needed, or ask the operator to raise the limit.',
  },
  too_large: {
    status: 413,
    close: 4413,
    title: 'Too large',
    meaning: 'A body, frame or ciphertext exceeds the limit that `limit` names.',
    action: 'Send less at once; keep a large file elsewhere, encrypted, and send its address and key.',
  },
  rate_limited: {
    status: 429,
    close: 4429,
    title: 'Too many requests',
    meaning: 'The caller exceeds the rate that `limit` names.',
    action: 'Wait `retryAfterMs` (`Retry-After` over HTTP), then send the same again.',
  },
  internal: {
    status: 500,
    title: 'Something failed in the server',
    meaning: 'The outcome is unknown: the request may or may not have taken effect.',
    action: 'Send the same id again; if it persists, look into the server log.',
  },
  overloaded: {
    status: 503,
    close: 1013,
    title: 'The server cannot take it now',
    meaning: 'The store is full, unreachable or behind, or the server is stopping. The outcome is unknown.',
    action: 'Send the same id again after `retryAfterMs`.',
  },
  mailbox_full: {
    status: 507,
    title: 'The recipient has too much undelivered',
    meaning: 'The messages of this sender that the recipient has not received yet exceed the limit.',
    action: 'Try again once the recipient has been online.',
  },
} as const satisfies Record<string, ErrorMeaning>

export type ErrorCode = keyof typeof errorTable

export const errorCodes = Object.keys(errorTable) as ErrorCode[]

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
    super(detail ?? errorTable[code].title)
    this.name = 'SottoError'
    this.code = code
    this.extra = extra
  }

  get status(): number {
    return errorTable[this.code].status
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
  const { status, title } = errorTable[error.code]
  return { type: `urn:sotto:error:${error.code}`, title, status, code: error.code, detail: error.message, ...error.extra }
}

/** The `error` frame of an error (docs/socket.md); `id` is that of the frame it answers. */
export function errorFrame(error: SottoError, id?: string): Record<string, unknown> {
  return { type: 'error', ...(id === undefined ? {} : { id }), code: error.code, message: error.message, ...error.extra }
}
