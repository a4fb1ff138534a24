import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import type { Changes } from './changes.ts'
import { sendControl } from './compose.ts'
import { freshening, tidying } from './intents.ts'
import { inspect, usersOf } from './leaves.ts'
import type { Parts, Requests } from './parts.ts'
import type { Pump } from './pump.ts'

const tidyJitterMs = 1_500
const freshenJitterMs = 60_000
const retryFirstMs = 2_000
const retryMaxMs = 300_000
const stateDelayMs = 1_500

/** Work that nobody waits for. Each kind is under way at most once for each conversation, and comes back until it is done. */
export class Background implements Requests {
  private readonly underway = new Set<string>()
  private readonly again = new Set<string>()
  private readonly failures = new Map<string, number>()
  private readonly parts: Parts
  private readonly changes: Changes
  private readonly sender: Pump

  constructor(parts: Parts, changes: Changes, sender: Pump) {
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
      await this.refreshGhosts(conversationId)
      if (!(await this.needsTidying(conversationId))) return true
      await this.changes.change(conversationId, tidying(this.parts))
      // What only others may remove is left to them.
      return true
    })
  }

  freshen(conversationId: string): void {
    this.start(`freshen ${conversationId}`, freshenJitterMs, async () => {
      await this.changes.change(conversationId, freshening(this.parts))
      return true
    })
  }

  rejoin(conversationId: string): void {
    this.start(`rejoin ${conversationId}`, 50, async () => {
      if (!this.parts.online()) return false
      await this.changes.join(conversationId)
      const conversation = this.parts.memory.conversations.get(conversationId)
      return conversation === undefined || conversation.status !== 'joining'
    })
  }

  reset(conversationId: string): void {
    const { memory, self, keyPackages } = this.parts
    const conversation = memory.conversations.get(conversationId)
    const role = conversation?.roster.members.get(self.userId)
    if (conversation === undefined || (conversation.kind === 'group' && role !== 'owner' && role !== 'admin')) return
    this.start(`reset ${conversationId}`, tidyJitterMs, async () => {
      await this.changes.reset(conversationId, async (roster) => {
        const own = { userId: self.userId, deviceId: self.deviceId }
        return (await keyPackages.claim([...roster.members.keys()], [own])).claimed
      })
      return true
    })
  }

  refresh(userId: string): void {
    this.start(`refresh ${userId}`, 0, async () => (await this.parts.contacts.refresh(userId, { force: true })) !== undefined)
  }

  keyPackages(): void {
    this.start('key packages', 0, async () => {
      await this.parts.keyPackages.fill()
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

  private async refreshGhosts(conversationId: string): Promise<void> {
    const { memory, contacts } = this.parts
    if (memory.conversations.get(conversationId)?.status !== 'active') return
    const state = await memory.group(conversationId)
    if (state === undefined) return
    const { ghosts } = inspect(state, (userId) => contacts.of(userId))
    await Promise.all(usersOf(ghosts).map((userId) => contacts.refresh(userId, { force: true })))
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
    return Math.min(retryFirstMs * 2 ** failures, retryMaxMs)
  }

  /** Whether it is to be given up. */
  private failed(name: string, error: unknown): boolean {
    const code = error instanceof SottoClientError || error instanceof SottoError ? error.code : undefined
    if (code === 'closed') return true
    const [kind, about] = name.split(' ')
    this.parts.incident(
      'background_failed',
      undefined,
      `${kind} ${about ?? ''}: ${error instanceof Error ? error.message : String(error)}`,
    )
    return code === 'not_a_member' || code === 'not_permitted'
  }
}
