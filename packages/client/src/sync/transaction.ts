import { encodeContact } from '../identity/contacts.ts'
import type { Contact } from '../identity/identity.ts'
import type { GroupState, RecordChange, Step } from '../mls/engine.ts'
import type { Change, Collection, Item } from '../storage/storage.ts'
import type { EntryFrame } from '../transport/transport.ts'
import type { ConversationState, PendingCommit } from './conversation-state.ts'
import type { CoreEvent } from './core-api.ts'
import type { Memory } from './memory.ts'
import { pack, packConversation, packPending, unpack } from './records.ts'

/** Keys of the collection `outbox`: what the server has not decided yet. */
export const deferredPrefix = 'welcome/'

export type DeferredWelcome = Extract<EntryFrame, { readonly type: 'welcome_mls' }>

export const outboxKeys = { commits: 'commit/', messages: 'message/' } as const

/** Keys of the collection `cursors`: where the server claims that this device has been, and its storage knows nothing of it. */
export const claimedPrefix = '?'

/**
 * One step of the device: reads what is in memory with its own changes over it, gathers what is to be written, and what
 * is to happen once that is on disk. Nothing of it exists before `Memory.commit`; if that fails, nothing has happened.
 */
export class Transaction {
  readonly memory: Memory
  private readonly changes = new Map<string, Change>()
  private readonly conversations = new Map<string, ConversationState>()
  private readonly contacts = new Map<string, Contact>()
  private readonly groups = new Map<string, GroupState | undefined>()
  private readonly cursors = new Map<string, number>()
  private readonly claimed = new Map<string, number>()
  private readonly steps: Step[] = []
  private readonly after: (() => void)[] = []

  constructor(memory: Memory) {
    this.memory = memory
  }

  put(collection: Collection, key: string, value: Uint8Array | undefined): void {
    this.changes.set(`${collection} ${key}`, { collection, key, value })
  }

  /** As it will be on disk. */
  async get(collection: Collection, key: string): Promise<Uint8Array | undefined> {
    const changed = this.changes.get(`${collection} ${key}`)
    return changed === undefined ? await this.memory.storage.get(collection, key) : changed.value
  }

