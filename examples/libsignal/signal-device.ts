import {
  CiphertextMessageType,
  Fingerprint,
  IdentityKeyPair,
  KEMKeyPair,
  KEMPublicKey,
  KyberPreKeyRecord,
  PreKeyBundle,
  PreKeyRecord,
  PreKeySignalMessage,
  PrivateKey,
  type ProtocolAddress,
  PublicKey,
  processPreKeyBundle,
  SignalMessage,
  SignedPreKeyRecord,
  signalDecrypt,
  signalDecryptPreKey,
  signalEncrypt,
} from '@signalapp/libsignal-client'
import type { ClaimedKeys, PublicKeys } from '../relay/relay-http.ts'
import { MemoryIdentities, MemoryKyberPreKeys, MemoryPreKeys, MemorySessions, MemorySignedPreKeys } from './memory-stores.ts'

/** What the server carries: `type` is libsignal's, `body` its message in base64. */
interface Envelope {
  readonly type: number
  readonly body: string
}

/** The message version of sessions that began with PQXDH; with X3DH it was 3. */
const pqxdhVersion = 4
const signedPreKeyId = 1
const kyberPreKeyId = 1
const fingerprintIterations = 5_200
const fingerprintVersion = 2

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
const bytesOf = (text: string) => Buffer.from(text, 'base64')

/** A device's keys and its sessions with other devices (PQXDH, then the Double Ratchet). No network. */
export class SignalDevice {
  readonly #address: ProtocolAddress
  readonly #identity = IdentityKeyPair.generate()
  readonly #registrationId: number
  readonly #identities: MemoryIdentities
  readonly #sessions = new MemorySessions()
  readonly #preKeys = new MemoryPreKeys()
  readonly #signedPreKeys = new MemorySignedPreKeys()
  readonly #kyberPreKeys = new MemoryKyberPreKeys()
  #turn: Promise<unknown> = Promise.resolve()

  /** `registrationId`: 1 to 16,380, another one after each installation. */
  constructor(address: ProtocolAddress, registrationId: number) {
    this.#address = address
    this.#registrationId = registrationId
    this.#identities = new MemoryIdentities(this.#identity, registrationId)
  }

  /** New keys for the server to hand out. The registration id, for which it has no field, goes with the identity key. */
  async newKeys(oneTimePreKeys: number): Promise<PublicKeys> {
    const now = Date.now()
    const { privateKey, publicKey } = this.#identity

    const signed = PrivateKey.generate()
    const signature = privateKey.sign(signed.getPublicKey().serialize())
    const signedRecord = SignedPreKeyRecord.new(signedPreKeyId, now, signed.getPublicKey(), signed, signature)
    await this.#signedPreKeys.saveSignedPreKey(signedPreKeyId, signedRecord)

    const kyber = KEMKeyPair.generate()
    const kyberSignature = privateKey.sign(kyber.getPublicKey().serialize())
    const kyberRecord = KyberPreKeyRecord.new(kyberPreKeyId, now, kyber, kyberSignature)
    await this.#kyberPreKeys.saveKyberPreKey(kyberPreKeyId, kyberRecord)

    const oneTime = Array.from({ length: oneTimePreKeys }, (_, index) => {
      const key = PrivateKey.generate()
      return PreKeyRecord.new(index + 1, key.getPublicKey(), key)
    })
    for (const record of oneTime) await this.#preKeys.savePreKey(record.id(), record)

    return {
      identityKey: `${base64(publicKey.serialize())}.${this.#registrationId}`,
      signedPreKey: {
        keyId: signedPreKeyId,
        publicKey: base64(signed.getPublicKey().serialize()),
        signature: base64(signature),
      },
      pqPreKey: {
        keyId: kyberPreKeyId,
        publicKey: base64(kyber.getPublicKey().serialize()),
        signature: base64(kyberSignature),
      },
      oneTimePreKeys: oneTime.map((record) => ({ keyId: record.id(), publicKey: base64(record.publicKey().serialize()) })),
    }
  }

