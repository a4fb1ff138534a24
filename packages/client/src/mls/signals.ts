import { MlsFailure } from './engine.ts'
import { failingAs } from './failures.ts'
import type { Suite } from './suite.ts'

const nonceBytes = 12

/** AES-GCM, 128 or 256 bits by the key; the nonce comes first. */
export async function sealSignal(key: Uint8Array, plaintext: Uint8Array, aad: Uint8Array, suite: Suite): Promise<Uint8Array> {
  const nonce = suite.rng.randomBytes(nonceBytes)
  const ciphertext = await suite.hpke.encryptAead(key, nonce, aad, plaintext)
  const sealed = new Uint8Array(nonceBytes + ciphertext.length)
  sealed.set(nonce)
  sealed.set(ciphertext, nonceBytes)
  return sealed
}

/** @throws MlsFailure `tampered`. */
export async function openSignal(key: Uint8Array, sealed: Uint8Array, aad: Uint8Array, suite: Suite): Promise<Uint8Array> {
  if (sealed.length < nonceBytes) throw new MlsFailure('tampered')
  return failingAs('tampered', () =>
    suite.hpke.decryptAead(key, sealed.subarray(0, nonceBytes), aad, sealed.subarray(nonceBytes)),
  )
}
