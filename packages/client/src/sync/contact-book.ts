import { SottoError } from '@sotto/protocol/errors'
import type { Clock } from '../clock.ts'
import { meet } from '../identity/contacts.ts'
import { verifyList } from '../identity/device-list.ts'
import type { Contact, SignedList, VerifiedList } from '../identity/identity.ts'
import type { MlsEngine } from '../mls/engine.ts'
import type { Transport } from '../transport/transport.ts'
import type { IncidentKind } from './core-api.ts'
import { Gate } from './gate.ts'
import type { Memory } from './memory.ts'
import type { Transaction } from './transaction.ts'

/** How long a list that was just fetched is not fetched again without a reason. */
const freshMs = 1_000
const fetchMs = 10_000
const askingMax = 8
/** Of being told to come back later. */
const triesMax = 60

export interface ContactBookParts {
  readonly memory: Memory
  readonly engine: MlsEngine
  readonly transport: Pick<Transport, 'request'>
  readonly clock: Clock
  readonly sleep: (delayMs: number) => Promise<void>
  /** Called in the transaction that changes a contact, after the change. */
  readonly changed: (transaction: Transaction, before: Contact | undefined, after: Contact) => void
}

/** The users that this device knows, by the lists that they have signed. */
export class ContactBook {
  private readonly parts: ContactBookParts
  private readonly fetching = new Map<string, Promise<Contact | 'none' | undefined>>()
  private readonly fetchedAt = new Map<string, number>()
  /** A group of many is not asked for all at once. */
  private readonly gate = new Gate(askingMax)

  constructor(parts: ContactBookParts) {
    this.parts = parts
  }

  of(userId: string): Contact | undefined {
    return this.parts.memory.contacts.get(userId)
  }

  /**
   * Fetches and judges the user's list, unless it was fetched a moment ago. `none`: the server says that there is none;
   * undefined: it could not be asked, or its answer was refused.
   */
  async refresh(userId: string, { force = false } = {}): Promise<Contact | 'none' | undefined> {
    const { clock } = this.parts
    if (!force && this.of(userId) !== undefined && clock.now() - (this.fetchedAt.get(userId) ?? -freshMs) < freshMs)
      return this.of(userId)
    const under = this.fetching.get(userId)
    if (under !== undefined) return under
    const fetching = this.gate.run(() => this.fetch(userId)).finally(() => this.fetching.delete(userId))
    this.fetching.set(userId, fetching)
    return fetching
  }

  /** Takes up a list, from wherever it came. `asked`: the contact as it was known when the list was asked for. */
  async take(userId: string, signed: SignedList, asked = this.of(userId)): Promise<Contact | undefined> {
    let list: VerifiedList
    try {
      list = await verifyList(userId, signed, this.parts.engine)
    } catch (error) {
      this.incident('list_refused', userId, error instanceof Error ? error.message : 'it does not verify')
      return this.of(userId)
    }
    return this.parts.memory.transact(async (transaction) => {
      const before = transaction.contact(userId)
      const { kind, contact } = meet(before, list, this.parts.clock.now())
      // The answer was on its way while a newer list came in.
      if (kind === 'older' && before !== asked) return before
      if (kind === 'older' || kind === 'forked') {
        transaction.emit({
          type: 'error',
          incident: {
            kind: 'list_refused',
            conversationId: undefined,
            userId,
            detail:
              kind === 'older'
                ? `version ${list.version} was served after version ${before?.list.version}`
                : `two lists of version ${list.version} differ`,
          },
        })
        return before
      }
      if (kind === 'unchanged') return before
      transaction.setContact(contact)
      this.parts.changed(transaction, before, contact)
      return contact
    })
  }

  private async fetch(userId: string): Promise<Contact | 'none' | undefined> {
    const { transport, clock, sleep } = this.parts
    for (let tries = 0; tries < triesMax; tries++) {
      const asked = this.of(userId)
      try {
        const signed = await transport.request('GET /identity/:userId', { params: { userId } }, { retryMs: fetchMs })
        this.fetchedAt.set(userId, clock.now())
        return await this.take(userId, signed, asked)
      } catch (error) {
        if (!(error instanceof SottoError)) return undefined
        if (error.code === 'not_found') return 'none'
        if (error.code !== 'rate_limited') return undefined
        await sleep(error.extra.retryAfterMs ?? freshMs)
      }
    }
    return undefined
  }

  private incident(kind: IncidentKind, userId: string, detail: string): void {
    this.parts.memory.emit({ type: 'error', incident: { kind, conversationId: undefined, userId, detail } })
  }
}
