import type { ErrorCode } from '@sotto/protocol/errors'

/** Refusals of the SDK itself, and what each means; what to do about it stands in `clientErrorTable`. */
export const clientErrorMeanings = {
  link_required: 'The user has an identity on another device, and neither `link` nor `reset` was given.',
  link_refused: 'The link code is malformed, expired, of another user, or the transfer does not verify.',
  no_such_user: 'The user has no device that could be written to yet.',
  not_a_member: 'This device is not in the conversation, or no longer.',
  not_permitted: 'The role in this conversation does not permit this.',
  identity_changed: "A member's identity key is not the one that was pinned; nothing is sent until the change is accepted.",
  not_verified: 'What was scanned or typed is not this safety number.',
  invalid_content: 'The content of the message has the wrong shape, or names a message that is not there.',
  content_too_large: 'The encrypted message would exceed the limit of the server (CIPHERTEXT_BYTES).',
  offline: 'The server did not answer in time.',
  closed: 'This instance was closed.',
  storage_in_use: 'Another process or instance has this storage open; it has one writer.',
  storage_unreadable: 'Stored values do not open: the key or passphrase is another one, or the file is damaged.',
  storage_newer: 'The storage was written by a newer version.',
  storage_full: 'The disk or the quota is full; nothing of this step was kept or acknowledged.',
  storage_closed: 'The storage was closed.',
  code_unavailable:
    'A part of the SDK’s own code, which is loaded when it is first needed, could not be loaded; nothing was done.',
  invalid_option: 'An option of `Sotto.open` or of a method has the wrong shape.',
} as const satisfies Record<string, string>

export type ClientErrorCode = keyof typeof clientErrorMeanings

/**
 * What the SDK rejects with: a code of its own table, or of the server's.
 *
 * @example
 * try {
 *   await sotto.conversation('nobody')
 * } catch (error) {
 *   if (!(error instanceof SottoClientError)) throw error
 *   console.log(error.code, error.message, error.extra) // 'no_such_user', …
 * }
 */
export class SottoClientError extends Error {
  /** What programs decide by: it stays, the message is for people and may change. */
  readonly code: ClientErrorCode | ErrorCode
  /** Members of the server's error, where it was one. */
  readonly extra: Readonly<Record<string, unknown>>

  constructor(
    code: ClientErrorCode | ErrorCode,
    detail?: string,
    options: { readonly cause?: unknown; readonly extra?: Readonly<Record<string, unknown>> } = {},
  ) {
    const words = code in clientErrorMeanings ? clientErrorMeanings[code as ClientErrorCode] : code
    super(detail ?? words, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'SottoClientError'
    this.code = code
    this.extra = options.extra ?? {}
  }
}
