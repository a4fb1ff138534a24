import { SottoClientError } from '../errors.ts'

const KiB = 1024

/**
 * To how many bytes a plaintext is padded: 256, 512, 1,024, 2,048, 4,096, then every 4 KiB to 16 KiB, then every 16 KiB.
 *
 * What still leaks: which bucket a message falls into, hence whether it is short (nearly all chat, receipts, reactions,
 * edits and deletions are in the first two) or long, and of long ones the length to within 16 KiB. When messages are sent,
 * how many, and to which group is not hidden by padding.
 */
export function paddedBytes(plaintextBytes: number): number {
  if (!Number.isSafeInteger(plaintextBytes) || plaintextBytes < 0) throw new RangeError(`no number of bytes: ${plaintextBytes}`)
  if (plaintextBytes <= 4 * KiB) {
    let bucket = 256
    while (bucket < plaintextBytes) bucket *= 2
    return bucket
  }
  const step = plaintextBytes <= 16 * KiB ? 4 * KiB : 16 * KiB
  return Math.ceil(plaintextBytes / step) * step
}

/**
 * The most that MLS adds to a padded plaintext: the header with a group id of 80 bytes, sender data, lengths, a signature of
 * 64 bytes and two AEAD tags come to about 250 (RFC 9420 section 6.3); the rest is for short authenticated data.
 */
export const mlsOverheadBytesMax = 512

/** The longest envelope whose message, padded, encrypted and in base64, stays within `limitBytes` (CIPHERTEXT_BYTES); 0: none. */
export function contentBytesMax(limitBytes: number): number {
  const messageBytesMax = Math.floor(limitBytes / 4) * 3 - mlsOverheadBytesMax
  if (messageBytesMax < 256) return 0
  let fits = 256
  for (let next = paddedBytes(fits + 1); next <= messageBytesMax; next = paddedBytes(fits + 1)) fits = next
  return fits
}

/**
 * `paddedBytes` of an envelope that is to be sent.
 * @param limitBytes CIPHERTEXT_BYTES of the server.
 * @throws SottoClientError `content_too_large`.
 */
export function paddedWithin(plaintextBytes: number, limitBytes: number): number {
  const bytesMax = contentBytesMax(limitBytes)
  if (plaintextBytes > bytesMax) {
    throw new SottoClientError('content_too_large', `the message has ${plaintextBytes} bytes; at most ${bytesMax} can be sent`)
  }
  return paddedBytes(plaintextBytes)
}
