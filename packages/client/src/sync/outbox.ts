import type { OpenStorage } from '../storage/storage.ts'
import { pack, unpack } from './records.ts'
import { afterQueued } from './rows.ts'
import { outboxKeys, type Transaction } from './transaction.ts'

/** A message of this device that the server has not delivered back yet. */
export interface OutboxItem {
  /** Order of the calls. */
  readonly n: number
  readonly conversationId: string
  readonly id: string
  readonly envelope: Uint8Array
  /** It stands in the history; others (receipts, reactions, edits) change what stands there. */
  readonly shown: boolean
  /** The message that an edit, deletion or reaction changes. */
  readonly target: string | undefined
  readonly expiresInMs: number | undefined
  /** Of a receipt: what it says, as long as it can still grow. */
  readonly receipt: { readonly delivered: readonly string[]; readonly read: readonly string[] } | undefined
  /** As it was encrypted: the same bytes go out again until the server has decided. */
  readonly sealed: Sealed | undefined
}

export interface Sealed {
  /** Base64. */
  readonly ciphertext: string
  readonly generation: number
  readonly epoch: number
}

/** What waits to be sent, in order, on disk and in memory. */
export class Outbox {
  private readonly items = new Map<string, OutboxItem[]>()
  private readonly byId = new Map<string, OutboxItem>()
  private nextN = 1

  /** `conversations`: those of the history, whose messages that failed keep their places. */
  async load(storage: OpenStorage, conversations: Iterable<string>): Promise<void> {
    for (const { value } of await storage.range('outbox', { prefix: outboxKeys.messages })) {
      const item = unpack<OutboxItem>(value)
      this.keep(item)
      this.nextN = Math.max(this.nextN, item.n + 1)
    }
    for (const conversationId of conversations) this.nextN = Math.max(this.nextN, await afterQueued(storage, conversationId))
  }

  /** In the order of the calls. */
  of(conversationId: string): readonly OutboxItem[] {
    return this.items.get(conversationId) ?? []
  }

  find(id: string): OutboxItem | undefined {
    return this.byId.get(id)
  }

  conversations(): string[] {
    return [...this.items.keys()]
  }

  takeNumber(): number {
    return this.nextN++
  }

  /** Adds, or replaces the one of the same number. */
  put(transaction: Transaction, item: OutboxItem): void {
    transaction.put('outbox', keyOf(item.n), pack(item))
    transaction.afterwards(() => this.keep(item))
  }

  remove(transaction: Transaction, item: OutboxItem): void {
    transaction.put('outbox', keyOf(item.n), undefined)
    transaction.afterwards(() => {
      this.byId.delete(item.id)
      const rest = (this.items.get(item.conversationId) ?? []).filter(({ n }) => n !== item.n)
      if (rest.length === 0) this.items.delete(item.conversationId)
      else this.items.set(item.conversationId, rest)
    })
  }

  private keep(item: OutboxItem): void {
    const items = this.items.get(item.conversationId) ?? []
    const at = items.findIndex(({ n }) => n === item.n)
    if (at >= 0) {
      this.byId.delete(items[at]!.id)
      items[at] = item
    } else items.push(item)
    this.items.set(item.conversationId, items)
    this.byId.set(item.id, item)
  }
}

function keyOf(n: number): string {
  return `${outboxKeys.messages}${String(n).padStart(16, '0')}`
}
