import { expect, onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../clock.ts'
import {
  type Conversation,
  type Incident,
  type IncidentKind,
  type Message,
  memoryStorage,
  Sotto,
  type SottoEvents,
  type SottoOptions,
} from '../index.ts'
import type { ClientStorage } from '../storage/storage.ts'
import { type DeviceRecord, unpack } from '../sync/records.ts'
import type { Device, HostileServer } from './hostile-server.suite.ts'

/** A hang guard, never a measure. */
export const eventually = { timeout: 20_000, interval: 10 }

/** An honest device behind a hostile server, with everything that it was told, in order. */
export interface Actor extends Device {
  readonly sotto: Sotto
  readonly storage: WatchedStorage
  /** Messages as they were handed over: own ones are not among them. */
  readonly messages: Message[]
  readonly incidents: Incident[]
  readonly unreadable: SottoEvents['unreadable'][]
  readonly identityChanges: SottoEvents['identityChanged'][]
  /** Names of all of these events, in order. */
  readonly told: string[]
  texts(): (string | undefined)[]
  kinds(): IncidentKind[]
  /** Passes time, as far as this device can tell. */
  later(ms: number): void
  /** Closes, and opens again on the same storage. */
  again(): Promise<Actor>
  chat(id: string): Conversation
}

export interface ActorOptions extends Partial<SottoOptions> {
  readonly storage?: WatchedStorage
}

/** Nothing is sent but what a test sends; what is meant to wait a random while does not. */
export async function actor(server: HostileServer, userId: string, options: ActorOptions = {}): Promise<Actor> {
  const storage = options.storage ?? watchedStorage()
  const { clock, later } = hastyClock()
  const sotto = await Sotto.open({
    url: server.url,
    token: () => server.userToken(userId),
    receipts: { delivered: false, read: false },
    clock,
    ...options,
    storage,
  })
  onTestFinished(() => sotto.close())
  const messages: Message[] = []
  const incidents: Incident[] = []
  const unreadable: SottoEvents['unreadable'][] = []
  const identityChanges: SottoEvents['identityChanged'][] = []
  const told: string[] = []
  sotto.on('message', (message) => {
    messages.push(message)
    told.push(`message ${message.text}`)
  })
  sotto.on('error', (incident) => {
    incidents.push(incident)
    told.push(`error ${incident.kind}`)
  })
  sotto.on('unreadable', (event) => {
    unreadable.push(event)
    told.push(`unreadable ${event.reason}`)
  })
  sotto.on('identityChanged', (event) => {
    identityChanges.push(event)
    told.push(`identityChanged ${event.userId}`)
  })
  sotto.on('deviceAdded', ({ userId: of, device }) => void told.push(`deviceAdded ${of} ${device.name}`))
  return {
    sotto,
    storage,
    messages,
    incidents,
    unreadable,
    identityChanges,
    told,
    userId,
    deviceId: sotto.deviceId,
    texts: () => messages.map(({ text }) => text),
    kinds: () => incidents.map(({ kind }) => kind),
    later,
    async again() {
      await sotto.close()
      return actor(server, userId, { ...options, storage })
    },
    chat(id) {
      const chat = sotto.find(id)
      if (chat === undefined) throw new Error(`${userId} has no such conversation`)
      return chat
    },
  }
}

/** Time that a test can pass, and chance that picks the shortest wait wherever one is to be spread. */
function hastyClock(): { clock: Clock; later: (ms: number) => void } {
  let skewMs = 0
  return {
    clock: {
      now: () => systemClock.now() + skewMs,
      // Two bytes or four are what spreads delays; no key is as short.
      random: (bytes) => (bytes <= 4 ? new Uint8Array(bytes) : systemClock.random(bytes)),
    },
    later: (ms) => {
      skewMs += ms
    },
  }
}

/** A storage whose values can be looked at, as by somebody who holds the device. */
export interface WatchedStorage extends ClientStorage {
  readonly values: ReadonlyMap<string, Uint8Array>
  /** Brings back what it held then: a backup. */
  snapshot(): Promise<WatchedStorage>
}

export function watchedStorage(values = new Map<string, Uint8Array>()): WatchedStorage {
  const inner = memoryStorage()
  const filled = (async () => {
    const storage = await inner.open()
    const changes = [...values].map(([name, value]) => {
      const [collection, key] = JSON.parse(name) as [Parameters<typeof storage.get>[0], string]
      return { collection, key, value }
    })
    await storage.write(changes)
    await storage.close()
  })()
  return {
    ...inner,
    values,
    async open(options) {
      await filled
      const storage = await inner.open(options)
      return {
        ...storage,
        async write(changes) {
          await storage.write(changes)
          for (const { collection, key, value } of changes) {
            const name = JSON.stringify([collection, key])
            if (value === undefined) values.delete(name)
            else values.set(name, value.slice())
          }
        },
      }
    },
    snapshot: async () => watchedStorage(new Map([...values].map(([name, value]) => [name, value.slice()]))),
  }
}

/** The keys of a device, as a thief of it has them. */
export function deviceRecordOf({ storage }: Pick<Actor, 'storage'>): DeviceRecord {
  return unpack<DeviceRecord>(storage.values.get(JSON.stringify(['device', 'self']))!)
}

/** The records of a group's MLS state, for an engine's `loadGroup`. */
export function groupRecordsOf({ storage }: Pick<Actor, 'storage'>, conversationId: string): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>()
  for (const [name, value] of storage.values) {
    const [collection, key] = JSON.parse(name) as [string, string]
    const prefix = `${conversationId}/`
    if (collection === 'mls' && key.startsWith(prefix)) records.set(key.slice(prefix.length), value.slice())
  }
  return records
}

