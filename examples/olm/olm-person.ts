import { randomUUID } from 'node:crypto'
import type { Accepted } from '@sotto/protocol'
import { type Message, type Outgoing, RelayClient } from '../relay/relay-client.ts'
import { devToken, RelayHttp } from '../relay/relay-http.ts'
import type { Witness } from '../stage/witness.ts'
import { type GroupKey, MegolmGroup } from './megolm-group.ts'
import { OlmDevice } from './olm-device.ts'

/** What travels inside of the 1:1 channel. */
type Content = { readonly text: string } | { readonly groupKey: GroupKey }

const contentTypes = { direct: 'application/x-olm+json', group: 'application/x-megolm+json' } as const
/** Everybody in the demo has one device. */
const deviceId = 'phone'
const oneTimeKeys = 10

const deviceOf = (user: string) => `${user}/${deviceId}`
const userOf = (device: string) => device.slice(0, device.lastIndexOf('/'))

/** Somebody with a phone: Olm for the encryption, the relay for the way. */
export class OlmPerson {
  readonly name: string
  readonly relay: RelayClient
  readonly #http: RelayHttp
  readonly #witness: Witness
  readonly #device: OlmDevice
  readonly #groups = new Map<string, MegolmGroup>()
  /** Group messages that were faster than the key that reads them. */
  #early: Message[] = []

  private constructor(name: string, address: string, token: string, witness: Witness) {
    this.name = name
    this.#witness = witness
    this.#device = new OlmDevice(deviceOf(name))
    this.#http = new RelayHttp(address, token)
    this.relay = new RelayClient({
      url: `ws://${address}/ws`,
      token,
      store: async (message) => this.#store(message),
      observe: witness.observer(name),
    })
  }

  /** A new device, whose keys the server can hand out from now on. It need not be online for that. */
  static async register(name: string, address: string, witness: Witness): Promise<OlmPerson> {
    const person = new OlmPerson(name, address, await devToken(address, name, deviceId), witness)
    await person.#http.publishKeys(person.#device.newKeys(oneTimeKeys))
    return person
  }

  safetyNumber(user: string): string {
    return this.#device.safetyNumber(deviceOf(user))
  }

  /** Resolves once the server has accepted it. With a session it is on the wire when this returns. */
  say(user: string, text: string): Promise<Accepted> {
    return this.#tell(user, { text })
  }

  /** Creates a group. Resolves with its id, once each member has been sent the key of this device's messages. */
  async createGroup(users: readonly string[]): Promise<string> {
    const groupId = await this.#http.createGroup(users)
    await this.#shareKey(this.#enter(groupId, [this.name, ...users].map(deviceOf)))
    return groupId
  }

  /** Resolves once the server has accepted it. It is on the wire when this returns. */
  sayInGroup(groupId: string, text: string): Promise<Accepted> {
    const group = this.#groups.get(groupId)
    if (group === undefined) throw new Error(`${this.name} is not in group ${groupId}`)
    const message = outgoing('group', groupId, group.encrypt(text))
    const readers = group.members.map(userOf).filter((user) => user !== this.name)
    this.#witness.says(this.name, message, text, readers)
    return this.relay.send(message)
  }

  #tell(user: string, content: Content): Promise<Accepted> {
    return this.#device.hasSession(deviceOf(user))
      ? this.#send(user, content)
      : this.#begin(user).then(() => this.#send(user, content))
  }

  async #begin(user: string): Promise<void> {
    const claimed = await this.#http.claimKeys(user, deviceId)
    // Both sides may begin at the same time; what has come meanwhile is as good.
    if (!this.#device.hasSession(deviceOf(user))) this.#device.begin(deviceOf(user), claimed)
  }

  #send(user: string, content: Content): Promise<Accepted> {
    // Encrypted once: when it has to be sent again, it is these bytes under this id, not another step of the ratchet.
    const message = { ...outgoing('direct', user, this.#device.encrypt(deviceOf(user), content)), device: deviceId }
    this.#witness.says(this.name, message, wordsOf(content), [user])
    return this.relay.send(message)
  }

  #enter(groupId: string, members: readonly string[]): MegolmGroup {
    const group = new MegolmGroup(groupId, members)
    this.#groups.set(groupId, group)
    return group
  }

  async #shareKey({ members, key }: MegolmGroup): Promise<void> {
    const others = members.map(userOf).filter((user) => user !== this.name)
    await Promise.all(others.map((user) => this.#tell(user, { groupKey: key })))
  }

  /** In memory here. What cannot be read is kept and acknowledged like the rest: it would not get better. */
  #store(message: Message): void {
    try {
      if (message.scope === 'group') this.#readInGroup(message)
      else this.#read(message)
    } catch (error) {
      this.#witness.cannotRead(this.name, message, String(error))
    }
  }

  #read(message: Message): void {
    const from = `${message.from}/${message.fromDevice}`
    const content = this.#device.decrypt(from, message.ciphertext) as Content
    this.#witness.reads(this.name, message, wordsOf(content))
    if ('groupKey' in content) this.#takeKey(from, content.groupKey, message)
  }

  #readInGroup(message: Message): void {
    const from = `${message.from}/${message.fromDevice}`
    const text = this.#groups.get(message.to)?.decrypt(from, message.ciphertext)
    if (text === undefined) this.#early.push(message)
    else this.#witness.reads(this.name, message, text)
  }

  /** The first key of a group is the invitation to it; it is answered with the key of this device. */
  #takeKey(from: string, key: GroupKey, message: Message): void {
    const known = this.#groups.get(key.groupId)
    const group = known ?? this.#enter(key.groupId, key.members)
    group.addKey(from, key)
    if (known === undefined) this.#shareKey(group).catch((error) => this.#witness.cannotRead(this.name, message, String(error)))
    const early = this.#early
    this.#early = []
    for (const each of early) this.#store(each)
  }
}

/** What the ledger compares at both ends. */
function wordsOf(content: Content): string {
  return 'text' in content ? content.text : content.groupKey.sessionKey
}

function outgoing(scope: 'direct' | 'group', to: string, ciphertext: string): Outgoing {
  return { id: randomUUID(), to, scope, ciphertext, contentType: contentTypes[scope] }
}
