import { defaultLimits, type ErrorCode, type Limits, SottoError } from '@sotto/protocol'
import { expect, onTestFinished, vi } from 'vitest'
import { firstInstant, type ManualClock, manualClock } from '../manual-clock.suite.ts'
import type {
  Appended,
  Device,
  Draft,
  Entry,
  Gap,
  Group,
  Item,
  Moved,
  Recipient,
  Store,
  StoreOptions,
  Subscription,
} from '../store.ts'

/** A store under test. */
export interface OpenedStore {
  readonly store: Store
  /** Closes the store and opens it again on what it has written, with the same options. */
  reopen(): Promise<Store>
}

export type OpenStore = (options: StoreOptions) => Promise<OpenedStore>

/** What happens in the middle of each test, between what it does and what it looks at. */
export type Pause = 'nothing' | 'a sweep' | 'reopening' | 'a sweep and reopening'

export const dayMs = 24 * 3_600_000
export const retentionMs = 30 * dayMs
export const everything = { entries: 10_000, bytes: 1 << 30 }

export interface Message {
  readonly id: string
  readonly ciphertext?: string
  readonly timestamp?: number
  readonly contentType?: string
  readonly expiresInMs?: number
}

/** A store with a clock that the test moves, and words for what tests do again and again. */
export class World {
  readonly clock: ManualClock
  /** What `onAppended` was called with since the start. */
  readonly announced: Entry[] = []
  /** Called from within `onAppended`. */
  whenAppended: (entries: readonly Entry[]) => void = () => {}
  /** What `onTrouble` was called with: nothing, unless the test takes it out. */
  readonly troubles: string[] = []
  private opened: OpenedStore | undefined
  private current: Store | undefined
  private readonly open: OpenStore
  private readonly between: Pause
  private readonly limits: Limits

  constructor(open: OpenStore, between: Pause, limits: Partial<Limits>) {
    this.clock = manualClock(firstInstant)
    this.open = open
    this.between = between
    this.limits = { ...defaultLimits, ...limits }
  }

  async start(): Promise<this> {
    this.opened = await this.open({
      clock: this.clock,
      limits: this.limits,
      retentionMs,
      onAppended: (entries) => {
        this.announced.push(...entries)
        this.whenAppended(entries)
      },
      onTrouble: (why) => this.troubles.push(why),
    })
    this.current = this.opened.store
    onTestFinished(async () => {
      await this.store.close()
      expect(this.troubles).toEqual([])
    })
    return this
  }

  get store(): Store {
    return this.current!
  }

  /** Puts the store into the state in which the test is to look at it. */
  async pause(): Promise<void> {
    if (this.between.includes('sweep')) await this.store.sweep()
    if (this.between.includes('reopening')) await this.reopen()
  }

  async reopen(): Promise<void> {
    this.current = await this.opened!.reopen()
  }

  device(userId: string, deviceId = 'default', options: { holds?: boolean } = {}): Promise<Device> {
    return this.store.openDevice({ userId, deviceId, holds: options.holds ?? false })
  }

  /** Sends to a user, or elsewhere; refusals and `moved` are thrown. */
  async send(from: Device, to: string | Recipient, message: string | Message): Promise<Appended> {
    const answer = await this.append(from, to, message)
    if (answer === 'moved') throw new Error('moved')
    return answer
  }

  append(from: Device, to: string | Recipient, message: string | Message): Promise<Appended | Moved> {
    return this.store.append(draftOf(from, to, message))
  }

  /** Sends several at once, in the order of their ids, and returns their seqs. */
  async sendAll(from: Device, to: string | Recipient, ids: readonly string[], ciphertext = 'c2VjcmV0'): Promise<number[]> {
    const answers = await Promise.all(ids.map((id) => this.send(from, to, { id, ciphertext })))
    return answers.map(({ seq }) => seq)
  }

  /** Everything readable of a mailbox after a seq, page by page. */
  async read(mailbox: string, after = 0, limit = everything): Promise<Item[]> {
    const items: Item[] = []
    let at = after
    for (;;) {
      const page = await this.store.read(mailbox, at, limit)
      if (page.length === 0) return items
      for (const item of page) {
        expect(item.mailbox).toBe(mailbox)
        expect(item.seq).toBe(at + 1)
        at = 'gone' in item ? item.to : item.seq
        expect(at).toBeGreaterThanOrEqual(item.seq)
      }
      items.push(...page)
    }
  }

