import type { EntryFrame } from '../transport/transport.ts'
import type { Batch } from './batch.ts'
import { newBatch } from './batch.ts'
import { sendReceipt } from './compose.ts'
import { ListsWanted } from './lists-wanted.ts'
import type { Parts } from './parts.ts'
import { isMlsMessage, receiveMessage, unreadable } from './receive-message.ts'
import { receiveOwn } from './receive-own.ts'
import type { Transaction } from './transaction.ts'

type CommitFrame = Extract<EntryFrame, { readonly type: 'commit' }>

/** Entries that become part of the history in one transaction. */
const batchMax = 64
/** Tries before an entry that makes this code fail is passed over, so that it does not hold up all others. */
const triesMax = 3
const retryMs = 500
/** Between tries to load code: each asks the network, under another address where the browser remembers the last. */
const codeRetryMs = 5_000
const listTriesMax = 10

/** Takes entries in the order of their arrival, makes them part of what is stored, and only then acknowledges them. */
export class Receiver {
  private readonly parts: Parts
  private readonly queue: EntryFrame[] = []
  private readonly waiting = new Set<{ readonly until: number; readonly then: () => void }>()
  /** Entries for which a list was asked for once more, because the rules would have it. */
  private readonly askedFor = new WeakSet<EntryFrame>()
  private pushed = 0
  private taken = 0
  private working = false
  private ended = false
  private tries = 0

  constructor(parts: Parts) {
    this.parts = parts
  }

  push(frame: EntryFrame): void {
    this.queue.push(frame)
    this.pushed++
    if (this.working || this.ended) return
    this.working = true
    void this.work()
      .catch(() => {})
      .finally(() => {
        this.working = false
      })
  }

  /** Everything that has arrived by now is stored. */
  get isIdle(): boolean {
    return this.taken >= this.pushed
  }

  /** Calls once everything that has arrived by now is stored; the answer takes that back. */
  afterArrived(then: () => void): () => void {
    if (this.taken >= this.pushed) {
      then()
      return () => {}
    }
    const waiting = { until: this.pushed, then }
    this.waiting.add(waiting)
    return () => this.waiting.delete(waiting)
  }

  end(): void {
    this.ended = true
  }

  private async work(): Promise<void> {
    while (this.queue.length > 0 && !this.ended) {
      const frames = this.tries > 0 ? this.queue.slice(0, 1) : this.nextFrames()
      try {
        await this.prepare(frames)
        await this.receive(frames)
        this.done(frames.length)
      } catch (error) {
        if (this.ended) return
        if (error instanceof ListsWanted) await this.fetchWanted(frames[0]!, error.users)
        else await this.failed(frames[0]!, error).catch(() => {})
      }
    }
  }

  private done(count: number): void {
    this.queue.splice(0, count)
    this.tries = 0
    this.taken += count
    for (const waiting of this.waiting) {
      if (waiting.until > this.taken) continue
      this.waiting.delete(waiting)
      waiting.then()
    }
  }

  /** The rules may say otherwise with the newest lists: they are fetched once for an entry. */
  private async fetchWanted(frame: EntryFrame, users: readonly string[]): Promise<void> {
    this.askedFor.add(frame)
    await this.fetchLists(users, () => true)
  }

  /** What changes groups comes first in its batch: what it needs is fetched before. */
  private nextFrames(): EntryFrame[] {
    const [first, ...others] = this.queue.slice(0, batchMax) as [EntryFrame, ...EntryFrame[]]
    const isDue = this.awaitsWelcome(first)
    const until = others.findIndex((frame) => this.changesGroup(frame) || this.awaitsWelcome(frame) !== isDue)
    return [first, ...(until < 0 ? others : others.slice(0, until))]
  }

  /** Behind any entry of the group's mailbox the Welcome may be due. */
  private awaitsWelcome({ mailbox }: EntryFrame): boolean {
    return this.parts.memory.deferred.has(mailbox)
  }

  private changesGroup(frame: EntryFrame): boolean {
    const { conversations, pending } = this.parts.memory
    switch (frame.type) {
      case 'commit':
      case 'welcome_mls':
        return true
      case 'departed':
      case 'membership':
        return conversations.get(frame.groupId)?.mailbox === frame.mailbox
      case 'own':
        return pending.size > 0 && [...pending.values()].some(({ id }) => id === frame.id)
      default:
        return false
    }
  }

  /**
   * The code for it, and the lists of the users concerned, so that the rules can judge without asking anybody: nothing of
   * the network is waited for in a transaction.
   */
  private async prepare(frames: readonly EntryFrame[]): Promise<void> {
    const frame = frames[0]!
    if (!this.changesGroup(frame) && !this.awaitsWelcome(frame)) return
    const { usersOfCommit, usersOfWelcome } = await this.parts.handshakes()
    if (frame.type === 'commit') await this.fetchLists(usersOfCommit(frame), (userId) => this.isBehind(frame, userId))
    if (frame.type === 'welcome_mls') await this.fetchLists(await usersOfWelcome(this.parts, frame), () => false)
  }

  /** A list that was fetched a moment ago may be older than what the commit does. */
  private isBehind({ added, removed }: CommitFrame, userId: string): boolean {
    const listed = this.parts.contacts.of(userId)?.list.devices ?? []
    const isListed = (device: { readonly deviceId: string }) => listed.some(({ deviceId }) => deviceId === device.deviceId)
    const isTheirs = (device: { readonly userId: string }) => device.userId === userId
    return added.filter(isTheirs).some((device) => !isListed(device)) || removed.filter(isTheirs).some(isListed)
  }

  /** Without a list an honest entry would be refused for good: a network that is away for a while is waited for. */
  private async fetchLists(users: readonly string[], force: (userId: string) => boolean): Promise<void> {
    let unknown = await this.fetchOnce(users, force)
    for (let tries = 1; tries < listTriesMax && unknown.length > 0 && !this.ended; ) {
      await this.parts.timers.sleep(retryMs)
      if (!this.parts.online()) continue
      unknown = await this.fetchOnce(unknown, force)
      tries++
    }
  }

  /** Users of whom too little is known even so. */
  private async fetchOnce(users: readonly string[], force: (userId: string) => boolean): Promise<string[]> {
    const { contacts } = this.parts
    const answers = await Promise.all(
      users.map(async (userId) => [userId, await contacts.refresh(userId, { force: force(userId) })] as const),
    )
    for (const [userId, answer] of answers) {
      if (answer === 'none') this.parts.erased.add(userId)
      else this.parts.erased.delete(userId)
    }
    const unknown = answers.filter(
      ([userId, answer]) => answer === undefined && (contacts.of(userId) === undefined || force(userId)),
    )
    return unknown.map(([userId]) => userId)
  }

  private async receive(frames: readonly EntryFrame[]): Promise<void> {
    const { memory, transport, outcomes } = this.parts
    await memory.transact(async (transaction) => {
      const batch = newBatch()
      for (const frame of frames) await this.receiveOne(transaction, batch, frame)
      for (const [conversationId, ids] of batch.delivered)
        await sendReceipt(this.parts, transaction, conversationId, { delivered: ids, read: [] })
      transaction.afterwards(() => {
        for (const [mailbox, seq] of batch.positions) {
          transport.ack(mailbox, seq)
          outcomes.arrivedAt(mailbox, seq)
        }
      })
    })
  }

  private async receiveOne(transaction: Transaction, batch: Batch, frame: EntryFrame): Promise<void> {
    const { mailbox } = frame
    const [first, last] = frame.type === 'gone' ? [frame.from, frame.to] : [frame.seq, frame.seq]
    const cursor = transaction.cursor(mailbox)
    batch.positions.set(mailbox, Math.max(last, cursor ?? 0))
    // It was stored before: the acknowledgement did not get through.
    if (cursor !== undefined && last <= cursor) return
    if (cursor !== undefined && first > cursor + 1) this.missing(transaction, mailbox, cursor + 1, first - 1)
    transaction.setCursor(mailbox, last)
    this.unheard(transaction, frame, first, last)
    await this.dispatch(transaction, batch, frame)
    await this.takeDeferred(transaction, mailbox, last)
  }

  /** A Welcome that came before the end of what this device still had to read of the group. */
  private async takeDeferred(transaction: Transaction, mailbox: string, last: number): Promise<void> {
    const welcome = await transaction.deferredWelcome(mailbox)
    if (welcome === undefined || welcome.groupSeq > last) return
    transaction.deferWelcome(mailbox, undefined)
    const { receiveWelcome } = await this.parts.handshakes()
    await receiveWelcome(this.parts, transaction, welcome, true)
  }

  private async dispatch(transaction: Transaction, batch: Batch, frame: EntryFrame): Promise<void> {
    switch (frame.type) {
      case 'msg':
        return await receiveMessage(this.parts, transaction, batch, frame)
      case 'own':
        return await receiveOwn(this.parts, transaction, frame)
      case 'commit':
        return await (await this.parts.handshakes()).receiveCommit(this.parts, transaction, frame, this.askedFor.has(frame))
      case 'welcome_mls':
        return await (await this.parts.handshakes()).receiveWelcome(this.parts, transaction, frame, this.askedFor.has(frame))
      case 'departed':
      case 'membership':
        if (transaction.conversation(frame.groupId)?.mailbox === frame.mailbox)
          await (await this.parts.handshakes()).receiveChange(this.parts, transaction, frame)
    }
  }

  /**
   * Entries of a conversation that say nothing to this device: gone, or not what belongs there. A commit may be among
   * them: the next message then shows it, and the device joins anew.
   */
  private unheard(transaction: Transaction, frame: EntryFrame, first: number, last: number): void {
    const conversation = conversationAt(transaction, frame.mailbox)
    if (conversation?.status !== 'active' || conversation.rejoin || last <= conversation.commitSeq) return
    if (frame.type !== 'gone' && speaksTo(frame, conversation.id)) return
    this.missing(transaction, frame.mailbox, first, last, frame.type === 'gone' ? frame.reason : undefined)
  }

  /**
   * Only an older storage, or a server that hides something, lets numbers be missing. That they have expired, or that an account
   * was erased, may be true: whoever is told can compare it with how long the device was away.
   */
  private missing(transaction: Transaction, mailbox: string, from: number, to: number, reason?: string): void {
    const conversation = conversationAt(transaction, mailbox)
    const because = reason === undefined ? '' : `; the server says: ${reason}`
    const detail = `entries ${from} to ${to} of a mailbox did not come${because}`
    transaction.emit({
      type: 'error',
      incident: { kind: 'entries_missing', conversationId: conversation?.id, userId: undefined, detail },
    })
    if (conversation !== undefined) transaction.updateConversation(conversation.id, { transcript: undefined })
  }

  private async failed(frame: EntryFrame, error: unknown): Promise<void> {
    const { incident, timers } = this.parts
    const detail = error instanceof Error ? error.message : String(error)
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    incident('background_failed', undefined, `an entry of kind ${frame.type} could not be taken: ${detail}`)
    await timers.sleep(code === 'code_unavailable' ? codeRetryMs : retryMs)
    // A storage that fails, and code that does not come, are waited for; everything else may be this entry's own fault.
    const isWaitedFor = typeof code === 'string' && (code.startsWith('storage_') || code === 'code_unavailable')
    if (isWaitedFor || ++this.tries < triesMax) return
    const { mailbox } = frame
    const seq = frame.type === 'gone' ? frame.to : frame.seq
    await this.parts.memory.transact(async (transaction) => {
      transaction.setCursor(mailbox, seq)
      const conversation = conversationAt(transaction, mailbox)
      if (conversation !== undefined) transaction.updateConversation(conversation.id, { rejoin: true, transcript: undefined })
      if (frame.type === 'msg' && conversation?.id === frame.to)
        await unreadable(this.parts, transaction, frame, 'internal', detail)
      transaction.afterwards(() => {
        this.parts.transport.ack(mailbox, seq)
        if (conversation !== undefined) this.parts.ask.rejoin(conversation.id)
      })
    })
    this.done(1)
  }
}

/** Whether the entry is one that the mailbox of this conversation may hold. */
function speaksTo(frame: Exclude<EntryFrame, { readonly type: 'gone' }>, conversationId: string): boolean {
  switch (frame.type) {
    case 'own':
      return true
    case 'msg':
      return isMlsMessage(frame) && frame.to === conversationId
    case 'commit':
    case 'departed':
    case 'membership':
      return frame.groupId === conversationId
    default:
      return false
  }
}

function conversationAt(transaction: Transaction, mailbox: string) {
  const id = transaction.memory.conversationOf(mailbox)
  return id === undefined ? undefined : transaction.conversation(id)
}
