/**
 * The parts of draft-ietf-mimi-content that are used here. Followed is version 08 (March 2026):
 *
 *     [salt, replaces, topicId, expires, inReplyTo, extensions, [disposition, language, cardinality, …]]
 *
 * with cardinality 0 (null part), 1 (media type, content), 2 (external) or 3 (semantics, parts). Where we differ:
 *
 * - `expires` is always absolute and in milliseconds, as all times here are; the draft counts seconds.
 * - The sender's clock, device list and view of the log are extensions of our own with text keys (`extensionKeys`).
 * - Taking a reaction away is a null part of disposition reaction with `inReplyTo`: there is one reaction a user and
 *   message, so that it need not be named. The draft replaces the message that brought the reaction.
 * - Ids are derived from group, user, device and all bytes, each with its length (`message-id.ts`); the draft hashes URIs.
 * - Receipts follow the statuses of draft-mahy-mimi-message-status without its time stamp, under a media type of our own.
 * - Text is plain: `text/plain;charset=utf-8`. What an application adds to a text is a second part, semantics processAll.
 * - CBOR is deterministic, without tags; anything else is refused.
 */
export const mediaTypes = {
  text: 'text/plain;charset=utf-8',
  custom: 'application/vnd.sotto.custom+cbor',
  receipt: 'application/vnd.sotto.message-status+cbor',
  state: 'application/vnd.sotto.state+cbor',
  stateRequest: 'application/vnd.sotto.state-request+cbor',
  sync: 'application/vnd.sotto.sync+cbor',
} as const

/** What a media type is compared by: case and spaces around `;` mean nothing. */
export const mediaTypeKey = (mediaType: string): string =>
  mediaType
    .toLowerCase()
    .replace(/\s*;\s*/g, ';')
    .trim()

export const knownMediaTypes: ReadonlySet<string> = new Set(Object.values(mediaTypes))

/** RFC 9110 section 8.3.1, as the server's schemas have it for content types. */
export const mediaTypePattern = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(;[\x20-\x7e]*)?$/

export const disposition = { unspecified: 0, render: 1, reaction: 2 } as const

export const cardinality = { none: 0, single: 1, external: 2, multi: 3 } as const

export const semantics = { chooseOne: 0, singleUnit: 1, processAll: 2 } as const

/** The media types that mean the same as each semantics, for those who cannot read the parts. */
export const multipartTypes = ['multipart/alternative', 'multipart/related', 'multipart/mixed'] as const

export const messageStatus = { delivered: 1, read: 2 } as const

export const extensionKeys = {
  /** Milliseconds since 1970. */
  sentAt: 'sotto.sentAt',
} as const
