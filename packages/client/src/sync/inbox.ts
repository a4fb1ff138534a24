import type { MessageSnapshot } from './core-api.ts'
import type { Memory } from './memory.ts'
import { pack, unpack } from './records.ts'
import { findMessage, snapshotOf } from './rows.ts'
import type { Transaction } from './transaction.ts'

const digits = 16

/** Messages that the application's handlers have not resolved for: handed over again after a restart. */
export class Inbox {
  private readonly memory: Memory
  private readonly keys = new Map<string, string>()
  private readonly handed = new Set<string>()
  private handledIds: string[] = []
  private handling: Promise<void> | undefined
  private nextN = 1
  /** Somebody is there to hand messages to. */
  private open = false

  constructor(memory: Memory) {
    this.memory = memory
  }

  async load(): Promise<void> {
    for (const { key, value } of await this.memory.storage.range('inbox')) {
      this.keys.set(unpack<string>(value), key)
      this.nextN = Number(key) + 1
    }
  }

  add(transaction: Transaction, message: MessageSnapshot): void {
    const key = String(this.nextN++).padStart(digits, '0')
    transaction.put('inbox', key, pack(message.id))
    transaction.afterwards(() => {
      this.keys.set(message.id, key)
      if (!this.open) return
      this.handed.add(message.id)
      this.memory.emit({ type: 'message', message })
    })
  }

  /** Hands over what waits, in order, and from now on what comes. */
  async deliver(): Promise<void> {
    await this.memory.transact(async (transaction) => {
      for (const [id, key] of [...this.keys]) {
        if (this.handed.has(id)) continue
        const record = await findMessage(transaction, id)
        if (record === undefined) {
          transaction.put('inbox', key, undefined)
          transaction.afterwards(() => this.keys.delete(id))
          continue
        }
        transaction.afterwards(() => {
          if (this.handed.has(id)) return
          this.handed.add(id)
          this.memory.emit({ type: 'message', message: snapshotOf(record) })
        })
      }
      transaction.afterwards(() => {
        this.open = true
      })
    })
  }

  /** Everything is handed over again: to a tab that has come into the place of one that is gone. */
  again(): Promise<void> {
    this.handed.clear()
    return this.deliver()
  }

  /** Gathers what is handled at the same time into one write; on disk when it resolves. */
  handled(messageId: string): Promise<void> {
    this.handledIds.push(messageId)
    this.handling ??= this.memory.transact(async (transaction) => {
      const ids = this.handledIds
      this.handledIds = []
      this.handling = undefined
      for (const id of ids) {
        const key = this.keys.get(id)
        if (key === undefined) continue
        transaction.put('inbox', key, undefined)
        transaction.afterwards(() => {
          this.keys.delete(id)
          this.handed.delete(id)
        })
      }
    })
    return this.handling
  }
}
