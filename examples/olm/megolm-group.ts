import type { InboundGroupSession } from '@towns-protocol/olm'
import { olm } from './olm-device.ts'

/** What lets a member read one other member's messages. Travels through the 1:1 channel, never in clear. */
export interface GroupKey {
  readonly groupId: string
  /** Devices, as the sender of the key sees the group: keys go to them, whatever the server says of its members. */
  readonly members: readonly string[]
  readonly sessionKey: string
}

interface Envelope {
  readonly session: string
  readonly body: string
}

interface Sealed {
  readonly groupId: string
  readonly text: string
}

interface Inbound {
  readonly session: InboundGroupSession
  /** Megolm itself would decrypt the same message twice. */
  readonly seen: Set<number>
}

/** A device's view of a group (Megolm): one session to send with, one of each other member to read with. */
export class MegolmGroup {
  readonly groupId: string
  /** Devices, this one among them. */
  readonly members: readonly string[]
  readonly #outbound = new olm.OutboundGroupSession()
  readonly #inbound = new Map<string, Inbound>()

  constructor(groupId: string, members: readonly string[]) {
    this.groupId = groupId
    this.members = members
    this.#outbound.create()
  }

  /** For the other members, before the first message: it reads what is sent from now on. */
  get key(): GroupKey {
    return { groupId: this.groupId, members: this.members, sessionKey: this.#outbound.session_key() }
  }

  addKey(from: string, { sessionKey }: GroupKey): void {
    if (!this.members.includes(from)) throw new Error(`${from} is not a member`)
    const session = new olm.InboundGroupSession()
    session.create(sessionKey)
    const name = `${from} ${session.session_id()}`
    // The same key again, perhaps from a later place, must not make read messages readable once more.
    if (!this.#inbound.has(name)) this.#inbound.set(name, { session, seen: new Set() })
  }

  encrypt(text: string): string {
    const sealed: Sealed = { groupId: this.groupId, text }
    const envelope: Envelope = { session: this.#outbound.session_id(), body: this.#outbound.encrypt(JSON.stringify(sealed)) }
    return JSON.stringify(envelope)
  }

  /** The text; undefined while the key of its sender has not come. Throws when it is a replay or not for this group. */
  decrypt(from: string, ciphertext: string): string | undefined {
    const envelope = JSON.parse(ciphertext) as Envelope
    const inbound = this.#inbound.get(`${from} ${envelope.session}`)
    if (inbound === undefined) return undefined
    const { message_index: index, plaintext } = inbound.session.decrypt(envelope.body)
    if (inbound.seen.has(index)) throw new Error(`message ${index} of ${from} was read before`)
    inbound.seen.add(index)
    const { groupId, text } = JSON.parse(plaintext) as Sealed
    if (groupId !== this.groupId) throw new Error(`it was written for group ${groupId}`)
    return text
  }
}
