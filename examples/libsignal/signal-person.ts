import { randomInt, randomUUID } from 'node:crypto'
import { ProtocolAddress } from '@signalapp/libsignal-client'
import { type Message, type Outgoing, RelayClient } from '../relay/relay-client.ts'
import { devToken, RelayHttp } from '../relay/relay-http.ts'
import type { Witness } from '../stage/witness.ts'
import { SignalDevice } from './signal-device.ts'

/** libsignal numbers devices from 1 to 127; on the wire the number is the device's id. */
const deviceNumber = 1
const deviceId = String(deviceNumber)
const oneTimePreKeys = 10

const addressOf = (user: string) => ProtocolAddress.new(user, deviceNumber)

/** Somebody with a phone: libsignal for the encryption, the relay for the way. */
export class SignalPerson {
  readonly name: string
  readonly relay: RelayClient
  readonly #http: RelayHttp
  readonly #witness: Witness
  readonly #device: SignalDevice

  private constructor(name: string, address: string, token: string, witness: Witness) {
    this.name = name
    this.#witness = witness
    this.#device = new SignalDevice(addressOf(name), randomInt(1, 16_381))
    this.#http = new RelayHttp(address, token)
    this.relay = new RelayClient({
      url: `ws://${address}/ws`,
      token,
      store: (message) => this.#store(message),
      observe: witness.observer(name),
    })
  }

  /** A new device, whose keys the server can hand out from now on. It need not be online for that. */
  static async register(name: string, address: string, witness: Witness): Promise<SignalPerson> {
    const person = new SignalPerson(name, address, await devToken(address, name, deviceId), witness)
    await person.#http.publishKeys(await person.#device.newKeys(oneTimePreKeys))
    return person
  }

  /** Encrypted once: when it has to be sent again, it is these bytes under this id, not another step of the ratchet. */
  async encrypt(user: string, text: string): Promise<Outgoing> {
    const peer = addressOf(user)
    if (!(await this.#device.hasSession(peer))) await this.#device.begin(peer, await this.#http.claimKeys(user, deviceId))
    const ciphertext = await this.#device.encrypt(peer, text)
    const contentType = 'application/x-signal+json'
    const message: Outgoing = { id: randomUUID(), to: user, scope: 'direct', device: deviceId, ciphertext, contentType }
    this.#witness.says(this.name, message, text, [user])
    return message
  }

  /** Resolves once the server has accepted it. */
  async say(user: string, text: string): Promise<void> {
    await this.relay.send(await this.encrypt(user, text))
  }

  safetyNumber(user: string): Promise<string> {
    return this.#device.safetyNumber(addressOf(user))
  }

  /** In memory here. What cannot be read is acknowledged like the rest: it would not get better. */
  async #store(message: Message): Promise<void> {
    try {
      const from = ProtocolAddress.new(message.from, Number(message.fromDevice))
      this.#witness.reads(this.name, message, await this.#device.decrypt(from, message.ciphertext))
    } catch (error) {
      this.#witness.cannotRead(this.name, message, String(error))
    }
  }
}
