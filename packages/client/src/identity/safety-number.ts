import { toBase64Url } from './base64url.ts'
import { toCanonical } from './canonical.ts'

/** What two people compare to know that nobody is in between: over their identity keys and ids, never over devices. */

export interface SafetyNumberParty {
  readonly userId: string
  readonly identityKey: Uint8Array
}

export interface SafetyNumber {
  /** 60 decimal digits, the same on both sides. */
  readonly digits: string
  /** The digits in twelve groups of five. */
  readonly text: string
  /** What to show as a QR code: a version and a fingerprint of each key, the same on both sides. */
  readonly qrPayload: string
}

const label = 'sotto safety number v1'
const iterations = 5_200
const qrPrefix = 'sotto-safety-number:1:'

/**
 * As Signal makes them: for each of the two, SHA-512 iterated 5,200 times over the key (so that trying many keys for one
 * that looks alike is dear), thirty digits of it, the lesser half first. Takes some tenths of a second, and blocks nobody.
 */
export async function safetyNumber(one: SafetyNumberParty, other: SafetyNumberParty): Promise<SafetyNumber> {
  const fingerprints = await Promise.all([fingerprint(one), fingerprint(other)])
  const digits = fingerprints.map(thirtyDigits).sort().join('')
  const codes = fingerprints.map((bytes) => toBase64Url(bytes.subarray(0, 32))).sort()
  return { digits, text: digits.replace(/.{5}(?!$)/g, '$& '), qrPayload: `${qrPrefix}${codes.join(':')}` }
}

/** `unreadable`: neither a safety number nor its code; it says nothing about anybody. */
export type Comparison = 'same' | 'different' | 'unreadable'

/** What was scanned or typed against one's own: spaces, line breaks and dashes do not matter. */
export function compareSafetyNumber(own: SafetyNumber, scannedOrTyped: string): Comparison {
  const text = scannedOrTyped.normalize('NFKC').replace(/[\s\u200b\ufeff]/g, '')
  if (text.startsWith(qrPrefix)) {
    if (!/^[A-Za-z0-9_-]{43}:[A-Za-z0-9_-]{43}$/.test(text.slice(qrPrefix.length))) return 'unreadable'
    return text === own.qrPayload ? 'same' : 'different'
  }
  const digits = text.replace(/\p{Dash_Punctuation}/gu, '')
  if (!/^\d{60}$/.test(digits)) return 'unreadable'
  return digits === own.digits ? 'same' : 'different'
}

async function fingerprint({ userId, identityKey }: SafetyNumberParty): Promise<Uint8Array> {
  let hash = toCanonical(label, [userId, identityKey])
  for (let i = 0; i < iterations; i++) {
    const input = new Uint8Array(hash.length + identityKey.length)
    input.set(hash)
    input.set(identityKey, hash.length)
    hash = new Uint8Array(await crypto.subtle.digest('SHA-512', input))
  }
  return hash
}

/** Six times five bytes, each as a number from 0 to 99,999. */
function thirtyDigits(hash: Uint8Array): string {
  let digits = ''
  for (let at = 0; at < 30; at += 5) {
    const number = hash.subarray(at, at + 5).reduce((sum, byte) => sum * 256 + byte, 0)
    digits += String(number % 100_000).padStart(5, '0')
  }
  return digits
}
