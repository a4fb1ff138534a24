import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import type { OutboxItem } from './outbox.ts'
import type { Parts } from './parts.ts'
import { isUndecided, readingOn } from './patience.ts'
import { storageIsOld } from './receive-own.ts'
import { changeMessage, orderOf } from './rows.ts'
import { isCurrent, seal } from './sealing.ts'
import { failMessage } from './statuses.ts'

/** Messages of one conversation that are on their way at once. */
const inFlightMax = 16
/** Of all conversations together: what the transport holds for this device is bounded. */
const inFlightAllMax = 256
/** How long a receipt waits for others to go along with it. */
const receiptDelayMs = 400
const retryMs = 1_000
/** How long the log may take, while it is read, to say what the server has said already. */
const readOnMs = 2_000

/** Sends what waits in the outbox, in order for each conversation, whenever nothing stands in the way. */
export class Pump {
  private readonly parts: Parts
  private readonly running = new Set<string>()
  private readonly again = new Set<string>()
  /** Ids of messages that the server has, or is being asked to take. */
  private readonly underway = new Map<string, Set<string>>()
  /** The epoch of those that are underway, by conversation. */
  private readonly epochs = new Map<string, number>()
  /** Refused for now: as long as one waits for its next try, none of those behind it leaves. */
  private readonly refusals = new Map<string, number>()
  private readonly accepted = new Set<string>()
  /** Of receipts, by conversation. */
  private readonly delays = new Map<string, 'running' | 'over'>()
  /** Conversations that wait until fewer messages are on their way. */
  private readonly starved = new Set<string>()
  private flying = 0
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
      if (flying.size >= inFlightMax || (this.refusals.get(conversationId) ?? 0) > 0) return
      if (this.flying >= inFlightAllMax) {
        this.starved.add(conversationId)
        return
      }
      const next = outbox.of(conversationId).find(({ id }) => !flying.has(id) && !this.accepted.has(id))
      if (next === undefined || this.waits(next)) return
      const epoch = flying.size > 0 ? this.epochs.get(conversationId) : undefined
      const item = await this.sealed(next, epoch)
      // Messages of two epochs are never underway together: the older could be refused and the newer taken.
      if (item === undefined || (epoch !== undefined && item.sealed?.epoch !== epoch)) return
      flying.add(item.id)
      this.flying++
      this.epochs.set(conversationId, item.sealed!.epoch)
      this.underway.set(conversationId, flying)
      void this.deliver(item)
        .catch(async (error: unknown) => {
          this.failed(conversationId, error)
          await this.parts.timers.sleep(retryMs)
        })
        .finally(() => {
          flying.delete(item.id)
          this.flying--
          this.run(conversationId)
          this.runStarved()
        })
    }
  }

  private runStarved(): void {
    const [conversationId] = this.starved
    if (conversationId === undefined) return
    this.starved.delete(conversationId)
    this.run(conversationId)
  }

  /** Receipts gather for a while, unless something else is waiting behind them. */
  private waits({ receipt, conversationId }: OutboxItem): boolean {
    const delay = this.delays.get(conversationId)
    if (receipt === undefined || delay === 'over' || this.parts.outbox.of(conversationId).length > 1) {
      if (delay === 'over') this.delays.delete(conversationId)
      return false
    }
    if (delay === undefined) {
      this.delays.set(conversationId, 'running')
      this.parts.timers.after(receiptDelayMs + this.parts.timers.jitter(receiptDelayMs), () => {
        this.delays.set(conversationId, 'over')
        this.run(conversationId)
      })
    }
    return true
  }

  /** As it may go out now; undefined: not now, somebody will run this again. */
  private async sealed(item: OutboxItem, epochUnderway: number | undefined): Promise<OutboxItem | undefined> {
    const { memory, ask } = this.parts
    const { conversationId } = item
    const conversation = memory.conversations.get(conversationId)
    const group = conversation?.status === 'active' ? await memory.group(conversationId) : undefined
    if (conversation !== undefined && group !== undefined && isCurrent(item, conversation, group.epoch)) return item
    if (epochUnderway !== undefined && (item.sealed !== undefined || group?.epoch !== epochUnderway)) return undefined
    try {
      const sealed = await memory.transact(async (transaction) => {
        const now = this.parts.outbox.find(item.id)
        return now === undefined ? undefined : await seal(this.parts, transaction, now)
      })
      if (typeof sealed !== 'string') return sealed
      if (sealed === 'departed' || sealed === 'ghosts') ask.tidy(conversationId)
      if (sealed === 'lost') await this.joinAnew(conversationId)
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
      if (error instanceof SottoError) await this.holding(item.conversationId, () => this.refused(item, error))
      else if (!(error instanceof SottoClientError)) this.failed(item.conversationId, error)
    }
  }

  private async holding(conversationId: string, task: () => Promise<void>): Promise<void> {
    const count = (change: number) => this.refusals.set(conversationId, (this.refusals.get(conversationId) ?? 0) + change)
    count(1)
    await task().finally(() => count(-1))
  }

  private async refused(item: OutboxItem, error: SottoError): Promise<void> {
    const { memory, outcomes, ask, timers } = this.parts
    const conversation = memory.conversations.get(item.conversationId)
    switch (error.code) {
      case 'stale_epoch':
        // Encrypted anew once this device has read on (`isCurrent`), and not before: no key is spent on the server's word.
        if (conversation?.mailbox !== undefined && error.extra.seq !== undefined)
          await Promise.race([
            outcomes.reached(conversation.mailbox, error.extra.seq, memory.cursors.get(conversation.mailbox)),
            timers.sleep(retryMs),
          ])
        if (isCurrent(item, memory.conversations.get(item.conversationId) ?? item.sealed!, await this.epochOf(item)))
          await timers.sleep(retryMs)
        return
      case 'removal_pending':
        await this.noteDeparted(item.conversationId, error.extra.departed)
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
        // The log says so too, as soon as it has been read that far: what stands before that is still for this device.
        await this.readOn(item.conversationId)
        // This device may only have been taken out, to come back in a moment: `left` is for the join to find out.
        if (await this.isOut(item.conversationId).catch(() => false)) await failMessage(this.parts, item, 'not_a_member')
        else await timers.sleep(retryMs)
        return
      default:
        if (isUndecided(error)) {
          await timers.sleep(retryMs * 5)
          return
        }
        await failMessage(this.parts, item, error.code)
    }
  }

  /** Where the code for it does not come, nobody can be removed either: the network is asked again after a while. */
  private async noteDeparted(conversationId: string, departed: unknown): Promise<void> {
    const { handshakes, timers } = this.parts
    try {
      await (await handshakes()).noteDeparted(this.parts, conversationId, departed)
    } catch (error) {
      await timers.sleep(retryMs * 5)
      throw error
    }
  }

  private async readOn(conversationId: string): Promise<void> {
    const { conversations } = this.parts.memory
    const isOver = () => conversations.get(conversationId)?.status !== 'active'
    await readingOn(this.parts, isOver, { idleMs: readOnMs, longestMs: Number.POSITIVE_INFINITY })
  }

  /** Whether the server is right: then nothing can be sent. Otherwise this device is on its way back. */
  private async isOut(conversationId: string): Promise<boolean> {
    const conversation = this.parts.memory.conversations.get(conversationId)
    if (conversation?.status === 'left') return true
    if (conversation?.status !== 'active' || conversation.rejoin) return false
    // Only where the log goes on without a gap is it certain that it says so later on.
    if (conversation.transcript !== undefined) return !(await this.parts.ask.reenter(conversationId))
    await this.joinAnew(conversationId)
    return false
  }

  private async joinAnew(conversationId: string): Promise<void> {
    await this.parts.memory.transact(async (transaction) => {
      if (transaction.conversation(conversationId)?.status !== 'active') return
      transaction.updateConversation(conversationId, { rejoin: true, transcript: undefined })
      transaction.afterwards(() => this.parts.ask.rejoin(conversationId))
    })
  }

  private async epochOf({ conversationId, sealed }: OutboxItem): Promise<number> {
    return (await this.parts.memory.group(conversationId))?.epoch ?? sealed!.epoch
  }

  private async takenBefore(item: OutboxItem, { extra }: SottoError): Promise<void> {
    await this.parts.memory.transact(async (transaction) => {
      const now = this.parts.outbox.find(item.id)
      if (now === undefined) return
      this.parts.outbox.remove(transaction, now)
      storageIsOld(this.parts, transaction, item.conversationId, `message ${item.id} was sent before`)
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
