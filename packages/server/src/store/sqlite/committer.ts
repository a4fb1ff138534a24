import { SottoError } from '@sotto/protocol'
import type { Mailbox, Recorded } from './mailbox.ts'
import type { Arguments, Result, WriteName } from './operations.ts'
import { Segments } from './segments.ts'
import type { Settle } from './settle.ts'
import type { Thread } from './thread.ts'
import { type Batch, type Outcome, type SettledChange, type Task, unwrap, type WriterReply } from './threads.ts'

/** Records that a settlement takes at most: two or three milliseconds, in which nothing is committed. */
const settleRecords = 1_024
/** Records that may stand in the journal before they are settled. */
const journalRecords = 8_192
const journalBytes = 16 * 1024 * 1024

/** What may wait for a commit, and stand in a journal that cannot be settled, before appends are refused. */
const waitingBytesMax = 64 * 1024 * 1024
const unsettledRecordsMax = 16 * journalRecords

interface OpenTask extends Task {
  readonly settle: (outcome: Outcome | Error) => void
}

interface OpenBatch {
  readonly records: Recorded[]
  readonly tasks: OpenTask[]
  readonly undo: (() => void)[]
  /** When its first record was received; Infinity: none was. */
  since: number
  bytes: number
}

interface JournalRow {
  readonly pos: number
  readonly records: readonly Recorded[]
  readonly bytes: number
  readonly since: number
}

export interface CommitterEvents {
  /** Records are on disk, in order. */
  committed(records: readonly Recorded[], durationMs: number): void
  /** Records are not; the latest first. */
  undone(record: Recorded): void
  /** Entries of these mailboxes are about to be settled: what was acknowledged need not be. */
  settling(mailboxes: ReadonlySet<Mailbox>): void
  settled(records: readonly Recorded[]): void
  /** What a settlement added to the tables; told before its records are. */
  added(change: SettledChange): void
  trouble(why: string): void
}

/**
 * Group commit: while the writer thread syncs one batch, everything that arrives waits in the next. No timer and no
 * fixed size: a batch is as large as the time of one sync lets it be.
 */
export class Committer {
  private open = emptyBatch()
  private inFlight: OpenBatch | null = null
  private inFlightPos = 0
  private scheduled = false
  private postedAt = 0
  private settling: JournalRow[] = []
  private readonly journal: JournalRow[] = []
  private journalled = 0
  private journalledBytes = 0
  private settleSoon = false
  private checkpointSoon = false
  private dead = false
  /** Commits and settlements that failed. */
  private troubles = 0
  private readonly idle: (() => void)[] = []
  private readonly writer: Thread<Batch | 'close', WriterReply>
  private readonly events: CommitterEvents
  readonly segments = new Segments()
  commits = 0
  failed = 0
  private nextPos: number

  constructor(writer: Thread<Batch | 'close', WriterReply>, nextPos: number, events: CommitterEvents) {
    this.writer = writer
    this.nextPos = nextPos
    this.events = events
    writer.onMessage((reply) => this.answered(reply))
    writer.onEnd((why) => this.ended(why))
  }

  /** What the journal held at the start. */
  recover(pos: number, records: readonly Recorded[], bytes: number, since: number): void {
    this.enterJournal({ pos, records, bytes, since })
  }

  /** Commits a record that was written to `segments` and pushed to its mailbox. */
  add(record: Recorded): void {
    this.open.records.push(record)
    if (record.receivedAt < this.open.since) this.open.since = record.receivedAt
    this.open.bytes += record.json.length
    this.schedule()
  }

  /** Runs an operation in the next batch. `undo`: called if that batch fails, for what was changed in anticipation. */
  run<name extends WriteName>(name: name, args: Arguments<name>, undo?: () => void): Promise<Result<name>> {
    return new Promise((resolve, reject) => {
      this.open.tasks.push({
        name,
        args,
        bound: undo !== undefined,
        settle: (outcome) => {
          if (outcome instanceof Error) return reject(outcome)
          try {
            resolve(unwrap(outcome) as Result<name>)
          } catch (error) {
            reject(error)
          }
        },
      })
      if (undo !== undefined) this.open.undo.push(undo)
      this.schedule()
    })
  }

