import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import { sendControl } from './compose.ts'
import { Gate } from './gate.ts'
import type { LateChanges } from './late-changes.ts'
import { inspect, namedBy, usersOf } from './leaves.ts'
import type { Parts, Requests } from './parts.ts'
import type { Pump } from './pump.ts'
import { discoverGroups } from './waking.ts'

const tidyJitterMs = 1_500
const freshenJitterMs = 60_000
const retryFirstMs = 2_000
const retryMaxMs = 300_000
const ghostPatienceMs = 3_000
const erasureMs = 1_500
const stateDelayMs = 1_500
const joinsMax = 4
const codeJitterMs = 2_000

/** Work that nobody waits for. Each kind is under way at most once for each conversation, and comes back until it is done. */
export class Background implements Requests {
  private readonly underway = new Set<string>()
  private readonly again = new Set<string>()
  private readonly failures = new Map<string, number>()
  /** A device that was just linked joins many groups: a few at a time. */
  private readonly joins = new Gate(joinsMax)
  private readonly parts: Parts
  private readonly changes: LateChanges
  private readonly sender: Pump

  constructor(parts: Parts, changes: LateChanges, sender: Pump) {
    this.parts = parts
    this.changes = changes
    this.sender = sender
  }

  pump(conversationId: string): void {
    this.sender.run(conversationId)
  }

  tidy(conversationId: string): void {
    const urgent = this.parts.outbox.of(conversationId).length > 0
    this.start(`tidy ${conversationId}`, urgent ? 100 : tidyJitterMs, async () => {
      // Whoever looks like a ghost may be a device that was linked a moment ago.
      if (!(await this.refreshGhosts(conversationId))) return false
      if (!(await this.needsTidying(conversationId))) return true
      await this.changes.change(conversationId, ({ tidying }) => tidying(this.parts))
      // What only others may remove is left to them.
      this.tellUnproven(conversationId)
      this.tellGhosts(conversationId)
      return true
    })
  }

  /**
   * After a new beginning with the server: whoever it said had departed, and no commit has removed since, is forgotten. Where
   * it was true, it refuses messages until the removal, and says so once more.
   */
  doubt(conversationId: string): void {
    this.start(`doubt ${conversationId}`, tidyJitterMs, async () => {
      if (await this.needsTidying(conversationId)) await this.changes.change(conversationId, ({ tidying }) => tidying(this.parts))
      await this.parts.memory.transact(async (transaction) => {
        if ((transaction.conversation(conversationId)?.departed.length ?? 0) === 0) return
        transaction.updateConversation(conversationId, { departed: [] })
        transaction.afterwards(() => this.pump(conversationId))
      })
      return true
    })
  }

  private tellUnproven(conversationId: string): void {
    for (const { userId, deviceId } of this.parts.memory.conversations.get(conversationId)?.departed ?? []) {
      const detail = `nothing is sent before ${deviceId === undefined ? userId : `${userId}/${deviceId}`} is removed`
      this.parts.incident('departure_unproven', conversationId, detail, userId)
    }
  }

  /** A device that was just revoked is removed in a moment; another one is nobody's. */
  private tellGhosts(conversationId: string): void {
    const name = `ghosts ${conversationId}`
    if (this.underway.has(name)) return
    this.underway.add(name)
    this.parts.timers.after(ghostPatienceMs, () => {
      this.underway.delete(name)
      void this.parts.memory.group(conversationId).then(
        (state) => {
          if (state === undefined || this.parts.memory.conversations.get(conversationId)?.status !== 'active') return
          for (const leaf of inspect(state, (userId) => this.parts.contacts.of(userId)).ghosts) {
            const { userId, deviceId } = namedBy(leaf) ?? { userId: undefined, deviceId: '?' }
            this.parts.incident('ghost_device', conversationId, `${userId}/${deviceId} is in no list; nothing is sent`, userId)
          }
        },
        () => {},
      )
    })
  }

  freshen(conversationId: string): void {
    this.start(`freshen ${conversationId}`, freshenJitterMs, async () => {
      await this.changes.change(conversationId, ({ freshening }) => freshening(this.parts))
      return true
    })
  }

  rejoin(conversationId: string): void {
    this.start(`rejoin ${conversationId}`, 50, async () => {
      if (!this.parts.online()) return false
      await this.joins.run(() => this.changes.join(conversationId))
      const conversation = this.parts.memory.conversations.get(conversationId)
      return conversation === undefined || (conversation.status !== 'joining' && !conversation.rejoin)
    })
  }

  reenter(conversationId: string): Promise<boolean> {
    return this.joins.run(() => this.changes.reenter(conversationId))
  }

  /** Groups that this device should be in and is not. */
  discover(): void {
    this.start('discover', 0, async () => {
      if (!this.parts.online()) return false
      await discoverGroups(this.parts)
      return true
    })
  }

