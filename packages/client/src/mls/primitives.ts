import type { CipherSuite } from '@hpke/core'
import type { Aead } from 'ts-mls/crypto/aead.js'
import type { Hash } from 'ts-mls/crypto/hash.js'
import type { Kdf } from 'ts-mls/crypto/kdf.js'

/**
 * The primitives of MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519, made of what the platform has: `node-crypto.ts` in
 * Node.js, `web-crypto.ts` in browsers. Both give the same results; package.json chooses (`#crypto`).
 */
export interface Primitives {
  /** SHA-256 and HMAC-SHA-256. */
  readonly hash: Hash
  /** HKDF-SHA-256 (RFC 5869). */
  readonly kdf: Kdf
  /** AES-GCM, 128 or 256 bits by the length of the key. */
  readonly aead: Aead
  /** RFC 9180 with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. Loaded when it is first asked for. */
  hpke(): Promise<CipherSuite>
  sha256(bytes: Uint8Array): Uint8Array
  /** Ed25519 (RFC 8032). Private keys are the 32-byte seed. A malformed key or signature does not verify. */
  readonly ed25519: {
    publicKey(seed: Uint8Array): Promise<Uint8Array>
    sign(seed: Uint8Array, message: Uint8Array): Promise<Uint8Array>
    verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>
  }
  readonly x25519: { publicKey(privateKey: Uint8Array): Promise<Uint8Array> }
}

/** PKCS #8 (RFC 8410) before the 32 bytes of a private key. */
export const pkcs8Prefix = {
  ed25519: Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20),
  x25519: Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20),
} as const
