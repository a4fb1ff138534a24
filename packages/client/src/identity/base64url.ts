import { malformed } from './canonical.ts'

/** RFC 4648 section 5, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Only the one way of writing these bytes is read. @throws TrustFailure `malformed`. */
export function fromBase64Url(text: unknown, charactersMax: number): Uint8Array {
  if (typeof text !== 'string' || text.length > charactersMax || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) {
    throw malformed('no base64url')
  }
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))
  if (toBase64Url(bytes) !== text) throw malformed('base64url with bits that say nothing')
  return bytes
}
