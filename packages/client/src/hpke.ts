import { Aes128Gcm, Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'

/** HPKE (RFC 9180) over WebCrypto, with DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256. */
export function createHpke(aead: 'AES-128-GCM' | 'AES-256-GCM'): CipherSuite {
  return new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: aead === 'AES-128-GCM' ? new Aes128Gcm() : new Aes256Gcm(),
  })
}
