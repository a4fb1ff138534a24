import { setTimeout as sleep } from 'node:timers/promises'
import { type Conversation, type Message, memoryStorage, Sotto, type SottoOptions } from '@sotto/client'
import { systemClock } from '../../../packages/client/src/clock.ts'
import { createMlsEngine } from '../../../packages/client/src/mls/ts-mls-engine.ts'
import type { DeviceName } from '../history.ts'
import type { Seeded } from '../seeded.ts'
import type { ServerProcess } from '../server-process.ts'
import { mintToken } from '../token.ts'
import { startWireTap, type WireTap } from '../wire-tap.ts'
import type { GroupLogs } from './group-logs.ts'
import type { GroupView, Handed, RecordedIncident, ShownMessage, View } from './record.ts'

export interface DeviceParts {
  readonly server: ServerProcess
  readonly logs: GroupLogs
  readonly chance: Seeded
  readonly handed: Handed[]
  readonly incidents: RecordedIncident[]
}

/** Handlers that fail on purpose: the message comes again. */
const failing = 0.02

/** Users whose devices send receipts, by the first letter of their names: receipts of all would be most of the traffic. */
const receiptsOf = /^[a-c]/

/** An installation of the SDK, with an application that handles what it is handed, and sometimes fails to. */
export class SimDevice {
  readonly userId: string
  readonly #parts: DeviceParts
  readonly #options: SottoOptions
  readonly #tap: WireTap
  #sotto: Sotto
  #opening = 1
  /** Being closed and opened again, or gone for good. */
  isAway = false
  /** It has been taken out by another device of its user. */
  isRevoked = false
  readonly deviceId: string

  private constructor(userId: string, parts: DeviceParts, options: SottoOptions, tap: WireTap, sotto: Sotto) {
    this.userId = userId
    this.#parts = parts
    this.#options = options
    this.#tap = tap
    this.#sotto = sotto
    this.deviceId = sotto.deviceId
    this.#listen()
  }

  /** `onCode`: it is to be linked by another device of its user. */
  static async open(
    userId: string,
    parts: DeviceParts,
    { onCode }: { readonly onCode?: (code: string) => void } = {},
  ): Promise<SimDevice> {
    const { server, logs } = parts
    const tap = await startWireTap(() => server.address, logs.witness())
    const storage = memoryStorage()
    const options = {
      url: tap.url,
      token: () => mintToken(server.secret, userId),
      storage,
      receipts: { delivered: receiptsOf.test(userId) },
    }
    const sotto = await Sotto.open(onCode === undefined ? options : { ...options, link: { onCode } })
    return new SimDevice(userId, parts, options, tap, sotto)
  }

  get name(): DeviceName {
    return `${this.userId}/${this.deviceId}`
  }

  get sotto(): Sotto {
    return this.#sotto
  }

  get isUsable(): boolean {
    return !this.isAway && !this.isRevoked
  }

  /** Conversations that it can write to. */
  get active(): Conversation[] {
    return this.#sotto.conversations().filter(({ state }) => state === 'active')
  }

  /** What is still under way: a message to be sent, a group to come into. */
  async unsettled(): Promise<string[]> {
    const found = this.#sotto.state === 'online' ? [] : [`${this.name} is ${this.#sotto.state}`]
    for (const chat of this.#sotto.conversations()) {
      if (chat.state === 'joining' || chat.state === 'broken') found.push(`${this.name} is ${chat.state} in ${chat.id}`)
      for await (const { status, text } of chat.messages({ limit: 30 }))
        if (status === 'queued') found.push(`${this.name} has ${text?.slice(0, 10)} queued for ${chat.id}`)
    }
    return found
  }

  cut(): void {
    this.#tap.cut()
  }

  /** The network is away for a while. */
  async lose(ms: number): Promise<void> {
    this.#tap.isDown = true
    await sleep(ms)
    this.#tap.isDown = false
  }

  /** The application is ended and started again. */
  async restart(): Promise<void> {
    if (this.isAway) return
    this.isAway = true
    await this.#sotto.close()
    this.#sotto = await Sotto.open(this.#options)
    this.#opening++
    this.#listen()
    this.isAway = false
  }

  /** Everything that its user sees. It is closed for that, and what it has stored of its MLS states is read. */
  async view(): Promise<View> {
    const groups: GroupView[] = []
    for (const chat of this.#sotto.conversations()) {
      const messages: ShownMessage[] = []
      for await (const message of chat.messages()) messages.push(shownOf(message))
      const members = Object.fromEntries(chat.members.map(({ userId, role }) => [userId, role]).sort())
      groups.push({ group: chat.id, state: chat.state, mls: undefined, members, messages })
    }
    await this.end()
    return { device: this.name, groups: await this.#withMls(groups) }
  }

  async end(): Promise<void> {
    this.isAway = true
    await this.#sotto.close()
    await this.#tap.close()
  }

  #listen(): void {
    const { handed, incidents, chance } = this.#parts
    const [device, opening] = [this.name, this.#opening]
    this.#sotto.on('message', async ({ id }) => {
      handed.push({ device, opening, id, event: 'handed' })
      await sleep(chance.below(3))
      if (chance.chance(failing)) throw new Error('the application fails on purpose')
      // Whether it resolves after the end is nothing to anybody.
      if (!this.isAway && opening === this.#opening) handed.push({ device, opening, id, event: 'handled' })
    })
    this.#sotto.on('error', ({ kind, conversationId: group, detail }) => {
      incidents.push({ device, kind, group, detail })
    })
    // The application may be closed at any moment; what it has not accepted by then it verifies when it is opened again.
    this.#sotto.on('identityChanged', ({ accept }) => accept().catch(() => {}))
    void this.#verifyAll().catch(() => {})
  }

  async #verifyAll(): Promise<void> {
    for (const userId of new Set(this.#sotto.conversations().flatMap(({ blockedBy }) => blockedBy))) {
      const number = await this.#sotto.safetyNumber(userId)
      await number.verify(number.digits)
    }
  }

  async #withMls(groups: readonly GroupView[]): Promise<GroupView[]> {
    const engine = await createMlsEngine({ clock: systemClock })
    const open = await this.#options.storage.open()
    try {
      return await Promise.all(
        groups.map(async (view) => {
          const prefix = `${view.group}/`
          const items = await open.range('mls', { prefix })
          if (items.length === 0) return view
          const state = engine.loadGroup(new Map(items.map(({ key, value }) => [key.slice(prefix.length), value])))
          const generation = Number(state.groupId.split('.')[1] ?? 0)
          const authenticator = Buffer.from(state.epochAuthenticator).toString('hex')
          return { ...view, mls: { generation, epoch: state.epoch, authenticator } }
        }),
      )
    } finally {
      await open.close()
    }
  }
}

function shownOf(message: Message): ShownMessage {
  const { id, from, fromDevice, own, text, status, failure, unreadable, order } = message
  return {
    id,
    from: `${from}/${fromDevice}`,
    own,
    text,
    status,
    failure,
    unreadable,
    seq: order.startsWith('~') ? undefined : Number(order),
  }
}
