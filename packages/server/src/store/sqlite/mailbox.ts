import { mailboxName } from '../mailbox-name.ts'
import type { Entry } from '../store.ts'
import type { LoadedMailbox } from './mailboxes.ts'

export type MailboxKind = 'user' | 'device' | 'group'

/** An entry that the journal holds, or is about to: what the main thread remembers until it is settled. */
export interface Recorded extends Entry {
  readonly to: Mailbox
  /** Sender and message id; empty: the server's own. */
  readonly key: string
  readonly userId: string
  readonly device: string
  readonly digestBytes: number
  readonly expiresInMs: number
  /** 0: with the retention. */
  readonly expiresAt: number
  /** What stands in the frame of an entry for a Welcome; null in others. */
  readonly welcome: Buffer | null
  /** Settles the sender's promise. */
  done: ((failure: Error | null) => void) | null
  /** Others who sent the same again meanwhile. */
  waiting: ((failure: Error | null) => void)[] | null
}

interface Pair {
  entries: number
  bytes: number
  last: number
}

/**
 * A mailbox in the memory of the main thread: the state that decides, derived from the database and the journal.
 *
 * Invariants: `floor <= durable <= head`, `settled <= durable`, and `recent` holds exactly the entries
 * `settled + 1 … head`. Entries at or below `floor` are gone for everybody.
 */
export class Mailbox {
  readonly no: number
  readonly name: string
  readonly kind: MailboxKind
  readonly owner: string
  /** The last seq given out, perhaps not yet committed. */
  head: number
  /** The last seq committed: what may be read. */
  durable: number
  /** The last seq that has left the journal. */
  settled: number
  floor: number
  /** Up to here entries went because a device fell behind. */
  limitFloor: number
  /** The last seq that reached any device of the owner. */
  delivered: number
  receivedAt: number
  /** Bytes of what is settled and not yet trimmed. */
  settledBytes: number
  /** Bytes of what is not settled, above the floor. */
  private recentBytes = 0
  readonly cursors = new Map<number, number>()
  /** Of former members' devices: where their window ends. */
  readonly untils = new Map<number, number>()
  readonly pairs = new Map<string, Pair>()
  /** Erased or dropped: nothing may be appended, whoever holds it looks it up anew. */
  dead = false
  /** From where undelivered entries were last counted exactly. */
  countedAfter = -1
  /** Round of the sweeper in which it was last used. */
  usedAt = 0
  private recent: (Recorded | undefined)[] = []
  private recentStart = 0

  constructor(row: LoadedMailbox) {
    this.no = row.no
    this.name = mailboxName(row.no)
    this.kind = row.kind
    this.owner = row.owner
    this.head = row.head
    this.durable = row.head
    this.settled = row.head
    this.floor = row.floor
    this.limitFloor = row.limitFloor
    this.delivered = row.delivered
    this.receivedAt = row.receivedAt
    this.settledBytes = row.bytes
    for (const [device, seq, until] of row.cursors) {
      this.cursors.set(device, seq)
      if (until !== null) this.untils.set(device, until)
      this.delivered = Math.max(this.delivered, seq)
    }
    this.setPairs(row.pairs)
  }

  /** Takes the next seq for an entry. */
  push(entry: Recorded): void {
    this.head = entry.seq
    this.receivedAt = entry.receivedAt
    if (entry.seq > this.floor) this.recentBytes += entry.json.length
    this.recent.push(entry)
    if (entry.userId !== '' && this.kind !== 'group') this.count(entry.userId, entry.json.length, entry.seq)
  }

  /** Takes back the last entry pushed, whose commit failed. */
  pop(): void {
    const entry = this.recent.pop()!
    this.countedAfter = -1
    this.head = entry.seq - 1
    this.recentBytes -= entry.json.length
    const pair = this.pairs.get(entry.userId)
    if (pair !== undefined && pair.last === entry.seq) {
      pair.entries--
      pair.bytes -= entry.json.length
    }
  }

