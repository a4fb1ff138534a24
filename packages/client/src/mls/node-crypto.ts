import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hash,
  hkdfSync,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
  type webcrypto,
} from 'node:crypto'
import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { type Primitives, pkcs8Prefix } from './primitives.ts'

/**
 * The primitives over node:crypto, synchronously: small operations by the thousand cost a quarter of what they do
 * through WebCrypto's thread pool. HPKE itself stays the library's; only what it is made of is exchanged.
 */
export function createPrimitives(): Primitives {
  const hpke = new CipherSuite({ kem: new NodeX25519Kem(), kdf: new NodeHkdf(), aead: new NodeAes128Gcm() })
  return {
    hash: {
      digest: async (data) => sha256(data),
      mac: async (key, data) => hmac(key, data),
      verifyMac: async (key, mac, data) => mac.length === 32 && timingSafeEqual(hmac(key, data), mac),
    },
    kdf: {
      extract: async (salt, ikm) => hmac(salt.length === 0 ? new Uint8Array(32) : salt, ikm),
      expand: async (prk, info, length) => expand(prk, info, length),
      size: 32,
    },
    aead: {
      encrypt: async (key, nonce, aad, plaintext) => seal(key, nonce, aad, plaintext),
      decrypt: async (key, nonce, aad, ciphertext) => open(key, nonce, aad, ciphertext),
    },
    hpke: async () => hpke,
    sha256,
    ed25519: {
      publicKey: async (seed) => publicBytes(createPublicKey(privateKey('ed25519', seed))),
      sign: async (seed, message) => plain(sign(null, message, signingKey(seed))),
      verify: async (key, message, signature) => verifies(key, message, signature),
    },
    x25519: { publicKey: async (key) => publicBytes(createPublicKey(privateKey('x25519', key))) },
  }
}

type Bytes = ArrayBufferLike | ArrayBufferView

/** SubjectPublicKeyInfo (RFC 8410) before the 32 bytes of a public key. */
const spkiPrefix = {
  ed25519: Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0),
  x25519: Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 3, 0x21, 0),
} as const
type Curve = keyof typeof spkiPrefix

/** A Uint8Array of its own memory: Buffers may lie in a shared pool. */
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)
const view = (bytes: Bytes): Uint8Array =>
  ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes)

const sha256 = (bytes: Uint8Array) => plain(hash('sha256', bytes, 'buffer'))
// Keys are made by hand: what node:crypto does to tell raw bytes from a key costs several times what the HMAC does.
const hmac = (key: Uint8Array, data: Uint8Array) => plain(createHmac('sha256', createSecretKey(key)).update(data).digest())

/** RFC 5869 section 2.3. */
function expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(Math.ceil(length / 32) * 32)
  const key = createSecretKey(prk)
  let block = new Uint8Array(0)
  for (let i = 1; (i - 1) * 32 < length; i += 1) {
    block = plain(createHmac('sha256', key).update(block).update(info).update(Uint8Array.of(i)).digest())
    output.set(block, (i - 1) * 32)
  }
  return output.slice(0, length)
}

const tagBytes = 16
const cipherOf = (key: Uint8Array) => (key.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm')

function seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
  const cipher = createCipheriv(cipherOf(key), createSecretKey(key), nonce).setAAD(aad)
  return plain(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]))
}

function open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  if (sealed.length < tagBytes) throw new Error('shorter than its tag')
  const end = sealed.length - tagBytes
  const decipher = createDecipheriv(cipherOf(key), createSecretKey(key), nonce, { authTagLength: tagBytes }).setAAD(aad)
  decipher.setAuthTag(sealed.subarray(end))
  return plain(Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]))
}

function withPrefix(prefix: Uint8Array, key: Uint8Array): Buffer {
  if (key.length !== 32) throw new Error('a key has 32 bytes')
  return Buffer.concat([prefix, key])
}

const privateKey = (curve: Curve, key: Uint8Array): KeyObject =>
  createPrivateKey({ key: withPrefix(pkcs8Prefix[curve], key), format: 'der', type: 'pkcs8' })
const publicKey = (curve: Curve, key: Uint8Array): KeyObject =>
  createPublicKey({ key: withPrefix(spkiPrefix[curve], key), format: 'der', type: 'spki' })
