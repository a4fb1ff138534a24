import type { CiphersuiteImpl } from 'ts-mls/crypto/ciphersuite.js'
import type { Hpke } from 'ts-mls/crypto/hpke.js'
import { CryptoError } from 'ts-mls/mlsError.js'
import type { Clock } from '../clock.ts'
import { lateExport, lazily } from '../lazily.ts'
import type { handshakes } from './handshakes.ts'
import type { Primitives } from './primitives.ts'

/** Number in the IANA registry "MLS Cipher Suites". */
export const ciphersuiteNumber = 1
export const ciphersuiteName = 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519'

const loadHandshakes = lateExport(() => import('./handshakes.ts'), 'handshakes')

export type Handshakes = Omit<typeof handshakes, 'makeHpke'>

/** The cipher suite as ts-mls wants it, with all randomness from the clock. */
export interface Suite extends CiphersuiteImpl {
  sha256(bytes: Uint8Array): Uint8Array
  /** X25519 public key of a private key, both raw. */
  encryptionKeyOf(privateKey: Uint8Array): Promise<Uint8Array>
  /** What changes or enters groups, with HPKE. @throws SottoClientError `code_unavailable`. */
  handshakes(): Promise<Handshakes>
}

export function createSuite(primitives: Primitives, clock: Clock): Suite {
  const loaded = lazily(async () => {
    const [handshakes, cipherSuite] = await Promise.all([loadHandshakes(), primitives.hpke()])
    return { ...handshakes, hpke: await handshakes.makeHpke(primitives, cipherSuite, clock) }
  })
  return {
    name: ciphersuiteName,
    hash: primitives.hash,
    kdf: primitives.kdf,
    hpke: lateHpke(primitives, async () => (await loaded()).hpke),
    rng: { randomBytes: (bytes) => clock.random(bytes) },
    signature: {
      sign: primitives.ed25519.sign,
      verify: primitives.ed25519.verify,
      keygen: async () => {
        const signKey = clock.random(32)
        return { signKey, publicKey: await primitives.ed25519.publicKey(signKey) }
      },
    },
    sha256: primitives.sha256,
    encryptionKeyOf: primitives.x25519.publicKey,
    handshakes: loaded,
  }
}

const keyBytes = 16
const nonceBytes = 12

/** Messages need nothing of HPKE but its AEAD: the rest is loaded with the first handshake, which waits for it. */
function lateHpke({ aead }: Primitives, hpke: () => Promise<Hpke>): Hpke {
  return {
    open: async (...given) => (await hpke()).open(...given),
    seal: async (...given) => (await hpke()).seal(...given),
    importPrivateKey: async (...given) => (await hpke()).importPrivateKey(...given),
    importPublicKey: async (...given) => (await hpke()).importPublicKey(...given),
    exportPublicKey: async (...given) => (await hpke()).exportPublicKey(...given),
    exportPrivateKey: async (...given) => (await hpke()).exportPrivateKey(...given),
    exportSecret: async (...given) => (await hpke()).exportSecret(...given),
    importSecret: async (...given) => (await hpke()).importSecret(...given),
    deriveKeyPair: async (...given) => (await hpke()).deriveKeyPair(...given),
    generateKeyPair: async (...given) => (await hpke()).generateKeyPair(...given),
    encryptAead: (key, nonce, aad, plaintext) => aead.encrypt(key, nonce, aad ?? new Uint8Array(), plaintext),
    decryptAead: async (key, nonce, aad, ciphertext) => {
      try {
        return await aead.decrypt(key, nonce, aad ?? new Uint8Array(), ciphertext)
      } catch (error) {
        throw new CryptoError(`${error}`)
      }
    },
    keyLength: keyBytes,
    nonceLength: nonceBytes,
  }
}
