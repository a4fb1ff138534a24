import {
  type Direction,
  IdentityChange,
  type IdentityKeyPair,
  IdentityKeyStore,
  type KyberPreKeyRecord,
  KyberPreKeyStore,
  type PreKeyRecord,
  PreKeyStore,
  type PrivateKey,
  type ProtocolAddress,
  type PublicKey,
  type SessionRecord,
  SessionStore,
  type SignedPreKeyRecord,
  SignedPreKeyStore,
} from '@signalapp/libsignal-client'

/** What libsignal asks its user to keep. In memory here; a real application keeps it in the transaction of its messages. */

const nameOf = (address: ProtocolAddress) => `${address.name()}/${address.deviceId()}`

export class MemorySessions extends SessionStore {
  readonly #records = new Map<string, SessionRecord>()

  async saveSession(address: ProtocolAddress, record: SessionRecord): Promise<void> {
    this.#records.set(nameOf(address), record)
  }

  async getSession(address: ProtocolAddress): Promise<SessionRecord | null> {
    return this.#records.get(nameOf(address)) ?? null
  }

  async getExistingSessions(addresses: ProtocolAddress[]): Promise<SessionRecord[]> {
    return addresses.map((address) => {
      const record = this.#records.get(nameOf(address))
      if (record === undefined) throw new Error(`there is no session with ${nameOf(address)}`)
      return record
    })
  }
}

/** The own identity, and those of others as first seen: afterwards a changed key is refused. */
export class MemoryIdentities extends IdentityKeyStore {
  readonly #own: IdentityKeyPair
  readonly #registrationId: number
  readonly #pinned = new Map<string, PublicKey>()

  constructor(own: IdentityKeyPair, registrationId: number) {
    super()
    this.#own = own
    this.#registrationId = registrationId
  }

  async getIdentityKey(): Promise<PrivateKey> {
    return this.#own.privateKey
  }

  async getLocalRegistrationId(): Promise<number> {
    return this.#registrationId
  }

  async saveIdentity(address: ProtocolAddress, key: PublicKey): Promise<IdentityChange> {
    const known = this.#pinned.get(nameOf(address))
    this.#pinned.set(nameOf(address), key)
    return known === undefined || known.equals(key) ? IdentityChange.NewOrUnchanged : IdentityChange.ReplacedExisting
  }

  async isTrustedIdentity(address: ProtocolAddress, key: PublicKey, _direction: Direction): Promise<boolean> {
    return this.#pinned.get(nameOf(address))?.equals(key) ?? true
  }

  async getIdentity(address: ProtocolAddress): Promise<PublicKey | null> {
    return this.#pinned.get(nameOf(address)) ?? null
  }
}

export class MemoryPreKeys extends PreKeyStore {
  readonly #records = new Map<number, PreKeyRecord>()

  async savePreKey(id: number, record: PreKeyRecord): Promise<void> {
    this.#records.set(id, record)
  }

  async getPreKey(id: number): Promise<PreKeyRecord> {
    return present(this.#records.get(id), `one-time prekey ${id}`)
  }

  /** Called when the first message of a session has been decrypted: nobody can decrypt it again. */
  async removePreKey(id: number): Promise<void> {
    this.#records.delete(id)
  }
}

export class MemorySignedPreKeys extends SignedPreKeyStore {
  readonly #records = new Map<number, SignedPreKeyRecord>()

  async saveSignedPreKey(id: number, record: SignedPreKeyRecord): Promise<void> {
    this.#records.set(id, record)
  }

  async getSignedPreKey(id: number): Promise<SignedPreKeyRecord> {
    return present(this.#records.get(id), `signed prekey ${id}`)
  }
}

export class MemoryKyberPreKeys extends KyberPreKeyStore {
  readonly #records = new Map<number, KyberPreKeyRecord>()
  readonly #used = new Set<string>()

  async saveKyberPreKey(id: number, record: KyberPreKeyRecord): Promise<void> {
    this.#records.set(id, record)
  }

  async getKyberPreKey(id: number): Promise<KyberPreKeyRecord> {
    return present(this.#records.get(id), `Kyber prekey ${id}`)
  }

  /** It serves for many sessions, since the server holds one of a device; but each begins once. */
  async markKyberPreKeyUsed(id: number, signedPreKeyId: number, baseKey: PublicKey): Promise<void> {
    const use = `${id} ${signedPreKeyId} ${Buffer.from(baseKey.serialize()).toString('base64')}`
    if (this.#used.has(use)) throw new Error('this session was begun before: a replay')
    this.#used.add(use)
  }
}

function present<record>(record: record | undefined, what: string): record {
  if (record === undefined) throw new Error(`there is no ${what}`)
  return record
}
