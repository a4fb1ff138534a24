import { describe, expect, it } from 'vitest'
import { encodeCbor } from './cbor.ts'
import { ContentFailure } from './failure.ts'
import { decodePlaintext, encodePlaintext, type Plaintext } from './plaintext.ts'

const hash = new Uint8Array(32).fill(7)
const plaintext: Plaintext = {
  deviceList: { version: 3, hash },
  seen: { seq: 12, digest: hash },
  envelope: new Uint8Array([1, 2, 3]),
}

describe('what MLS encrypts', () => {
  it('comes back as it was', () => {
    expect(decodePlaintext(encodePlaintext(plaintext))).toEqual(plaintext)
    const unseen = { ...plaintext, seen: undefined }
    expect(decodePlaintext(encodePlaintext(unseen))).toEqual(unseen)
  })

  it('keeps its bytes from version to version', () => {
    const hex = Buffer.from(encodePlaintext({ ...plaintext, seen: undefined })).toString('hex')
    expect(hex).toBe(`8601035820${'07'.repeat(32)}f6f643010203`)
  })

  it.each<[string, unknown]>([
    ['no list', { version: 1 }],
    ['too short', [1, 3, hash, null, null]],
    ['a short hash', [1, 3, hash.subarray(1), null, null, hash]],
    ['a negative version', [1, -3, hash, null, null, hash]],
    ['a position without a digest', [1, 3, hash, 5, null, hash]],
    ['a digest without a position', [1, 3, hash, null, hash, hash]],
    ['an envelope that is text', [1, 3, hash, null, null, 'text']],
    ['another version', [2, 3, hash, null, null, hash]],
  ])('refuses %s', (_, parts) => {
    expect(() => decodePlaintext(encodeCbor(parts))).toThrow(ContentFailure)
  })

  it('refuses every truncation', () => {
    const bytes = encodePlaintext(plaintext)
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodePlaintext(bytes.subarray(0, length))).toThrow(ContentFailure)
  })
})