  /** The same, each item in a word: a message's id, `membership`, or a gap's reason with its ends. */
  async words(mailbox: string, after = 0): Promise<string[]> {
    return wordsOf(await this.read(mailbox, after))
  }

  async mailbox(device: Device, kind: Subscription['kind'], groupId?: string): Promise<Subscription> {
    const found = (await this.store.subscriptions(device)).filter(
      (subscription) => subscription.kind === kind && (groupId === undefined || subscription.groupId === groupId),
    )
    expect(found).toHaveLength(1)
    return found[0]!
  }

  async acknowledge(device: Device, mailbox: string, seq: number): Promise<void> {
    await this.store.acknowledge(device, [{ mailbox, seq }])
  }

  /** Waits for what need not happen at once. */
  eventually(check: () => Promise<void>): Promise<void> {
    return vi.waitFor(check, { timeout: 10_000, interval: 20 })
  }

  async group(groupId: string): Promise<Group> {
    return (await this.store.group(groupId))!
  }

  /** Changes a group as it is now. */
  async change(
    by: Device,
    groupId: string,
    change: { add?: string[]; remove?: string[]; roles?: [string, 'owner' | 'admin' | 'member'][]; delete?: boolean },
  ): Promise<Group> {
    const { version } = await this.group(groupId)
    const { add = [], remove = [], roles = [] } = change
    const changed = await this.store.changeGroup({
      groupId,
      version,
      by,
      add,
      remove,
      roles: new Map(roles),
      delete: change.delete ?? false,
    })
    if (changed === 'moved') throw new Error('moved')
    return changed
  }

  /** A message to a group as it is now. */
  async sendGroup(from: Device, groupId: string, message: string | Message): Promise<Appended> {
    const { version } = await this.group(groupId)
    return this.send(from, { kind: 'group', groupId, version }, message)
  }
}

/** A message as the operations hand it to the store. */
export function draftOf(from: Device, to: string | Recipient, message: string | Message): Draft {
  const { id, ciphertext, timestamp, contentType, expiresInMs }: Message = typeof message === 'string' ? { id: message } : message
  const recipient: Recipient = typeof to === 'string' ? { kind: 'user', userId: to } : to
  const scope = recipient.kind === 'group' ? 'group' : 'direct'
  const head = JSON.stringify({ id, from: from.userId, fromDevice: from.deviceId, timestamp: timestamp ?? 1 }).slice(1, -1)
  const rest = JSON.stringify({
    to: recipient.kind === 'group' ? recipient.groupId : recipient.userId,
    scope,
    ciphertext: ciphertext ?? 'c2VjcmV0',
    contentType: contentType ?? 'application/octet-stream',
  }).slice(1)
  return { to: recipient, from, id, body: `${head},${rest}`, digestFrom: head.length + 1, expiresInMs: expiresInMs ?? 0 }
}

export function isGap(item: Item): item is Gap {
  return 'gone' in item
}

export function entriesOf(items: readonly Item[]): Entry[] {
  return items.filter((item): item is Entry => !isGap(item))
}

export function frameOf(entry: Entry): Record<string, unknown> {
  return JSON.parse(entry.json.toString()) as Record<string, unknown>
}

export function wordsOf(items: readonly Item[]): string[] {
  return items.map((item) => {
    if (isGap(item)) return `${item.gone} ${item.seq}-${item.to}`
    const { type, id } = frameOf(item)
    return typeof id === 'string' ? id : String(type)
  })
}

/** The refusal of a promise, or of a function that throws at once. */
export async function refusal(run: () => unknown): Promise<{ code: ErrorCode } & Record<string, unknown>> {
  try {
    await run()
  } catch (error) {
    expect(error).toBeInstanceOf(SottoError)
    const { code, extra } = error as SottoError
    return { code, ...extra }
  }
  throw new Error('not refused')
}

export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

/** Opens a store for one test; it is closed after it. */
export type NewWorld = (limits?: Partial<Limits>) => Promise<World>