  reset(conversationId: string): void {
    const { memory, self, handshakes } = this.parts
    const conversation = memory.conversations.get(conversationId)
    const role = conversation?.roster.members.get(self.userId)
    if (conversation === undefined || (conversation.kind === 'group' && role !== 'owner' && role !== 'admin')) return
    this.start(`reset ${conversationId}`, tidyJitterMs, async () => {
      await this.changes.reset(conversationId, async (roster) => {
        const own = { userId: self.userId, deviceId: self.deviceId }
        const { keyPackages } = await handshakes()
        return (await keyPackages.claim([...roster.members.keys()], [own])).claimed
      })
      return true
    })
  }

  /** Fetches what groups will need some day, while it is still there: a page may stay open longer than its files do. */
  handshakes(): void {
    this.start('code', codeJitterMs, async () => {
      await this.parts.handshakes()
      return true
    })
  }

  refresh(userId: string): void {
    this.start(`refresh ${userId}`, 0, async () => (await this.parts.contacts.refresh(userId, { force: true })) !== undefined)
  }

  keyPackages(): void {
    this.start('key packages', 0, async () => {
      await (await this.parts.handshakes()).keyPackages.fill()
      return true
    })
  }

  /** Whoever answers first answers for all: the rest see the answer and keep still. */
  tellState(conversationId: string): void {
    const { revision } = this.parts.memory.conversations.get(conversationId) ?? { revision: 0 }
    this.start(`state ${conversationId}`, stateDelayMs, async () => {
      await this.parts.memory.transact(async (transaction) => {
        const now = transaction.conversation(conversationId)
        if (now === undefined || now.status !== 'active' || now.name === undefined || now.revision !== revision || !now.named)
          return
        const next = transaction.updateConversation(conversationId, { revision: revision + 1 })
        await sendControl(this.parts, transaction, conversationId, { kind: 'state', revision: next.revision, name: now.name })
      })
      return true
    })
  }

  /** `false`: it could not be asked. */
  private async refreshGhosts(conversationId: string): Promise<boolean> {
    const { memory, contacts, erased } = this.parts
    if (memory.conversations.get(conversationId)?.status !== 'active') return true
    const state = await memory.group(conversationId)
    if (state === undefined) return true
    const { ghosts } = inspect(state, (userId) => contacts.of(userId))
    // And who has departed may have said so in a list.
    const departed = memory.conversations.get(conversationId)?.departed.map(({ userId }) => userId) ?? []
    const users = new Set([...usersOf(ghosts), ...departed])
    const ask = async (userId: string) => {
      const answer = await contacts.refresh(userId, { force: true })
      if (answer === 'none') erased.add(userId)
      return answer
    }
    const answers = await Promise.all([...users].map(ask))
    // The groups of who is erased are told first.
    const perhapsErased = this.goneWithoutGoodbye(conversationId)
    if (perhapsErased.length > 0) {
      await this.parts.timers.sleep(erasureMs)
      await Promise.all(perhapsErased.map(ask))
    }
    return answers.every((answer) => answer !== undefined)
  }

  private goneWithoutGoodbye(conversationId: string): string[] {
    const { departed = [], leaving = [] } = this.parts.memory.conversations.get(conversationId) ?? {}
    const users = departed.filter(({ deviceId }) => deviceId === undefined).map(({ userId }) => userId)
    return users.filter((userId) => !leaving.includes(userId) && !this.parts.erased.has(userId))
  }

  private async needsTidying(conversationId: string): Promise<boolean> {
    const conversation = this.parts.memory.conversations.get(conversationId)
    if (conversation?.status !== 'active' || conversation.rejoin) return false
    if (conversation.departed.length > 0 || conversation.leaving.length > 0) return true
    const state = await this.parts.memory.group(conversationId)
    return state !== undefined && inspect(state, (userId) => this.parts.contacts.of(userId)).ghosts.length > 0
  }

  private start(name: string, jitterMs: number, work: () => Promise<boolean>): void {
    if (this.underway.has(name)) {
      this.again.add(name)
      return
    }
    this.underway.add(name)
    this.parts.timers.after(this.parts.timers.jitter(jitterMs), () => {
      void work()
        .catch((error: unknown) => this.failed(name, error))
        .then((done) => {
          this.underway.delete(name)
          if (this.parts.ended()) return
          if (this.again.delete(name)) this.start(name, jitterMs, work)
          else if (!done) this.parts.timers.after(this.retryMs(name), () => this.start(name, jitterMs, work))
          else this.failures.delete(name)
        })
    })
  }

  /** Twice as long each time. */
  private retryMs(name: string): number {
    const failures = this.failures.get(name) ?? 0
    this.failures.set(name, failures + 1)
    const delayMs = Math.min(retryFirstMs * 2 ** failures, retryMaxMs)
    return delayMs + this.parts.timers.jitter(delayMs)
  }

  /** Whether it is to be given up. */
  private failed(name: string, error: unknown): boolean {
    if (this.parts.ended()) return true
    const code = error instanceof SottoClientError || error instanceof SottoError ? error.code : undefined
    // Meanwhile this device has gone, or it is for others to do.
    if (code === 'closed' || code === 'not_a_member' || code === 'not_permitted') return true
    const [kind, about] = name.split(' ')
    this.parts.incident(
      'background_failed',
      undefined,
      `${kind} ${about ?? ''}: ${error instanceof Error ? error.message : String(error)}`,
    )
    return false
  }
}
