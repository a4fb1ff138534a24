import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import { sendControl } from './compose.ts'
import { Gate } from './gate.ts'
import type { LateChanges } from './late-changes.ts'
import { needsTidying } from './needs-tidying.ts'
import type { Parts, Requests } from './parts.ts'
import type { Pump } from './pump.ts'
import { discoverGroups } from './waking.ts'

const tidyJitterMs = 1_500
const freshenJitterMs = 60_000
const retryFirstMs = 2_000
const retryMaxMs = 300_000
const stateDelayMs = 1_500
const joinsMax = 4

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
      if (!(await needsTidying(this.parts, conversationId))) return true
      return await (await this.parts.handshakes()).tidiness.tidy(conversationId)
    })
  }

  /**
   * After a new beginning with the server: whoever it said had departed, and no commit has removed since, is forgotten. Where
   * it was true, it refuses messages until the removal, and says so once more.
   */
  doubt(conversationId: string): void {
    this.start(`doubt ${conversationId}`, tidyJitterMs, async () => {
      if (await needsTidying(this.parts, conversationId))
        await this.changes.change(conversationId, ({ tidying }) => tidying(this.parts))
      await this.parts.memory.transact(async (transaction) => {
        if ((transaction.conversation(conversationId)?.departed.length ?? 0) === 0) return
        transaction.updateConversation(conversationId, { departed: [] })
        transaction.afterwards(() => this.pump(conversationId))
      })
      return true
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

  /** Commits that were under way when this device was stopped. */
  resume(): void {
    this.start('resume', 0, async () => {
      await this.changes.resume()
      return true
    })
  }

  refresh(userId: string): void {
    this.start(`refresh ${userId}`, 0, async () => (await this.parts.contacts.refresh(userId, { force: true })) !== undefined)
  }

  /**
   * The first time it also fetches what groups will need some day, while it is still there: a page may stay open longer than
   * its files do.
   */
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
