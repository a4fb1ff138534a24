import type { Clock } from '../../clock.ts'
import type { Swept } from '../store.ts'
import type { CheckpointReport } from './checkpoint.thread.ts'
import type { Committer } from './committer.ts'
import type { SurelyNew } from './idempotency/surely-new.ts'
import { keyPackagesSince } from './key-packages.ts'
import type { Ledger } from './ledger.ts'
import type { Reader } from './reader.ts'
import { startThread, type Thread } from './thread.ts'
import type { FilterChange } from './threads.ts'
import type { WelcomePlace } from './welcomes.ts'

/** How often cursors are persisted, and acknowledged entries freed: well within the second that is promised. */
const persistMs = 400
/** How long an entry stands in the journal of a store with little to do. */
const journalMs = 2_000
const evictMs = 60_000
const checkpointMs = 200
/** Pages in the log (of 8 KiB) from which the writer has it start anew. */
const logPagesMax = 16_384
/** Mailboxes that one step of expiry looks at. */
const mailboxesPerStep = 1_000
/** Rows of other tables, and groups, that a step of a sweep looks at. */
const rowsPerStep = 2_000
const groupsPerStep = 200

export interface UpkeepParts {
  readonly clock: Clock
  readonly path: string
  readonly retentionMs: number
  readonly ledger: Ledger
  readonly committer: Committer
  readonly reader: Reader
  readonly surelyNew: SurelyNew
  readonly filtersChanged: (change: FilterChange) => void
  readonly evict: () => void
  readonly trouble: (why: string) => void
}

/** What has to be done from time to time. */
export class Upkeep {
  private readonly parts: UpkeepParts
  private readonly timers: NodeJS.Timeout[] = []
  private sweeping: Promise<Swept> | null = null
  private readonly checkpointer: Thread<'close', CheckpointReport>

  constructor(parts: UpkeepParts) {
    this.parts = parts
    this.checkpointer = startThread('checkpoint', { path: parts.path, everyMs: checkpointMs })
    this.checkpointer.onEnd((why) => parts.trouble(`the checkpoint thread ended: ${why}`))
    this.checkpointer.onMessage(({ log }) => {
      if (log > logPagesMax) parts.committer.checkpointNext()
    })
  }

  start(): void {
    this.every(persistMs, () => this.persist())
    this.every(evictMs, () => this.parts.evict())
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer)
  }

  async close(): Promise<void> {
    await this.checkpointer.close('close')
  }

  /** Deletes what has expired, a step at a time, so that appends never wait long. One sweep at a time. */
  sweep(): Promise<Swept> {
    this.sweeping ??= this.sweepOnce().finally(() => {
      this.sweeping = null
    })
    return this.sweeping
  }

  private async sweepOnce(): Promise<Swept> {
    const { clock, committer, ledger, surelyNew, retentionMs } = this.parts
    await ledger.persist()
    await committer.settleAll()
    const now = clock.now()
    const entries = (await this.sweepExpiring(now)) + (await this.sweepRetention(now - retentionMs))
    surelyNew.drop(await committer.run('expireIds', now - retentionMs))
    for (let more = true; more; ) {
      const step = await committer.run('mergeIds', undefined)
      this.parts.filtersChanged(step.change)
      more = step.more
    }
    const tickets = await committer.run('sweepTickets', now)
    await committer.run('sweepBuckets', now)
    const addedBefore = keyPackagesSince(now, retentionMs)
    for (let more = true; more; ) more = (await committer.run('sweepKeyPackages', addedBefore)).more
    await this.sweepMls()
    for (const no of await committer.run('purgeGroups', undefined)) ledger.dropByNumber(no)
    return { entries, tickets }
  }

  /** What hangs on MLS groups and is of no use any more. */
  private async sweepMls(): Promise<void> {
    const { committer } = this.parts
    let place: WelcomePlace | null = { mailbox: 0, seq: 0 }
    while (place !== null) place = await committer.run('sweepWelcomeEntries', { after: place, rows: rowsPerStep })
    let row: number | null = 0
    while (row !== null) row = await committer.run('sweepWelcomes', { after: row, rows: rowsPerStep })
    let groupId: string | null = ''
    while (groupId !== null) groupId = await committer.run('purgeWindows', { after: groupId, groups: groupsPerStep })
  }

  private async sweepExpiring(now: number): Promise<number> {
    const { committer, ledger } = this.parts
    let entries = 0
    let more = true
    while (more) {
      const step = await committer.run('sweepExpiring', now)
      for (const freed of step.freed) {
        entries += freed.entries
        const known = ledger.knownByNumber(freed.mailbox)
        if (known !== undefined) known.settledBytes -= freed.bytes
      }
      more = step.more
    }
    return entries
  }

  private async sweepRetention(receivedBefore: number): Promise<number> {
    const { committer, ledger, reader } = this.parts
    let entries = 0
    let after: number | null = 0
    while (after !== null) {
      const step: { floors: { mailbox: number; floor: number; entries: number }[]; next: number | null } = await reader.run(
        'expiredFloors',
        { receivedBefore, after, limit: mailboxesPerStep },
      )
      const cold = step.floors.filter(({ mailbox, floor }) => !ledger.raiseExpired(mailbox, floor))
      if (cold.length > 0) {
        await committer.run(
          'trimMailboxes',
          cold.map(({ mailbox, floor }) => ({ no: mailbox, floor, limitFloor: 0, delivered: 0 })),
        )
      }
      await ledger.persist()
      for (const floor of step.floors) entries += floor.entries
      after = step.next
    }
    return entries
  }

  private persist(): void {
    const { clock, ledger, committer } = this.parts
    void ledger.persist()
    if (clock.now() - committer.journalSince > journalMs) committer.settleNext()
  }

  private every(ms: number, run: () => void): void {
    this.timers.push(setInterval(run, ms).unref())
  }
}
