import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { makeHashImpl } from 'ts-mls/crypto/implementation/default/makeHashImpl.js'
import { loadHpke } from '../late-hpke.ts'
import { type Primitives, pkcs8Prefix } from './primitives.ts'

/** The primitives over WebCrypto: browsers, and whatever else has it. */
export function createPrimitives(): Primitives {
  return {
    hash: makeHashImpl(crypto.subtle, 'SHA-256'),
    // WebCrypto has both steps in one alone, and the KDF of the HPKE library comes with all of it.
    kdf: {
      extract: async (salt, ikm) => extract(sha256, ikm, salt),
      expand: async (prk, info, length) => expand(sha256, prk, info, length),
      size: 32,
    },
    aead: {
      encrypt: async (key, nonce, aad, plaintext) => {
        const imported = await crypto.subtle.importKey('raw', own(key), 'AES-GCM', false, ['encrypt'])
        return new Uint8Array(await crypto.subtle.encrypt(gcm(nonce, aad), imported, own(plaintext)))
      },
      decrypt: async (key, nonce, aad, ciphertext) => {
        const imported = await crypto.subtle.importKey('raw', own(key), 'AES-GCM', false, ['decrypt'])
        return new Uint8Array(await crypto.subtle.decrypt(gcm(nonce, aad), imported, own(ciphertext)))
      },
    },
    hpke: async () => (await loadHpke())('AES-128-GCM'),
    sha256: (bytes) => sha256(bytes),
    ed25519: {
      publicKey: async (seed) => publicPart(await privateKey('Ed25519', seed, true)),
      sign: async (seed, message) =>
        new Uint8Array(await crypto.subtle.sign('Ed25519', await privateKey('Ed25519', seed, false), own(message))),
      verify: async (key, message, signature) => {
        if (key.length !== 32 || signature.length !== 64) return false
        try {
          const imported = await crypto.subtle.importKey('raw', own(key), 'Ed25519', false, ['verify'])
          return await crypto.subtle.verify('Ed25519', imported, own(signature), own(message))
        } catch {
          return false
        }
      },
    },
    x25519: { publicKey: agreementKey },
  }
}

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** WebCrypto takes no views of shared memory, and types say so. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)

const gcm = (nonce: Uint8Array, aad: Uint8Array) => ({ name: 'AES-GCM', iv: own(nonce), additionalData: own(aad) })

async function privateKey(algorithm: 'Ed25519' | 'X25519', key: Uint8Array, extractable: boolean): Promise<Key> {
  if (key.length !== 32) throw new Error('a key has 32 bytes')
  const prefix = algorithm === 'Ed25519' ? pkcs8Prefix.ed25519 : pkcs8Prefix.x25519
  const pkcs8 = new Uint8Array(prefix.length + key.length)
  pkcs8.set(prefix)
  pkcs8.set(key, prefix.length)
  return crypto.subtle.importKey('pkcs8', pkcs8, algorithm, extractable, [algorithm === 'Ed25519' ? 'sign' : 'deriveBits'])
}

async function publicPart(key: Key): Promise<Uint8Array> {
  const { x } = await crypto.subtle.exportKey('jwk', key)
  if (x === undefined) throw new Error('the key has no public part')
  return Uint8Array.from(atob(x.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))
}

/** By multiplying the point 9 (RFC 7748 section 6.1): some browsers do not export what was imported as PKCS #8. */
async function agreementKey(secret: Uint8Array): Promise<Uint8Array> {
  const point = new Uint8Array(32)
  point[0] = 9
  const shared = await crypto.subtle.importKey('raw', point, 'X25519', false, [])
  const imported = await privateKey('X25519', secret, false)
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: shared }, imported, 256))
}