  async hasSession(peer: ProtocolAddress): Promise<boolean> {
    return (await this.#sessions.getSession(peer))?.hasCurrentState() ?? false
  }

  /** Begins a session with the keys claimed for a device: libsignal checks the signatures. */
  begin(peer: ProtocolAddress, { identityKey, signedPreKey, pqPreKey, oneTimePreKey }: ClaimedKeys): Promise<void> {
    if (signedPreKey === null || typeof signedPreKey === 'string' || pqPreKey === null || typeof pqPreKey === 'string') {
      throw new Error(`${peer.name()} has not published the keys that PQXDH needs`)
    }
    const [identity = '', registrationId] = identityKey.split('.')
    const bundle = PreKeyBundle.new(
      Number(registrationId),
      peer.deviceId(),
      oneTimePreKey === null ? null : Number(oneTimePreKey.keyId),
      oneTimePreKey === null ? null : PublicKey.deserialize(bytesOf(oneTimePreKey.publicKey)),
      Number(signedPreKey.keyId),
      PublicKey.deserialize(bytesOf(signedPreKey.publicKey)),
      bytesOf(signedPreKey.signature),
      PublicKey.deserialize(bytesOf(identity)),
      Number(pqPreKey.keyId),
      KEMPublicKey.deserialize(bytesOf(pqPreKey.publicKey)),
      bytesOf(pqPreKey.signature),
    )
    return this.#inTurn(() => processPreKeyBundle(bundle, peer, this.#address, this.#sessions, this.#identities))
  }

  /** Encrypts for a device with which there is a session. */
  encrypt(peer: ProtocolAddress, text: string): Promise<string> {
    return this.#inTurn(async () => {
      const message = await signalEncrypt(Buffer.from(text), peer, this.#address, this.#sessions, this.#identities)
      const envelope: Envelope = { type: message.type(), body: base64(message.serialize()) }
      return JSON.stringify(envelope)
    })
  }

  /** Decrypts what `peer` has sent, once: the ratchet moves on. Rejects what was not made by `peer` for this device. */
  decrypt(peer: ProtocolAddress, ciphertext: string): Promise<string> {
    const { type, body } = JSON.parse(ciphertext) as Envelope
    return this.#inTurn(async () => {
      const plaintext =
        type === CiphertextMessageType.PreKey
          ? await this.#accept(peer, PreKeySignalMessage.deserialize(bytesOf(body)))
          : await signalDecrypt(SignalMessage.deserialize(bytesOf(body)), peer, this.#address, this.#sessions, this.#identities)
      return Buffer.from(plaintext).toString()
    })
  }

  #accept(peer: ProtocolAddress, message: PreKeySignalMessage): Promise<Uint8Array> {
    if (message.version() !== pqxdhVersion) throw new Error(`the session did not begin with PQXDH: ${message.version()}`)
    return signalDecryptPreKey(
      message,
      peer,
      this.#address,
      this.#sessions,
      this.#identities,
      this.#preKeys,
      this.#signedPreKeys,
      this.#kyberPreKeys,
    )
  }

  /** Digits for two people to compare: equal when each has the other's real key. */
  async safetyNumber(peer: ProtocolAddress): Promise<string> {
    const theirs = await this.#identities.getIdentity(peer)
    if (theirs === null) throw new Error(`the key of ${peer.name()} is not known yet`)
    const [own, other] = [this.#address.name(), peer.name()].map((name) => Buffer.from(name)) as [
      Buffer<ArrayBuffer>,
      Buffer<ArrayBuffer>,
    ]
    const { publicKey } = this.#identity
    const fingerprint = Fingerprint.new(fingerprintIterations, fingerprintVersion, own, publicKey, other, theirs)
    return fingerprint.displayableFingerprint().toString()
  }

  /** One after another: two calls at once would turn the same ratchet from the same place. */
  #inTurn<result>(run: () => Promise<result>): Promise<result> {
    const turn = this.#turn.then(run)
    this.#turn = turn.catch(() => {})
    return turn
  }
}
