import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import type { OutboxItem } from './outbox.ts'
import type { Parts } from './parts.ts'
import { changeMessage, orderOf } from './rows.ts'
import { isCurrent, seal } from './sealing.ts'
import { failMessage } from './statuses.ts'

/** Messages of one conversation that are on their way at once. */
const inFlightMax = 16
/** How long a receipt waits for others to go along with it. */
const receiptDelayMs = 400
const retryMs = 1_000

/** Sends what waits in the outbox, in order for each conversation, whenever nothing stands in the way. */
export class Pump {
  private readonly parts: Parts
  private readonly running = new Set<string>()
  private readonly again = new Set<string>()
  /** Ids of messages that the server has, or is being asked to take. */
  private readonly underway = new Map<string, Set<string>>()
  private readonly accepted = new Set<string>()
  private readonly delayed = new Set<string>()
  private readonly ending = new AbortController()

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** Comes back at once. */
  run(conversationId: string): void {
    if (this.running.has(conversationId)) {
      this.again.add(conversationId)
      return
    }
    this.running.add(conversationId)
    void this.work(conversationId)
      .catch((error: unknown) => this.failed(conversationId, error))
      .finally(() => {
        this.running.delete(conversationId)
        if (this.again.delete(conversationId)) this.run(conversationId)
      })
  }

  /** The server has delivered it back: nothing more is to be done for it. */
  done(id: string): void {
    this.accepted.delete(id)
  }

  end(): void {
    this.ending.abort(new SottoClientError('closed'))
  }

  private async work(conversationId: string): Promise<void> {
    const { outbox, ready } = this.parts
    for (;;) {
      if (this.ending.signal.aborted || !ready()) return
      const flying = this.underway.get(conversationId) ?? new Set()
      if (flying.size >= inFlightMax) return
      const next = outbox.of(conversationId).find(({ id }) => !flying.has(id) && !this.accepted.has(id))
      if (next === undefined || this.waits(next)) return
      const item = await this.sealed(next, flying.size > 0)
      if (item === undefined) return
      flying.add(item.id)
      this.underway.set(conversationId, flying)
      void this.deliver(item).finally(() => {
        flying.delete(item.id)
        this.run(conversationId)
      })
    }
  }

  /** Receipts gather for a while, unless something else is waiting behind them. */
  private waits(item: OutboxItem): boolean {
    if (item.receipt === undefined || this.parts.outbox.of(item.conversationId).length > 1) return false
    const key = `${item.conversationId} ${item.n}`
    if (this.delayed.has(key)) return false
    this.parts.timers.after(receiptDelayMs + this.parts.timers.jitter(receiptDelayMs), () => {
      this.delayed.add(key)
      this.run(item.conversationId)
    })
    return true
  }

  /** As it may go out now; undefined: not now, somebody will run this again. */
  private async sealed(item: OutboxItem, othersUnderway: boolean): Promise<OutboxItem | undefined> {
    const { memory, ask } = this.parts
    const { conversationId } = item
    const conversation = memory.conversations.get(conversationId)
    const group = conversation?.status === 'active' ? await memory.group(conversationId) : undefined
    if (conversation !== undefined && group !== undefined && isCurrent(item, conversation, group.epoch)) return item
    // Messages of two epochs are never underway together: the older could be refused and the newer taken.
    if (item.sealed !== undefined && othersUnderway) return undefined
    try {
      const sealed = await memory.transact(async (transaction) => {
        const now = this.parts.outbox.find(item.id)
        return now === undefined ? undefined : await seal(this.parts, transaction, now)
      })
      if (typeof sealed !== 'string') return sealed
      if (sealed === 'departed' || sealed === 'ghosts') ask.tidy(conversationId)
      if (sealed === 'left') {
        await failMessage(this.parts, item, 'not_a_member')
        this.again.add(conversationId)
      }
      return undefined
    } catch (error) {
      if (error instanceof SottoClientError && error.code === 'content_too_large') {
        await failMessage(this.parts, item, 'content_too_large')
        this.again.add(conversationId)
        return undefined
      }
      throw error
    }
  }

  private async deliver(item: OutboxItem): Promise<void> {
    const { transport } = this.parts
    try {
      await transport.send(
        {
          id: item.id,
          to: item.conversationId,
          scope: 'group',
          ciphertext: item.sealed!.ciphertext,
          contentType: 'message/mls',
          ...(item.expiresInMs === undefined ? {} : { expiresInMs: item.expiresInMs }),
        },
        this.ending.signal,
      )
      if (this.parts.outbox.find(item.id) !== undefined) this.accepted.add(item.id)
    } catch (error) {
      if (error instanceof SottoError) await this.refused(item, error)
      else if (!(error instanceof SottoClientError)) this.failed(item.conversationId, error)
    }
  }

  private async refused(item: OutboxItem, error: SottoError): Promise<void> {
    const { memory, outbox, outcomes, ask } = this.parts
    const conversation = memory.conversations.get(item.conversationId)
    switch (error.code) {
      case 'stale_epoch':
        await memory.transact(async (transaction) => {
          const now = outbox.find(item.id)
          if (now !== undefined) outbox.put(transaction, { ...now, sealed: undefined })
        })
        if (conversation?.mailbox !== undefined && error.extra.seq !== undefined)
          await outcomes.reached(conversation.mailbox, error.extra.seq, memory.cursors.get(conversation.mailbox))
        return
      case 'removal_pending':
        ask.tidy(item.conversationId)
        await this.parts.timers.sleep(retryMs)
        return
      case 'id_conflict':
        // The server has it already, under an earlier encryption that this storage knows nothing of.
        await this.takenBefore(item, error)
        return
      case 'mailbox_full':
        await this.parts.timers.sleep(retryMs * 5)
        return
      case 'not_member':
        await failMessage(this.parts, item, 'not_a_member')
        return
      default:
        await failMessage(this.parts, item, error.code)
    }
  }

  private async takenBefore(item: OutboxItem, { extra }: SottoError): Promise<void> {
    await this.parts.memory.transact(async (transaction) => {
      const now = this.parts.outbox.find(item.id)
      if (now === undefined) return
      this.parts.outbox.remove(transaction, now)
      if (!now.shown || extra.seq === undefined) return
      const accepted = { kind: 'accepted', order: orderOf(extra.seq), receivedAt: this.parts.clock.now() } as const
      await changeMessage(transaction, now.conversationId, now.id, accepted)
    })
  }

  private failed(conversationId: string, error: unknown): void {
    if (this.ending.signal.aborted) return
    this.parts.incident('background_failed', conversationId, error instanceof Error ? error.message : String(error))
    this.parts.timers.after(retryMs, () => this.run(conversationId))
  }
}
