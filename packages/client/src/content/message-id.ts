import { sha256 } from '@noble/hashes/sha2.js'
import { utf8Bytes } from './cbor.ts'
import { ContentFailure } from './failure.ts'

/** Who made a message, and for which group. All three are authenticated by MLS. */
export interface MessageOrigin {
  /** Of the conversation: the same in every generation of it, so that a message keeps its id when it is encrypted anew. */
  readonly groupId: string
  readonly senderUserId: string
  readonly senderDeviceId: string
}

/** First byte of an id: the hash is SHA-256, as in draft-ietf-mimi-content. */
const sha256Id = 0x01

/** 32 bytes, the first of them 1, in canonical base64url. */
const pattern = /^A[Q-Za-f][A-Za-z0-9_-]{40}[AEIMQUYcgkosw048]$/

/**
 * The id of a message: base64url (43 characters) of 0x01 and the first 31 bytes of SHA-256 over group, sending user,
 * sending device and envelope, each after its length in bytes (32 bits, big-endian). The salt inside the envelope makes
 * it unguessable; the origin makes it impossible to give a message the id of one of somebody else or of another group.
 *
 * @param envelopeBytes exactly what was encrypted, without padding.
 * @example messageId({ groupId, senderUserId: 'alice', senderDeviceId: 'phone' }, encodeEnvelope(envelope))
 */
export function messageId(origin: MessageOrigin, envelopeBytes: Uint8Array): string {
  const hash = sha256.create()
  for (const text of [origin.groupId, origin.senderUserId, origin.senderDeviceId]) {
    // Two ill-formed texts could have the same bytes.
    if (!text.isWellFormed()) throw new RangeError('ids have no lone surrogates')
    hash.update(lengthPrefixed(utf8Bytes(text)))
  }
  hash.update(lengthPrefixed(envelopeBytes))
  const id = new Uint8Array(32)
  id[0] = sha256Id
  id.set(hash.digest().subarray(0, 31), 1)
  return base64Url(id)
}

export function isMessageId(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value)
}

/** The 32 bytes of an id, as envelopes carry it. The id must be one. */
export function messageIdBytes(id: string): Uint8Array {
  return Uint8Array.from(atob(id.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))
}

/** @throws ContentFailure `malformed`; `unsupported` for an id of another hash. */
export function messageIdText(bytes: Uint8Array): string {
  if (bytes.length !== 32) throw new ContentFailure('malformed', 'a message id has 32 bytes')
  if (bytes[0] !== sha256Id) throw new ContentFailure('unsupported', `a message id by hash ${bytes[0]}`)
  return base64Url(bytes)
}

function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const prefixed = new Uint8Array(4 + bytes.length)
  new DataView(prefixed.buffer).setUint32(0, bytes.length)
  prefixed.set(bytes, 4)
  return prefixed
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
