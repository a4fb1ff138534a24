import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from '../stage/server-process.ts'
import { everythingIn, tracesOf } from '../stage/traces.ts'
import { transcript } from '../stage/transcript.ts'
import { Device } from './device.ts'
import type { Ledger, Search } from './ledger.ts'
import type { Shown, Told } from './orders.ts'

/** Longer than anything here takes, on a machine that has much else to do. */
const hangMs = 60_000
const lookMs = 20

/** All devices, and a witness of what they are told. */
export class Cast {
  readonly server: ServerProcess
  readonly directory = mkdtempSync(join(tmpdir(), 'sotto-team-'))
  readonly devices: Device[] = []
  readonly #sent: Ledger['sent'] = []
  readonly #handed: Ledger['handed'] = []
  readonly #unreadable: Ledger['unreadable'] = []
  readonly #has = new Map<string, Set<string>>()
  readonly #dying = new Set<string>()
  #isQuiet = false

  constructor(server: ServerProcess) {
    this.server = server
  }

  device(userId: string, name: string): Device {
    const setting = { url: `http://${this.server.address}`, file: join(this.directory, name, 'device.db') }
    const device = new Device(userId, name, setting, (from, told) => this.#heard(from, told))
    this.devices.push(device)
    this.#has.set(name, new Set())
    return device
  }

  /** Ends all devices, and removes what they have kept. */
  async clear(): Promise<void> {
    await Promise.all(this.devices.map((device) => device.end()))
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }

  /** Counts as before, and shows nothing, while something happens many times. */
  async quietly<result>(run: () => Promise<result>): Promise<result> {
    this.#isQuiet = true
    try {
      return await run()
    } finally {
      this.#isQuiet = false
    }
  }

  /** Sends, and notes who is to have it. Resolves once it is on the sender's disk. */
  async says(device: Device, conversationId: string, text: string, readers: readonly Device[]): Promise<void> {
    if (!this.#isQuiet) transcript.line(device.name, `writes: “${text}”`)
    const id = await device.ask('send', conversationId, text)
    this.#sent.push({ id, text, author: device.name, readers: readers.map(({ name }) => name) })
  }

  /** Until everybody has everything that was sent so far. If something is lost, the counts will tell. */
  async settled(): Promise<void> {
    const isMissing = () =>
      this.#sent.some(({ id, readers }) => readers.some((reader) => this.#has.get(reader)?.has(id) !== true))
    for (let waitedMs = 0; isMissing() && waitedMs < hangMs; waitedMs += lookMs) await sleep(lookMs)
  }

  /** How many messages are in outboxes: on their sender's disk, and not at the server as far as it knows. */
  get waiting(): number {
    return this.#sent.filter(({ id, author }) => this.#has.get(author)?.has(id) !== true).length
  }

  /** How many messages a device has, but for those that it has sent and the server does not have yet. */
  shownBy({ name }: Device): number {
    return this.#has.get(name)?.size ?? 0
  }

  /** The device is reading the message that it dies of. */
  async isDying({ name }: Device): Promise<void> {
    await until(`${name} to read its last message`, async () => this.#dying.has(name))
  }

  async ledger(): Promise<Ledger> {
    const histories = new Map<string, readonly Shown[]>()
    for (const device of this.devices) histories.set(device.name, await device.ask('history'))
    return { sent: this.#sent, histories, handed: this.#handed, unreadable: this.#unreadable }
  }

  /** Looks for every text in all files. `known`: what the server does have, for the search to find. */
  search(known: readonly string[]): Search {
    const texts = this.#sent.map(({ text }) => text)
    const atServer = everythingIn(this.server.dataDir, this.server.log)
    return {
      secrets: texts.length,
      atServer: tracesOf(texts, atServer),
      onDevices: tracesOf(texts, everythingIn(this.directory, '')),
      known: known.length,
      knownFound: tracesOf(known, atServer).length,
    }
  }

  #heard({ name }: Device, told: Told): void {
    switch (told.type) {
      case 'handed':
        this.#handed.push({ id: told.message.id, device: name })
        this.#has.get(name)?.add(told.message.id)
        if (!this.#isQuiet) transcript.line(name, `reads, from ${told.message.from}: “${told.message.text}”`)
        return
      case 'own':
        this.#has.get(name)?.add(told.message.id)
        return
      case 'dying':
        this.#handed.push({ id: told.message.id, device: name })
        this.#dying.add(name)
        transcript.line(name, `begins to read, from ${told.message.from}: “${told.message.text}”`)
        return
      case 'unreadable':
        this.#unreadable.push({ device: name, reason: told.reason })
        transcript.blow(name, `cannot read a message: ${told.reason}`)
        return
      case 'incident':
        // Expected while the server is down, and after a removal.
        if (told.kind !== 'background_failed') transcript.wire(name, `(${told.kind}: ${told.detail})`)
        return
      default:
    }
  }
}

/** Looks until it is so. */
export async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < hangMs; waitedMs += lookMs) {
    if (await look()) return
    await sleep(lookMs)
  }
  throw new Error(`waited in vain for ${what}`)
}