  /** The earliest time that an append carries which cannot be read yet; Infinity: there is none. */
  get since(): number {
    return Math.min(this.open.since, this.inFlight?.since ?? Number.POSITIVE_INFINITY)
  }

  get queued(): number {
    return this.open.records.length + (this.inFlight?.records.length ?? 0)
  }

  /** The disk does not keep up, or takes nothing any more: further appends would only fill the memory. */
  get isOverloaded(): boolean {
    return this.open.bytes > waitingBytesMax || this.journalled > unsettledRecordsMax
  }

  /** When the oldest journal row was received; Infinity: the journal is empty. */
  get journalSince(): number {
    return this.journal[0]?.since ?? Number.POSITIVE_INFINITY
  }

  /** Settles a part of the journal with the next batch, though it is not long. */
  settleNext(): void {
    this.settleSoon = true
    this.schedule()
  }

  /** Has the log of the database started anew with the next batch. */
  checkpointNext(): void {
    this.checkpointSoon = true
    this.schedule()
  }

  /**
   * Resolves when everything that has been appended by now is settled, whatever comes after it. Throws `overloaded` when
   * a commit or a settlement fails meanwhile.
   */
  async settleAll(): Promise<void> {
    const upTo = this.open.records.length > 0 ? this.nextPos : this.nextPos - 1
    const { troubles } = this
    while (!this.dead && this.isUnsettled(upTo)) {
      this.settleNext()
      await new Promise<void>((resolve) => this.idle.push(resolve))
      if (this.troubles !== troubles) throw new SottoError('overloaded', undefined, { retryAfterMs: 1_000 })
    }
  }

  private isUnsettled(upTo: number): boolean {
    const oldest = this.journal[0]?.pos ?? Number.POSITIVE_INFINITY
    const isInFlight = this.inFlight !== null && this.inFlightPos > 0 && this.inFlightPos <= upTo
    return oldest <= upTo || isInFlight || (this.open.records.length > 0 && this.nextPos <= upTo)
  }

  /** Commits what is waiting and ends the writer thread. */
  async close(): Promise<void> {
    while (
      !this.dead &&
      (this.inFlight !== null || this.open.records.length > 0 || this.open.tasks.length > 0 || this.settling.length > 0)
    ) {
      this.schedule()
      await new Promise<void>((resolve) => this.idle.push(resolve))
    }
    if (this.dead) return
    // From here on every call is refused.
    this.dead = true
    await this.writer.close('close')
  }

  private schedule(): void {
    if (this.scheduled || this.inFlight !== null) return
    this.scheduled = true
    // After the poll phase: everything that arrived in this turn of the loop shares the batch.
    setImmediate(() => {
      this.scheduled = false
      if (this.inFlight === null) this.post()
    })
  }

  private post(): void {
    if (this.dead) {
      if (this.open.records.length > 0 || this.open.tasks.length > 0) this.fail('the store has closed')
      return
    }
    const batch = this.open
    this.open = emptyBatch()
    this.inFlight = batch
    this.inFlightPos = batch.records.length > 0 ? this.nextPos++ : 0
    const message: Batch = {
      pos: this.inFlightPos,
      spans: this.segments.take(),
      tasks: batch.tasks.map(({ name, args, bound }) => ({ name, args, bound })),
      settle: this.planSettle(),
      checkpoint: this.checkpointSoon,
    }
    this.checkpointSoon = false
    this.postedAt = performance.now()
    this.writer.post(message)
  }