  /** The entry has left the journal. Entries leave in the order of their seqs. */
  settle(entry: Recorded): void {
    if (entry.seq > this.floor) this.recentBytes -= entry.json.length
    this.settled = entry.seq
    // Nothing may point to what has left: an entry keeps a whole segment of memory.
    this.recent[this.recentStart++] = undefined
    if (this.recentStart > 32 && this.recentStart * 2 > this.recent.length) {
      this.recent = this.recent.slice(this.recentStart)
      this.recentStart = 0
    }
  }

  /** Bytes held, at least. */
  get bytes(): number {
    return this.settledBytes + this.recentBytes
  }

  /** An entry that is not settled. */
  recentEntry(seq: number): Recorded | undefined {
    return seq > this.settled ? this.recent[this.recentStart + seq - this.settled - 1] : undefined
  }

  get hasRecent(): boolean {
    return this.settled < this.head
  }

  /** Undelivered from one user. Cheap, and never too low; `null` when only a recount can tell. */
  undelivered(userId: string): { entries: number; bytes: number } {
    const pair = this.pairs.get(userId)
    if (pair === undefined) return { entries: 0, bytes: 0 }
    if (pair.last <= this.delivered) {
      this.pairs.delete(userId)
      return { entries: 0, bytes: 0 }
    }
    return pair
  }

  /** Replaces the counts: `settled` ones as counted in the database, recent ones counted here. */
  recount(settled: readonly { userId: string; entries: number; bytes: number; last: number }[]): void {
    this.pairs.clear()
    this.setPairs(settled)
    for (let seq = Math.max(this.settled, this.delivered) + 1; seq <= this.head; seq++) {
      const entry = this.recentEntry(seq)!
      if (entry.userId !== '') this.count(entry.userId, entry.json.length, seq)
    }
  }

  /**
   * How far every device that holds entries back has acknowledged; a device that lags by more than `entriesMax` does
   * not count beyond that. `floor` where nobody holds anything back.
   */
  acknowledged(entriesMax: number): { floor: number; limited: boolean } {
    const lowest = this.durable - entriesMax
    let floor = Number.POSITIVE_INFINITY
    let passed = 0
    let limited = false
    for (const [device, seq] of this.cursors) {
      const until = this.untils.get(device)
      if (until !== undefined && seq >= until) {
        passed = Math.max(passed, until)
        continue
      }
      if (seq < lowest) limited = true
      floor = Math.min(floor, Math.max(seq, lowest))
    }
    // Where only former members are left, what they have all acknowledged is free.
    if (floor === Number.POSITIVE_INFINITY) floor = Math.min(passed, this.durable)
    return { floor: Math.max(floor, this.floor), limited }
  }

  get isHeld(): boolean {
    return this.cursors.size > 0
  }

  /** Gives up everything up to `floor`. What is not settled frees its bytes here, the rest when it is trimmed. */
  raise(floor: number, limited: boolean): void {
    for (let seq = Math.max(this.floor, this.settled) + 1; seq <= floor; seq++) {
      this.recentBytes -= this.recentEntry(seq)!.json.length
    }
    this.floor = floor
    if (limited) this.limitFloor = floor
  }

  private setPairs(counts: readonly { userId: string; entries: number; bytes: number; last: number }[]): void {
    for (const { userId, entries, bytes, last } of counts) this.pairs.set(userId, { entries, bytes, last })
  }

  private count(userId: string, bytes: number, seq: number): void {
    const pair = this.pairs.get(userId)
    if (pair === undefined || pair.last <= this.delivered) {
      this.pairs.set(userId, { entries: 1, bytes, last: seq })
      return
    }
    pair.entries++
    pair.bytes += bytes
    pair.last = seq
  }
}

/** The kind that a tombstone carries: the sender was erased. */
export const tombstone = 0