const publicBytes = (key: KeyObject) => plain(key.export({ format: 'der', type: 'spki' }).subarray(-32))
const privateBytes = (key: KeyObject) => plain(key.export({ format: 'der', type: 'pkcs8' }).subarray(-32))

/**
 * Keys that sign and verify many messages are parsed once, which costs more than the signature. A key is known by the array
 * it stands in, as long as that array lives and holds the same bytes.
 */
function parsedOnce(parse: (bytes: Uint8Array) => KeyObject): (bytes: Uint8Array) => KeyObject {
  const parsed = new WeakMap<Uint8Array, { readonly bytes: Buffer; readonly key: KeyObject }>()
  return (bytes) => {
    const known = parsed.get(bytes)
    if (known?.bytes.equals(bytes)) return known.key
    const key = parse(bytes)
    parsed.set(bytes, { bytes: Buffer.from(bytes), key })
    return key
  }
}
const signingKey = parsedOnce((seed) => privateKey('ed25519', seed))
const verifyingKey = parsedOnce((key) => publicKey('ed25519', key))

function verifies(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64) return false
  try {
    return verify(null, message, verifyingKey(key), signature)
  } catch {
    return false
  }
}

class NodeHkdf extends HkdfSha256 {
  override async extract(salt: Bytes, ikm: Bytes): Promise<ArrayBuffer> {
    return hmac(salt.byteLength === 0 ? new Uint8Array(32) : view(salt), view(ikm)).buffer
  }
  override async expand(prk: Bytes, info: Bytes, length: number): Promise<ArrayBuffer> {
    return expand(view(prk), view(info), length).buffer
  }
  override async extractAndExpand(salt: Bytes, ikm: Bytes, info: Bytes, length: number): Promise<ArrayBuffer> {
    return hkdfSync('sha256', view(ikm), view(salt), view(info), length)
  }
}

class NodeAes128Gcm extends Aes128Gcm {
  override createEncryptionContext(key: Bytes) {
    const bytes = view(key)
    return {
      seal: async (iv: Bytes, data: Bytes, aad: Bytes) => seal(bytes, view(iv), view(aad), view(data)).buffer,
      open: async (iv: Bytes, data: Bytes, aad: Bytes) => open(bytes, view(iv), view(aad), view(data)).buffer,
    }
  }
}

/** RFC 9180 section 7.1.3: the KEM's labels. */
const text = new TextEncoder()
const derivationLabel = text.encode('dkp_prk')
const privateKeyLabel = text.encode('sk')
const none = new Uint8Array()
/** "KEM" and the number of DHKEM(X25519, HKDF-SHA256). */
const kemSuite = Uint8Array.of(0x4b, 0x45, 0x4d, 0x00, 0x20)

/** The library's KEM with X25519 of node:crypto inside. What it passes round as CryptoKey are KeyObjects here. */
class NodeX25519Kem extends DhkemX25519HkdfSha256 {
  constructor() {
    super()
    const kdf = new NodeHkdf()
    kdf.init(kemSuite)
    this._kdf = kdf
    const asCryptoKey = (key: KeyObject) => key as unknown as webcrypto.CryptoKey
    const asKeyObject = (key: webcrypto.CryptoKey) => key as unknown as KeyObject
    const pairOf = (key: KeyObject) => ({ privateKey: asCryptoKey(key), publicKey: asCryptoKey(createPublicKey(key)) })
    this._prim = {
      serializePublicKey: async (key) => publicBytes(asKeyObject(key)).buffer,
      deserializePublicKey: async (key) => asCryptoKey(publicKey('x25519', view(key))),
      serializePrivateKey: async (key) => privateBytes(asKeyObject(key)).buffer,
      deserializePrivateKey: async (key) => asCryptoKey(privateKey('x25519', view(key))),
      derivePublicKey: async (key) => asCryptoKey(createPublicKey(asKeyObject(key))),
      deriveKeyPair: async (ikm) => {
        const prk = await kdf.labeledExtract(none, derivationLabel, view(ikm))
        return pairOf(privateKey('x25519', view(await kdf.labeledExpand(prk, privateKeyLabel, none, 32))))
      },
      dh: async (secret, shared) =>
        plain(diffieHellman({ privateKey: asKeyObject(secret), publicKey: asKeyObject(shared) })).buffer,
      generateKeyPair: () => Promise.reject(new Error('keys are derived from the clock’s randomness')),
      importKey: () => Promise.reject(new Error('keys are raw')),
    }
  }
}
