import { type Limits, SottoError } from '@sotto/protocol'

/** Characters beyond which a text cannot have few enough bytes whatever they are, or has them whatever they are. */
const bytesPerCharacterMax = 3

/** Whether a text is longer than so many bytes of UTF-8; counts them only where the characters leave it open. */
function exceedsBytes(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return true
  return text.length * bytesPerCharacterMax > bytesMax && Buffer.byteLength(text) > bytesMax
}

/** Throws `too_large` when a ciphertext is. */
export function checkCiphertext(ciphertext: string, limits: Limits, limit: 'CIPHERTEXT_BYTES' | 'SIGNAL_BYTES'): void {
  if (exceedsBytes(ciphertext, limits[limit])) {
    throw new SottoError('too_large', `the ciphertext is larger than ${limits[limit]} bytes`, { limit })
  }
}
