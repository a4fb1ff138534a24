import { createHash } from 'node:crypto'
import Olm, { type Session } from '@towns-protocol/olm'
import type { ClaimedKeys, PublicKeys } from '../relay/relay-http.ts'

export const olm = await Olm.initAsync()
const utility = new olm.Utility()

/** What one device tells another: names both ends, so that it cannot be passed off as something else. */
interface Sealed<content> {
  readonly from: string
  readonly to: string
  readonly content: content
}

/** What the server carries. `type` 0 is a pre-key message, which also begins the session; `identityKey` is public. */
interface Envelope {
  readonly type: 0 | 1
  readonly body: string
  readonly identityKey: string
}

/**
 * A device's keys and its sessions with other devices (Olm: 3DH, then a Double Ratchet). No network: what goes out and
 * comes in is the caller's business. Devices are named `user/device`.
 */
export class OlmDevice {
  readonly name: string
  /** Its Curve25519 key, which agrees on secrets, and its Ed25519 key, which signs. */
  readonly identityKey: string
  readonly #account = new olm.Account()
  /** By device, the one that was used last first. */
  readonly #sessions = new Map<string, Session[]>()
  /** The identity key of each device, as first seen. */
  readonly #pinned = new Map<string, string>()

  constructor(name: string) {
    this.name = name
    this.#account.create()
    const { curve25519, ed25519 } = JSON.parse(this.#account.identity_keys()) as { curve25519: string; ed25519: string }
    this.identityKey = `${curve25519}.${ed25519}`
  }

  /**
   * New keys for the server to hand out, each with a signature of this device: without it the server could hand out keys
   * of its own. Olm's fallback key stands for the signed prekey: it is used when no one-time key is left.
   */
  newKeys(count: number): PublicKeys {
    this.#account.generate_one_time_keys(count)
    this.#account.generate_fallback_key()
    const oneTime = keysIn(this.#account.one_time_keys())
    const [fallback] = keysIn(this.#account.unpublished_fallback_key())
    if (fallback === undefined) throw new Error('there is no fallback key')
    this.#account.mark_keys_as_published()
    return {
      identityKey: this.identityKey,
      signedPreKey: { ...fallback, signature: this.#sign(fallback) },
      oneTimePreKeys: oneTime.map((key) => ({ keyId: key.keyId, publicKey: `${key.publicKey}.${this.#sign(key)}` })),
    }
  }

  #sign({ keyId, publicKey }: OlmKey): string {
    return this.#account.sign(statementOf(this.name, keyId, publicKey))
  }

  hasSession(peer: string): boolean {
    return this.#sessions.has(peer)
  }

  /** Begins a session with the keys claimed for a device. Throws when the device has not signed them. */
  begin(peer: string, { identityKey, oneTimePreKey, signedPreKey }: ClaimedKeys): void {
    this.#pin(peer, identityKey)
    const [curve25519 = '', ed25519 = ''] = identityKey.split('.')
    const [publicKey = '', signature = ''] = oneTimePreKey?.publicKey.split('.') ?? []
    const fallback = typeof signedPreKey === 'string' ? null : signedPreKey
    const key = oneTimePreKey === null ? fallback : { keyId: oneTimePreKey.keyId, publicKey, signature }
    if (key === null) throw new Error(`${peer} has no prekey`)
    utility.ed25519_verify(ed25519, statementOf(peer, String(key.keyId), key.publicKey), key.signature)
    const session = new olm.Session()
    session.create_outbound(this.#account, curve25519, key.publicKey)
    this.#use(peer, session)
  }

  /** Encrypts for a device with which there is a session. */
  encrypt<content>(peer: string, content: content): string {
    const session = this.#sessions.get(peer)?.[0]
    if (session === undefined) throw new Error(`there is no session with ${peer}`)
    const sealed: Sealed<content> = { from: this.name, to: peer, content }
    const envelope: Envelope = { ...session.encrypt(JSON.stringify(sealed)), identityKey: this.identityKey }
    return JSON.stringify(envelope)
  }

  /** Decrypts what `peer` has sent, once: the ratchet moves on. Throws when it was not made by `peer` for this device. */
  decrypt(peer: string, ciphertext: string): unknown {
    const { type, body, identityKey } = JSON.parse(ciphertext) as Envelope
    this.#pin(peer, identityKey)
    const { from, to, content } = JSON.parse(this.#open(peer, type, body)) as Sealed<unknown>
    if (from !== peer || to !== this.name) throw new Error(`it is from ${from} for ${to}`)
    return content
  }

  #open(peer: string, type: 0 | 1, body: string): string {
    const [curve25519 = ''] = (this.#pinned.get(peer) ?? '').split('.')
    const known = this.#sessions.get(peer) ?? []
    if (type === 0) {
      const matching = known.find((session) => session.matches_inbound_from(curve25519, body))
      return matching === undefined ? this.#accept(peer, curve25519, body) : this.#read(peer, matching, type, body)
    }
    // Both sides may have begun one at the same time: whichever fits is the one to go on with.
    for (const session of known) {
      try {
        return this.#read(peer, session, type, body)
      } catch {}
    }
    throw new Error(`no session with ${peer} fits`)
  }

  #accept(peer: string, curve25519: string, body: string): string {
    const session = new olm.Session()
    session.create_inbound_from(this.#account, curve25519, body)
    const plaintext = this.#read(peer, session, 0, body)
    this.#account.remove_one_time_keys(session)
    return plaintext
  }

  #read(peer: string, session: Session, type: 0 | 1, body: string): string {
    const plaintext = session.decrypt(type, body)
    this.#use(peer, session)
    return plaintext
  }

  #use(peer: string, session: Session): void {
    const others = (this.#sessions.get(peer) ?? []).filter((each) => each !== session)
    this.#sessions.set(peer, [session, ...others])
  }

  /** Trust on first use; afterwards a changed key is an alarm. Comparing safety numbers closes the gap of the first use. */
  #pin(peer: string, identityKey: string): void {
    const pinned = this.#pinned.get(peer) ?? identityKey
    if (pinned !== identityKey) throw new Error(`the identity key of ${peer} has changed`)
    this.#pinned.set(peer, identityKey)
  }

  /** Digits for two people to compare: equal when each has the other's real key. */
  safetyNumber(peer: string): string {
    const own = `${this.name} ${this.identityKey}`
    const other = `${peer} ${this.#pinned.get(peer)}`
    const hash = createHash('sha256').update([own, other].sort().join('\n')).digest()
    return [0, 5, 10, 15, 20, 25].map((at) => String(hash.readUIntBE(at, 5) % 100_000).padStart(5, '0')).join(' ')
  }
}

interface OlmKey {
  readonly keyId: string
  readonly publicKey: string
}

function keysIn(json: string): OlmKey[] {
  const { curve25519 } = JSON.parse(json) as { curve25519: Readonly<Record<string, string>> }
  return Object.entries(curve25519).map(([keyId, publicKey]) => ({ keyId, publicKey }))
}

/** What a device says by its signature: this key is mine. */
function statementOf(device: string, keyId: string, publicKey: string): string {
  return ['prekey', device, keyId, publicKey].join('\n')
}
