import type { ErrorCode } from '@sotto/protocol/errors'

/**
 * Refusals of the SDK itself (docs/sdk-errors.md); those of the server keep their own codes (docs/errors.md).
 *
 * @example console.log(clientErrorTable.link_required.action)
 */
export const clientErrorTable = {
  link_required: {
    meaning: 'The user has an identity on another device, and neither `link` nor `reset` was given.',
    action: 'Open with `link` and confirm the code on a device that is linked, or with `reset: true` when none is left.',
  },
  link_refused: {
    meaning: 'The link code is malformed, expired, of another user, or the transfer does not verify.',
    action: 'Begin linking again on the new device.',
  },
  no_such_user: {
    meaning: 'The user has no device that could be written to yet.',
    action: 'Try again once the user has opened the application.',
  },
  not_a_member: {
    meaning: 'This device is not in the conversation, or no longer.',
    action: 'Ask a member to add you.',
  },
  not_permitted: {
    meaning: 'The role in this conversation does not permit this.',
    action: 'Ask the owner or an admin.',
  },
  identity_changed: {
    meaning: "A member's identity key is not the one that was pinned; nothing is sent until the change is accepted.",
    action: 'Compare safety numbers, then call `accept()` of the `identityChanged` event or `verify()` of the safety number.',
  },
  not_verified: {
    meaning: 'What was scanned or typed is not this safety number.',
    action: 'Compare once more, both on their own screens. If it differs again, somebody is in between.',
  },
  invalid_content: {
    meaning: 'The content of the message has the wrong shape, or names a message that is not there.',
    action: 'Correct what the detail names.',
  },
  content_too_large: {
    meaning: 'The encrypted message would exceed the limit of the server (CIPHERTEXT_BYTES).',
    action: 'Send less at once; keep a large file elsewhere, encrypted, and send its address and key.',
  },
  offline: {
    meaning: 'The server did not answer in time.',
    action: 'Try again when `state` is `online`. Messages wait in the outbox by themselves.',
  },
  closed: {
    meaning: 'This instance was closed.',
    action: 'Open a new one.',
  },
  storage_in_use: {
    meaning: 'Another process or instance has this storage open; it has one writer.',
    action: 'Use the instance that is open, close it, or give each its own storage.',
  },
  storage_unreadable: {
    meaning: 'Stored values do not open: the key or passphrase is another one, or the file is damaged.',
    action: 'Use the right key. If it is lost, begin with new storage: the device links anew and history stays behind.',
  },
  storage_newer: {
    meaning: 'The storage was written by a newer version.',
    action: 'Update the application.',
  },
  storage_full: {
    meaning: 'The disk or the quota is full; nothing of this step was kept or acknowledged.',
    action: 'Free space; the same messages will come again.',
  },
  storage_closed: {
    meaning: 'The storage was closed.',
    action: 'Open it again.',
  },
  invalid_option: {
    meaning: 'An option of `Sotto.open` or of a method has the wrong shape.',
    action: 'Correct what the detail names.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly action: string }>

export type ClientErrorCode = keyof typeof clientErrorTable

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
    const words = code in clientErrorTable ? clientErrorTable[code as ClientErrorCode].meaning : code
    super(detail ?? words, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'SottoClientError'
    this.code = code
    this.extra = options.extra ?? {}
  }
}
