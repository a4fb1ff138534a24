import type { CipherSuite } from '@hpke/core'
import type { Hpke } from 'ts-mls/crypto/hpke.js'
import { makeGenericHpke } from 'ts-mls/crypto/implementation/hpke.js'
import type { Clock } from '../clock.ts'
import type { Primitives } from './primitives.ts'

/** HPKE as ts-mls wants it, with all randomness from the clock. */
export async function makeHpke({ aead }: Primitives, hpke: CipherSuite, clock: Clock): Promise<Hpke> {
  const algorithm = { kem: 'DHKEM-X25519-HKDF-SHA256', kdf: 'HKDF-SHA256', aead: 'AES128GCM' } as const
  return withRandomness(await makeGenericHpke(algorithm, aead, hpke), hpke, clock)
}

/** The three operations that draw keys, with a seed from the clock (DeriveKeyPair, RFC 9180 section 7.1.3). */
function withRandomness(library: Hpke, hpke: CipherSuite, clock: Clock): Hpke {
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
