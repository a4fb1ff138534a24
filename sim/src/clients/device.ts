import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClientStorage, type Conversation, type Message, memoryStorage, Sotto } from '@sotto/client'
import { sqliteStorage } from '@sotto/client/node'
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

/** An installation of the SDK, with an application that handles what it is handed, and sometimes fails to. */
export class SimDevice {
  readonly userId: string
  readonly #parts: DeviceParts
  readonly #storage: ClientStorage
  readonly #tap: WireTap
  #sotto: Sotto
  #opening = 1
  /** Being closed and opened again, or gone for good. */
  isAway = false
  /** It has been taken out by another device of its user. */
  isRevoked = false
  readonly deviceId: string

  private constructor(userId: string, parts: DeviceParts, storage: ClientStorage, tap: WireTap, sotto: Sotto) {
    this.userId = userId
    this.#parts = parts
    this.#storage = storage
    this.#tap = tap
    this.#sotto = sotto
    this.deviceId = sotto.deviceId
    this.#listen()
  }

  /** `sqliteDirectory`: where it keeps its database; in memory unless given. `onCode`: it is linked by another device. */
  static async open(
    userId: string,
    parts: DeviceParts,
    { sqliteDirectory, onCode }: { readonly sqliteDirectory?: string; readonly onCode?: (code: string) => void } = {},
  ): Promise<SimDevice> {
    const { server, logs } = parts
    const tap = await startWireTap(() => server.address, logs.witness())
    const storage =
      sqliteDirectory === undefined ? memoryStorage() : sqliteStorage({ path: join(sqliteDirectory, `${userId}.db`) })
    const sotto = await Sotto.open({
      url: tap.url,
      token: () => mintToken(server.secret, userId),
      storage,
      ...(onCode === undefined ? {} : { link: { onCode } }),
    })
    return new SimDevice(userId, parts, storage, tap, sotto)
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

  /** Nothing waits: no message to be sent, no group to come into. */
  async isSettled(): Promise<boolean> {
    if (this.#sotto.state !== 'online') return false
    for (const chat of this.#sotto.conversations()) {
      if (chat.state === 'joining' || chat.state === 'broken') return false
      for await (const { status } of chat.messages({ limit: 30 })) if (status === 'queued') return false
    }
    return true
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
    this.#sotto = await Sotto.open({
      url: this.#tap.url,
      token: () => mintToken(this.#parts.server.secret, this.userId),
      storage: this.#storage,
    })
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
    this.#sotto.on('message', async ({ conversationId: group, id }) => {
      const isFailing = chance.chance(failing)
      await sleep(chance.below(3))
      handed.push({ device, opening, group, id, resolved: !isFailing })
      if (isFailing) throw new Error('the application fails on purpose')
    })
    this.#sotto.on('error', ({ kind, conversationId: group, detail }) => {
      incidents.push({ device, kind, group, detail })
    })
    this.#sotto.on('identityChanged', ({ accept }) => accept())
  }

  async #withMls(groups: readonly GroupView[]): Promise<GroupView[]> {
    const engine = await createMlsEngine({ clock: systemClock })
    const open = await this.#storage.open()
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
