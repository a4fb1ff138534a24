import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'

/** Seals values: AES-256-GCM with a random nonce, bound to the value's name. */
export interface Seal {
  seal(name: string, value: Uint8Array): Uint8Array
  /** Undefined when it does not open: another key, another name, or changed. */
  unseal(name: string, sealed: Uint8Array): Uint8Array | undefined
}

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/** `key`: 32 bytes; they may be wiped afterwards. A sealed value is nonce, ciphertext, tag. */
export function sealWith(key: Uint8Array): Seal {
  const secret = createSecretKey(key)
  return {
    seal(name, value) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: tagBytes })
      cipher.setAAD(bytesOf(name))
      return Buffer.concat([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()])
    },
    unseal(name, sealed) {
      if (sealed.length < nonceBytes + tagBytes) return undefined
      const tagAt = sealed.length - tagBytes
      const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(bytesOf(name))
      decipher.setAuthTag(sealed.subarray(tagAt))
      try {
        const value = decipher.update(sealed.subarray(nonceBytes, tagAt))
        decipher.final()
        return new Uint8Array(value.buffer, value.byteOffset, value.length)
      } catch {
        return undefined
      }
    },
  }
}

/** As UTF-16, so that no two names give the same bytes, whatever is in them. */
function bytesOf(name: string): Uint8Array {
  return Buffer.from(name, 'utf16le')
}
