import { onTestFinished } from 'vitest'
import {
  type ClientStorage,
  type Conversation,
  type Incident,
  type LinkOptions,
  type Message,
  memoryStorage,
  Sotto,
} from '../index.ts'
import { type Relay, startRelay } from '../transport/relay.suite.ts'

/**
 * What examples find: Alice's device, and what an application has at hand. Bob, Carol and Dave are other users of the
 * same server.
 */
export interface Scene {
  readonly url: string
  /** A token of the user whose device an example opens: of Alice where she links or begins anew, else of somebody new. */
  readonly jwt: string
  readonly token: () => Promise<string>
  /** New and empty. */
  readonly storage: ClientStorage
  /** Alice's. */
  readonly sotto: Sotto
  readonly bob: Sotto
  /** Of Alice with Bob. */
  readonly chat: Conversation
  /** Of Alice, who owns it, with Bob and Carol. */
  readonly team: Conversation
  /** Of Alice to Bob, in `chat`. */
  readonly message: Message
  /** The same, as Bob has it. */
  readonly received: Message
  /** What a new device of Alice shows, to be linked. */
  readonly code: string
  /** Id of another device of Alice. */
  readonly lost: string
  /** What Bob's screen shows beside Alice's. */
  readonly scanned: string
  /** Shows a text or a QR code. Where it is a link code, Alice scans it with the device that she has. */
  readonly show: (text: string) => void
}

export const sceneNames = [
  'url',
  'jwt',
  'token',
  'storage',
  'sotto',
  'bob',
  'chat',
  'team',
  'message',
  'received',
  'code',
  'lost',
  'scanned',
  'show',
] as const satisfies readonly (keyof Scene)[]

type SceneName = (typeof sceneNames)[number]

/** Milliseconds after which what should come is given up. */
export const eventually = 15_000

/** Looks until something is there. */
async function soon<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  for (const until = Date.now() + eventually; Date.now() < until; await new Promise((wake) => setTimeout(wake, 20))) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`never came: ${what}`)
}

/** One server with its users, opened when an example first needs them. Ends with the test. */
export class Stage {
  private readonly relay: Relay
  private readonly users = new Map<string, Promise<Sotto>>()
  private readonly opened: Promise<Sotto>[] = []
  private strangers = 0
  private readonly told: Incident[] = []

  private constructor(relay: Relay) {
    this.relay = relay
  }

  static async open(): Promise<Stage> {
    const stage = new Stage(await startRelay())
    onTestFinished(() => stage.close())
    return stage
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled([...this.opened, ...this.users.values()])
    await Promise.all(opened.map((one) => (one.status === 'fulfilled' ? one.value.close() : undefined)))
  }

  /** What should not have happened, on any device; that a revoked one is told so is as it should be. */
  incidents(): readonly Incident[] {
    return this.told.filter(({ kind }) => kind !== 'session_ended')
  }

  /** Closed together with the stage. */
  keep(opening: Promise<Sotto>): void {
    this.opened.push(opening)
  }

  /** What an example is given: each name only where it is used, so that the rest costs nothing. */
  async sceneFor(code: string, names: readonly SceneName[]): Promise<Scene> {
    for (const userId of ['bob', 'carol', 'dave']) if (code.includes(`'${userId}'`)) await this.user(userId)
    const userId = /\b(link|reset):/.test(code) ? 'alice' : `user${++this.strangers}`
    if (userId === 'alice') await this.user('alice')
    const scene: Record<string, unknown> = {}
    for (const name of names) scene[name] = await this.make(name, userId)
    return scene as unknown as Scene
  }

  private user(userId: string): Promise<Sotto> {
    const known = this.users.get(userId) ?? this.openDevice(userId)
    this.users.set(userId, known)
    return known
  }

  private async openDevice(userId: string, link?: LinkOptions): Promise<Sotto> {
    const { url } = this.relay
    const options = { url, token: () => this.relay.userToken(userId), storage: memoryStorage() }
    const sotto = await Sotto.open(link === undefined ? options : { ...options, link })
    sotto.on('error', (incident) => void this.told.push(incident))
    return sotto
  }

  private async make(name: SceneName, userId: string): Promise<Scene[SceneName]> {
    switch (name) {
      case 'url':
        return this.relay.url
      case 'jwt':
        return this.relay.userToken(userId)
      case 'token':
        return () => this.relay.userToken(userId)
      case 'storage':
        return memoryStorage()
      case 'sotto':
        return this.user('alice')
      case 'bob':
        return this.user('bob')
      case 'chat':
        await this.user('bob')
        return (await this.user('alice')).conversation('bob')
      case 'team':
        return this.team()
      case 'message':
        return this.sent()
      case 'received':
        return this.atBob((await this.sent()).id)
      case 'code':
        return (await this.newDevice()).code
      case 'lost': {
        const alice = await this.user('alice')
        const { code, opening } = await this.newDevice()
        await alice.linkDevice(code)
        return (await opening).deviceId
      }
      case 'scanned': {
        await this.user('alice')
        return (await (await this.user('bob')).safetyNumber('alice')).qrPayload
      }
      case 'show': {
        const alice = await this.user('alice')
        return (text: string) => {
          if (!text.startsWith('sotto-safety-number:')) void alice.linkDevice(text)
        }
      }
    }
  }

  private async team(): Promise<Conversation> {
    const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((userId) => this.user(userId)))
    const team = await alice!.createGroup({ name: 'Team', members: ['bob', 'carol'] })
    await soon(() => bob!.find(team.id) && carol!.find(team.id), 'the team')
    return team
  }

  private async sent(): Promise<Message> {
    await this.user('bob')
    const chat = await (await this.user('alice')).conversation('bob')
    const message = await chat.send('a message')
    await this.atBob(message.id)
    return message
  }

  private async atBob(messageId: string): Promise<Message> {
    const bob = await this.user('bob')
    return soon(() => bob.message(messageId), 'the message')
  }

  /** A device of Alice that waits to be linked by its code. */
  private newDevice(): Promise<{ readonly code: string; readonly opening: Promise<Sotto> }> {
    return new Promise((resolve, reject) => {
      const onCode = (code: string) => resolve({ code, opening })
      const opening = this.openDevice('alice', { onCode, timeoutMs: eventually })
      opening.catch(reject)
      this.keep(opening)
    })
  }
}