/** Everybody is in, and has read a first message of the first of them. */
export async function groupOf(
  server: HostileServer,
  userIds: readonly [string, string, string] = ['alice', 'bob', 'carol'],
): Promise<{ id: string; actors: [Actor, Actor, Actor] }> {
  const [one, two, three] = userIds
  const actors = await Promise.all([actor(server, one), actor(server, two), actor(server, three)])
  const [first, ...others] = actors
  const team = await first.sotto.createGroup({ name: 'team', members: others.map(({ userId }) => userId) })
  await team.send('first')
  await arrives('first', team.id, others)
  return { id: team.id, actors }
}

/** Two of them, and a first message. */
export async function pairOf(server: HostileServer): Promise<{ id: string; alice: Actor; bob: Actor }> {
  const [alice, bob] = await Promise.all([actor(server, 'alice'), actor(server, 'bob')])
  const chat = await alice.sotto.conversation('bob')
  await chat.send('first')
  await arrives('first', chat.id, [bob])
  return { id: chat.id, alice, bob }
}

/** All of these are handed the text, once. */
export async function arrives(text: string, conversationId: string, readers: readonly Actor[]): Promise<void> {
  for (const reader of readers) {
    await expect
      .poll(
        () =>
          reader.messages.filter((one) => one.text === text && one.conversationId === conversationId).length ||
          `${reader.userId}: ${reader.told.join(', ')}`,
        eventually,
      )
      .toBe(1)
  }
}

/** All of them are in, and in the same epoch, a later one than `after`. */
export async function settled(conversationId: string, actors: readonly Actor[], after = 0): Promise<void> {
  const stand = () => actors.map((one) => one.sotto.find(conversationId)?.toJSON())
  await expect
    .poll(() => {
      const stands = stand()
      const [first] = stands
      const isSo = stands.every((one) => one?.state === 'active' && one.epoch === first?.epoch && (one.epoch ?? 0) > after)
      return isSo || stands.map((one, index) => [actors[index]?.userId, one?.state, one?.epoch, actors[index]?.told.join(', ')])
    }, eventually)
    .toBe(true)
}

/** After all that was done to them, each can write and is read by all others; nothing was ever shown twice. */
export async function allTalk(conversationId: string, actors: readonly Actor[]): Promise<void> {
  await settled(conversationId, actors)
  for (const writer of actors) {
    const text = `${writer.userId} is here, ${crypto.randomUUID()}`
    await writer.chat(conversationId).send(text)
    await arrives(
      text,
      conversationId,
      // One's own devices are shown it as one's own message.
      actors.filter(({ userId }) => userId !== writer.userId),
    )
  }
  for (const one of actors) nothingTwice(one)
}

export function nothingTwice({ messages, unreadable }: Actor): void {
  const ids = [...messages.map(({ id }) => id), ...unreadable.map(({ message }) => message.id)]
  expect(new Set(ids).size).toBe(ids.length)
  const texts = messages.map(({ text }) => text)
  expect(new Set(texts).size).toBe(texts.length)
}

/** The incident of this kind has been told. */
export async function incidentOf(one: Actor, kind: IncidentKind): Promise<Incident> {
  await expect.poll(() => (one.kinds().includes(kind) ? kind : one.told), eventually).toBe(kind)
  return one.incidents.find((incident) => incident.kind === kind)!
}

/** Nothing that was written to the server can be read there. */
export function nothingSeen(server: HostileServer, texts: readonly string[]): void {
  for (const text of texts) expect(server.saw(text)).toBe(false)
}

export function membersOf(one: Actor, conversationId: string): string[] {
  return one
    .chat(conversationId)
    .members.map(({ userId }) => userId)
    .sort()
}

/** The conversation stands like this with all of them. */
export async function allAre(state: Conversation['state'], conversationId: string, actors: readonly Actor[]): Promise<void> {
  for (const one of actors) await expect.poll(() => one.chat(conversationId).state, eventually).toBe(state)
}