  /** As it will be on disk, in the order of the keys. */
  async range(collection: Collection, range: { readonly prefix: string; readonly before?: string }): Promise<readonly Item[]> {
    const items = new Map((await this.memory.storage.range(collection, range)).map(({ key, value }) => [key, value]))
    for (const change of this.changes.values()) {
      if (change.collection !== collection || !change.key.startsWith(range.prefix)) continue
      if (range.before !== undefined && change.key >= range.before) continue
      if (change.value === undefined) items.delete(change.key)
      else items.set(change.key, change.value)
    }
    return [...items].map(([key, value]) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  conversation(id: string): ConversationState | undefined {
    return this.conversations.get(id) ?? this.memory.conversations.get(id)
  }

  setConversation(state: ConversationState): void {
    this.conversations.set(state.id, state)
  }

  updateConversation(id: string, change: Partial<ConversationState>): ConversationState {
    const next = { ...this.conversation(id)!, ...change }
    this.conversations.set(id, next)
    return next
  }

  /** The conversation never was. */
  dropConversation(id: string): void {
    this.conversations.delete(id)
    this.put('conversations', id, undefined)
    this.afterwards(() => this.memory.conversations.delete(id))
  }

  contact(userId: string): Contact | undefined {
    return this.contacts.get(userId) ?? this.memory.contacts.get(userId)
  }

  setContact(contact: Contact): void {
    this.contacts.set(contact.userId, contact)
  }

  cursor(mailbox: string): number | undefined {
    const known = this.claimed.has(mailbox) ? undefined : this.memory.cursors.get(mailbox)
    return this.cursors.get(mailbox) ?? known
  }

  /** This storage is behind in the mailbox: it goes on with whatever comes next. `claimed`: how far it was, says the server. */
  loseCursor(mailbox: string, claimed: number): void {
    this.claimed.set(mailbox, claimed)
  }

  setCursor(mailbox: string, seq: number): void {
    this.cursors.set(mailbox, seq)
  }

  /** The MLS state of a conversation; undefined when there is none. @throws MlsFailure `lost_state`. */
  async group(conversationId: string): Promise<GroupState | undefined> {
    if (this.groups.has(conversationId)) return this.groups.get(conversationId)
    return await this.memory.group(conversationId)
  }

  /** Takes the step of a group: its records are written, its secrets wiped afterwards. */
  take(conversationId: string, step: Step): void {
    this.groups.set(conversationId, step.state)
    this.record(conversationId, step.changes)
    this.steps.push(step)
  }

  /** The group of a conversation ceases to be: all its records go. */
  async dropGroup(conversationId: string): Promise<void> {
    const prefix = `${conversationId}/`
    for (const { key } of await this.memory.storage.range('mls', { prefix })) this.put('mls', key, undefined)
    for (const { collection, key } of [...this.changes.values()]) {
      if (collection === 'mls' && key.startsWith(prefix)) this.put('mls', key, undefined)
    }
    this.groups.set(conversationId, undefined)
  }

  setPending(conversationId: string, pending: PendingCommit | undefined): void {
    this.put('outbox', outboxKeys.commits + conversationId, pending === undefined ? undefined : packPending(pending))
    this.afterwards(() => {
      if (pending === undefined) this.memory.pending.delete(conversationId)
      else this.memory.pending.set(conversationId, pending)
    })
  }

  /** Happens once everything is on disk, in the order of the calls. */
  afterwards(effect: () => void): void {
    this.after.push(effect)
  }

  /** A Welcome that waits until its group's mailbox has been read up to its place. */
  async deferredWelcome(groupMailbox: string): Promise<DeferredWelcome | undefined> {
    const key = deferredPrefix + groupMailbox
    if (!this.memory.deferred.has(groupMailbox) && !this.changes.has(`later ${key}`)) return undefined
    const value = await this.get('later', key)
    return value === undefined ? undefined : unpack<DeferredWelcome>(value)
  }

  deferWelcome(groupMailbox: string, welcome: DeferredWelcome | undefined): void {
    this.put('later', deferredPrefix + groupMailbox, welcome === undefined ? undefined : pack(welcome))
    this.afterwards(() => {
      if (welcome === undefined) this.memory.deferred.delete(groupMailbox)
      else this.memory.deferred.add(groupMailbox)
    })
  }

  /** Tells how the conversation stands once this is on disk. */
  emitConversation(conversationId: string): void {
    this.afterwards(() => this.memory.conversationChanged(conversationId))
  }

  emit(event: CoreEvent): void {
    this.afterwards(() => this.memory.emit(event))
  }

  /** @throws what the storage throws; then nothing has happened. */
  async commit(): Promise<void> {
    for (const [id, state] of this.conversations) this.put('conversations', id, packConversation(state))
    for (const [userId, contact] of this.contacts) this.put('contacts', userId, encodeContact(contact))
    for (const [mailbox, seq] of this.claimed) {
      this.put('cursors', mailbox, undefined)
      this.put('cursors', claimedPrefix + mailbox, new TextEncoder().encode(String(seq)))
    }
    for (const [mailbox, seq] of this.cursors) this.put('cursors', mailbox, new TextEncoder().encode(String(seq)))
    if (this.changes.size > 0) await this.memory.storage.write([...this.changes.values()])
    for (const state of this.conversations.values()) this.memory.setConversation(state)
    for (const [userId, contact] of this.contacts) this.memory.contacts.set(userId, contact)
    for (const [mailbox, seq] of this.claimed) {
      this.memory.cursors.delete(mailbox)
      this.memory.claimed.set(mailbox, seq)
    }
    for (const [mailbox, seq] of this.cursors) this.memory.cursors.set(mailbox, seq)
    for (const [id, state] of this.groups) this.memory.setGroup(id, state)
    for (const step of this.steps) step.wipe()
    for (const effect of this.after) effect()
  }

  private record(conversationId: string, changes: readonly RecordChange[]): void {
    for (const { name, value } of changes) this.put('mls', `${conversationId}/${name}`, value)
  }
}