  private planSettle(): Settle | null {
    if (this.settling.length > 0 || this.journal.length === 0) return null
    const isLong = this.journalled > journalRecords || this.journalledBytes > journalBytes
    if (!isLong && !this.settleSoon) return null
    this.settleSoon = false
    let records = 0
    let rows = 0
    for (const row of this.journal) {
      if (rows > 0 && records + row.records.length > settleRecords) break
      records += row.records.length
      rows++
    }
    this.settling = this.journal.slice(0, rows)
    const mailboxes = mailboxesOf(this.settling)
    this.events.settling(mailboxes)
    return { upTo: this.settling.at(-1)!.pos, floors: floorsOf(mailboxes) }
  }

  private answered(reply: WriterReply): void {
    if (reply.type === 'committed') this.committed(reply.outcomes)
    else if (reply.type === 'failed') this.fail(reply.why)
    else if (reply.type === 'settled') this.settled(reply.change)
    else {
      this.settling = []
      this.troubles++
      this.events.trouble(reply.why)
    }
    while (this.idle.length > 0) this.idle.pop()!()
  }

  private committed(outcomes: readonly Outcome[]): void {
    const batch = this.inFlight!
    const pos = this.inFlightPos
    const durationMs = performance.now() - this.postedAt
    this.inFlight = null
    this.commits++
    if (batch.records.length > 0) {
      this.enterJournal({ pos, records: batch.records, bytes: batch.bytes, since: batch.since })
    }
    // The writer gets its next batch before anything else happens here.
    if (this.hasWork) this.post()
    for (let i = 0; i < outcomes.length; i++) batch.tasks[i]!.settle(outcomes[i]!)
    if (batch.records.length > 0) this.events.committed(batch.records, durationMs)
  }

  private get hasWork(): boolean {
    return (
      this.open.records.length > 0 ||
      this.open.tasks.length > 0 ||
      this.checkpointSoon ||
      (this.settling.length === 0 && this.journal.length > 0 && (this.settleSoon || this.journalled > journalRecords))
    )
  }

  private enterJournal(row: JournalRow): void {
    this.journal.push(row)
    this.journalled += row.records.length
    this.journalledBytes += row.bytes
  }

  private settled(change: SettledChange): void {
    this.events.added(change)
    const rows = this.settling
    this.settling = []
    this.journal.splice(0, rows.length)
    for (const row of rows) {
      this.journalled -= row.records.length
      this.journalledBytes -= row.bytes
      this.events.settled(row.records)
    }
    if (this.inFlight === null && this.hasWork) this.post()
  }

  /** Takes back everything that is not committed: what comes later was numbered after what failed. */
  private fail(why: string): void {
    const failed = this.inFlight
    const waiting = this.open
    this.open = emptyBatch()
    this.inFlight = null
    this.settling = []
    this.failed++
    this.troubles++
    this.segments.take()
    const error = new SottoError('overloaded', 'the store cannot commit now', { retryAfterMs: 1_000 })
    for (const batch of [waiting, failed]) {
      if (batch === null) continue
      for (const record of batch.records.toReversed()) {
        this.events.undone(record)
        record.done?.(error)
        for (const wait of record.waiting ?? []) wait(error)
      }
      for (const undo of batch.undo.toReversed()) undo()
      for (const task of batch.tasks) task.settle(error)
    }
    this.events.trouble(why)
  }

  private ended(why: string): void {
    this.dead = true
    this.fail(`the writer thread ended: ${why}`)
    while (this.idle.length > 0) this.idle.pop()!()
  }
}

function mailboxesOf(rows: readonly JournalRow[]): Set<Mailbox> {
  const seen = new Set<Mailbox>()
  for (const row of rows) for (const record of row.records) seen.add(record.to)
  return seen
}

function floorsOf(mailboxes: ReadonlySet<Mailbox>): Float64Array {
  const packed = new Float64Array(mailboxes.size * 2)
  let at = 0
  for (const mailbox of mailboxes) {
    packed[at++] = mailbox.no
    packed[at++] = mailbox.dead ? Number.MAX_SAFE_INTEGER : mailbox.floor
  }
  return packed
}

function emptyBatch(): OpenBatch {
  return { records: [], tasks: [], undo: [], since: Number.POSITIVE_INFINITY, bytes: 0 }
}
