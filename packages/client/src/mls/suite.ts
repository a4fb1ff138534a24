import type { CiphersuiteImpl } from 'ts-mls/crypto/ciphersuite.js'
import type { Hpke } from 'ts-mls/crypto/hpke.js'
import { makeGenericHpke } from 'ts-mls/crypto/implementation/hpke.js'
import type { Clock } from '../clock.ts'
import type { Primitives } from './primitives.ts'

/** Number in the IANA registry "MLS Cipher Suites". */
export const ciphersuiteNumber = 1
export const ciphersuiteName = 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519'

/** The cipher suite as ts-mls wants it, with all randomness from the clock. */
export interface Suite extends CiphersuiteImpl {
  sha256(bytes: Uint8Array): Uint8Array
  /** X25519 public key of a private key, both raw. */
  encryptionKeyOf(privateKey: Uint8Array): Promise<Uint8Array>
}

export async function createSuite(primitives: Primitives, clock: Clock): Promise<Suite> {
  const algorithm = { kem: 'DHKEM-X25519-HKDF-SHA256', kdf: 'HKDF-SHA256', aead: 'AES128GCM' } as const
  const library = await makeGenericHpke(algorithm, primitives.aead, primitives.hpke)
  return {
    name: ciphersuiteName,
    hash: primitives.hash,
    kdf: primitives.kdf,
    hpke: withRandomness(library, primitives, clock),
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
  }
}

/** The three operations that draw keys, with a seed from the clock (DeriveKeyPair, RFC 9180 section 7.1.3). */
function withRandomness(library: Hpke, { hpke }: Primitives, clock: Clock): Hpke {
  const seed = () => copied(clock.random(32))
  return {
    ...library,
    generateKeyPair: () => library.deriveKeyPair(clock.random(32)),
    async seal(recipientPublicKey, plaintext, info, aad = new Uint8Array()) {
      const context = await hpke.createSenderContext({ recipientPublicKey, info: copied(info), ekm: seed() })
      const sealed = await context.seal(copied(plaintext), copied(aad))
      return { ct: new Uint8Array(sealed), enc: new Uint8Array(context.enc) }
    },
    async exportSecret(recipientPublicKey, exporterContext, length, info) {
      const context = await hpke.createSenderContext({ recipientPublicKey, info: copied(info), ekm: seed() })
      const secret = await context.export(copied(exporterContext), length)
      return { enc: new Uint8Array(context.enc), secret: new Uint8Array(secret) }
    },
  }
}

const copied = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer
