import { decodeContact } from '../identity/contacts.ts'
import type { Contact } from '../identity/identity.ts'
import type { GroupState, MlsEngine } from '../mls/engine.ts'
import type { OpenStorage } from '../storage/storage.ts'
import type { ConversationState, PendingCommit } from './conversation-state.ts'
import type { CoreEvent } from './core-api.ts'
import { unpackConversation, unpackPending } from './records.ts'
import { claimedPrefix, deferredPrefix, outboxKeys, Transaction } from './transaction.ts'
import { Turns } from './turns.ts'

/** MLS states held at once; the least recently used go, their records stay. */
const groupsMax = 64

/** What the device knows, as it stands on disk. Changed by transactions alone, one after another. */
export class Memory {
  readonly storage: OpenStorage
  readonly engine: MlsEngine
  readonly conversations = new Map<string, ConversationState>()
  readonly contacts = new Map<string, Contact>()
  readonly cursors = new Map<string, number>()
  /** How far the server says that this device has been in mailboxes, where that was further than its storage knew. */
  readonly claimed = new Map<string, number>()
  /** Mailboxes of groups for which a Welcome waits. */
  readonly deferred = new Set<string>()
  readonly pending = new Map<string, PendingCommit>()
  readonly emit: (event: CoreEvent) => void
  readonly conversationChanged: (conversationId: string) => void
  private readonly byMailbox = new Map<string, string>()
  private readonly groups = new Map<string, GroupState>()
  private readonly turns = new Turns()

  constructor(
    storage: OpenStorage,
    engine: MlsEngine,
    emit: (event: CoreEvent) => void,
    conversationChanged: (conversationId: string) => void,
  ) {
    this.storage = storage
    this.engine = engine
    this.emit = emit
    this.conversationChanged = conversationChanged
  }

  async load(): Promise<void> {
    const { storage } = this
    const [conversations, contacts, cursors, commits] = await Promise.all([
      storage.range('conversations'),
      storage.range('contacts'),
      storage.range('cursors'),
      storage.range('outbox', { prefix: outboxKeys.commits }),
    ])
    for (const { value } of conversations) this.setConversation(unpackConversation(value))
    for (const { key, value } of contacts) this.contacts.set(key, decodeContact(value))
    for (const { key, value } of cursors) {
      const seq = Number(new TextDecoder().decode(value))
      if (key.startsWith(claimedPrefix)) this.claimed.set(key.slice(claimedPrefix.length), seq)
      else this.cursors.set(key, seq)
    }
    for (const { key } of await storage.range('later', { prefix: deferredPrefix }))
      this.deferred.add(key.slice(deferredPrefix.length))
    for (const { value } of commits) {
      const pending = unpackPending(value)
      this.pending.set(pending.conversationId, pending)
    }
  }

  /** One step of the device. What `step` changes exists for all once it is on disk, or, if anything throws, not at all. */
  transact<result>(step: (transaction: Transaction) => Promise<result>): Promise<result> {
    return this.turns.run(async () => {
      const transaction = new Transaction(this)
      const result = await step(transaction)
      await transaction.commit()
      return result
    })
  }

  setConversation(state: ConversationState): void {
    this.conversations.set(state.id, state)
    if (state.mailbox !== undefined) this.byMailbox.set(state.mailbox, state.id)
  }

  conversationOf(mailbox: string): string | undefined {
    return this.byMailbox.get(mailbox)
  }

  async idle(): Promise<void> {
    await this.turns.idle()
  }

  async group(conversationId: string): Promise<GroupState | undefined> {
    const cached = this.groups.get(conversationId)
    if (cached !== undefined) {
      this.groups.delete(conversationId)
      this.groups.set(conversationId, cached)
      return cached
    }
    const prefix = `${conversationId}/`
    const items = await this.storage.range('mls', { prefix })
    const records = new Map(items.map(({ key, value }) => [key.slice(prefix.length), value]))
    if (records.size === 0) return undefined
    const state = this.engine.loadGroup(records)
    this.setGroup(conversationId, state)
    return state
  }

  /** As far as the group is in memory. */
  epochOf(conversationId: string): number | undefined {
    return this.groups.get(conversationId)?.epoch
  }

  setGroup(conversationId: string, state: GroupState | undefined): void {
    this.groups.delete(conversationId)
    if (state === undefined) return
    this.groups.set(conversationId, state)
    if (this.groups.size > groupsMax) this.groups.delete(this.groups.keys().next().value!)
  }
}
