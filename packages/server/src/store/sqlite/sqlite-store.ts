import type { OneTimePreKey } from '@sotto/protocol'
import type { Clock } from '../../clock.ts'
import { mailboxName } from '../mailbox-name.ts'
import type {
  Ack,
  Appended,
  Claim,
  Claimed,
  CreateGroup,
  Device,
  DeviceList,
  DeviceRecord,
  Draft,
  ErasedAccount,
  Group,
  GroupChange,
  GroupCommit,
  GroupInfo,
  GroupSummary,
  IdentityKeys,
  Item,
  KeyCounts,
  KeyPackageClaim,
  KeyPackageOutcome,
  KeyPackageUpload,
  Moved,
  OpenDevice,
  ReadLimit,
  Store,
  StoreOptions,
  StoreStats,
  Subscription,
  Swept,
  Ticket,
} from '../store.ts'
import { Appender } from './appender.ts'
import { Committer } from './committer.ts'
import { Directory } from './directory.ts'
import { erase } from './erasure.ts'
import { GroupCache } from './group-cache.ts'
import { SurelyNew } from './idempotency/surely-new.ts'
import { keyPackagesSince } from './key-packages.ts'
import { Ledger } from './ledger.ts'
import type { DatabaseLock } from './lock.ts'
import type { Recorded } from './mailbox.ts'
import { Membership } from './membership.ts'
import { MlsMembership } from './mls-membership.ts'
import { Pages } from './pages.ts'
import { Reader } from './reader.ts'
import { type Recovered, recover } from './recovery.ts'
import { risingClock } from './rising-clock.ts'
import { subscriptionNow } from './snapshot.ts'
import { startThread } from './thread.ts'
import type { FilterChange, SettledChange } from './threads.ts'
import { Upkeep } from './upkeep.ts'
import { readable } from './welcome-entry.ts'

/**
 * The embedded store: decides in memory, on the main thread, and writes in one worker thread; another reads, a third
 * checkpoints. The journal and the tables together are the truth; what is in memory is derived from them.
 */
export class SqliteStore implements Store {
  private readonly options: StoreOptions
  private readonly clock: Clock
  private readonly lock: DatabaseLock
  private readonly reader: Reader
  private readonly committer: Committer
  private readonly ledger: Ledger
  private readonly appender: Appender
  private readonly groups: GroupCache
  private readonly membership: Membership
  private readonly mls: MlsMembership
  private readonly directory: Directory
  private readonly pages: Pages
  private readonly upkeep: Upkeep
  private readonly surelyNew = new SurelyNew()
  private appended = 0
  private exports: Promise<unknown> = Promise.resolve()
  private closing: Promise<void> | null = null

  constructor(options: StoreOptions & { readonly path: string }, lock: DatabaseLock, recovered: Recovered) {
    const { limits, retentionMs, path } = options
    const clock = risingClock(options.clock, recovered.newestMs)
    this.clock = clock
    this.options = options
    this.lock = lock
    this.reader = new Reader(startThread('reader', { path }))
    const lastPos = recovered.journal.at(-1)?.pos ?? 0
    this.committer = new Committer(startThread('writer', { path }), lastPos + 1, {
      committed: (records, durationMs) => {
        this.committed(records)
        options.onCommitted?.(records.length, durationMs)
      },
      undone: (record) => this.appender.undo(record),
      settling: (mailboxes) => this.ledger.raiseFloors(mailboxes),
      settled: (records) => this.settled(records),
      added: (change) => this.added(change),
      trouble: (why) => options.onTrouble?.(why),
    })
    const { committer, reader, surelyNew } = this
    this.ledger = new Ledger(limits, () => committer)
    const { ledger } = this
    this.directory = new Directory({ clock, limits, ledger, committer, reader })
    this.appender = new Appender({
      clock,
      limits,
      retentionMs,
      ledger,
      committer,
      reader,
      surelyNew,
      groupVersion: (groupId) => this.groups.version(groupId),
      group: (groupId) => this.groups.group(groupId),
      refusalOf: (device) => this.directory.refusalOf(device),
    })
    this.groups = new GroupCache(committer)
    const shared = { clock, limits, ledger, committer, appender: this.appender, groups: this.groups }
    this.mls = new MlsMembership({ ...shared, reader, refusalOf: (device) => this.directory.refusalOf(device) })
    this.membership = new Membership({ ...shared, mls: this.mls })
    this.pages = new Pages(reader, clock)
    this.upkeep = new Upkeep({
      clock,
      path,
      retentionMs,
      ledger,
      committer,
      reader,
      surelyNew,
      filtersChanged: (change) => this.filtersChanged(change),
      evict: () => this.evict(),
      trouble: (why) => options.onTrouble?.(why),
    })
    recover({ clock, ledger, committer, appender: this.appender, surelyNew }, recovered)
    this.upkeep.start()
  }

  openDevice(request: OpenDevice): Promise<Device> {
    return this.directory.open(request)
  }

  findDevice(userId: string, deviceId: string): Device | undefined | Promise<Device | undefined> {
    return this.directory.find(userId, deviceId)
  }

  listDevices(userId: string): Promise<readonly DeviceRecord[]> {
    return this.reader.run('listDevices', { userId })
  }

  renameDevice(userId: string, deviceId: string, name: string): Promise<boolean> {
    return this.committer.run('renameDevice', { userId, deviceId, name })
  }

  async revokeDevice(userId: string, deviceId: string): Promise<boolean> {
    const { committer, clock } = this
    const revoked = await this.mls.revoke(userId, deviceId, () =>
      committer.run('revokeDevice', { userId, deviceId, now: clock.now() }, () => {}),
    )
    if (revoked === undefined) return false
    this.directory.forget(userId, deviceId, revoked.no)
    this.ledger.dropByNumber(revoked.deviceMailbox)
    // Loading a mailbox frees what only this device held back.
    for (const no of revoked.mailboxes) this.ledger.findByNumber(no).catch(() => {})
    return true
  }

  append(draft: Draft): Promise<Appended | Moved> {
    return this.appender.append(draft)
  }

  repeated(draft: Draft): Promise<Appended | undefined> {
    return this.appender.repeated(draft)
  }

  hasTaken(device: Device, id: string): Promise<boolean> {
    return this.appender.hasTaken(device, id)
  }

  read(mailbox: string, after: number, limit: ReadLimit): readonly Item[] | Promise<readonly Item[]> {
    const known = this.ledger.knownByName(mailbox)
    if (known !== undefined) return this.pages.read(known, after, limit)
    return this.ledger.findByName(mailbox).then((found) => (found === undefined ? [] : this.pages.read(found, after, limit)))
  }

  async seek(mailbox: string, receivedAt: number): Promise<number> {
    const found = await this.ledger.findByName(mailbox)
    if (found === undefined) return 0
    // Recent entries are the newest: look there first.
    for (let seq = found.durable; seq > found.settled; seq--) {
      if (found.recentEntry(seq)!.receivedAt < receivedAt) return seq
    }
    const settled = await this.reader.run('seekSettled', { mailbox: found.no, receivedAt })
    return Math.max(settled, Math.min(found.floor, found.durable))
  }

  async subscriptions(device: Device): Promise<readonly Subscription[]> {
    const rows = await this.reader.run('readSubscriptions', { device: device.no, userId: device.userId })
    return rows.map((row) => this.asOfNow(row, device))
  }

  async readable(userId: string): Promise<readonly Subscription[]> {
    const rows = await this.reader.run('readSubscriptions', { device: 0, userId })
    return rows.map((row) => this.asOfNow(row, null))
  }

  acknowledge(device: Device, acks: readonly Ack[]): void | Promise<void> {
    for (let i = 0; i < acks.length; i++) {
      const mailbox = this.ledger.knownByName(acks[i]!.mailbox)
      if (mailbox === undefined) return this.acknowledgeSlowly(device, acks.slice(i))
      this.ledger.acknowledge(device, mailbox, acks[i]!)
    }
  }

  async acknowledged(device: Device): Promise<readonly Ack[]> {
    await this.ledger.persist()
    // Asked of the writer, so that what is already on its way there is in the answer.
    const cursors = await this.committer.run('ackedCursors', { device: device.no })
    return cursors.map(({ mailbox, seq }) => ({ mailbox: mailboxName(mailbox), seq }))
  }

  delivered(mailbox: string, seq: number): void {
    const known = this.ledger.knownByName(mailbox)
    if (known !== undefined) this.ledger.delivered(known, seq)
  }

  horizon(): number {
    return Math.min(this.committer.since, this.clock.now())
  }

  createGroup(request: CreateGroup): Promise<Group> {
    return this.membership.create(request)
  }

  group(groupId: string): Group | undefined | Promise<Group | undefined> {
    return this.groups.group(groupId)
  }

  changeGroup(change: GroupChange): Promise<Group | Moved> {
    return this.membership.change(change)
  }

  commitGroup(commit: GroupCommit): Promise<Appended> {
    return this.mls.commit(commit)
  }

  groupInfo(groupId: string): Promise<GroupInfo | undefined> {
    return this.reader.run('groupInfo', groupId)
  }

  listGroups(userId: string, after: string, limit: number): Promise<readonly GroupSummary[]> {
    return this.reader.run('listGroups', { userId, after, limit })
  }

  setIdentity(device: Device, keys: IdentityKeys): Promise<void> {
    return this.committer.run('setIdentity', { device: device.no, keys, now: this.clock.now() })
  }

  addPreKeys(device: Device, preKeys: readonly OneTimePreKey[]): Promise<number> {
    const { limits } = this.options
    return this.committer.run('addPreKeys', { device: device.no, preKeys, now: this.clock.now(), limits })
  }

  claimPreKeys(claim: Claim): Promise<readonly Claimed[]> {
    return this.committer.run('claimPreKeys', { ...claim, ...this.keyTimes(), limits: this.options.limits })
  }

  addKeyPackages(device: Device, upload: KeyPackageUpload): Promise<number> {
    const { limits } = this.options
    return this.committer.run('addKeyPackages', { ...upload, device: device.no, ...this.keyTimes(), limits })
  }

  claimKeyPackages(claim: KeyPackageClaim): Promise<readonly KeyPackageOutcome[]> {
    return this.committer.run('claimKeyPackages', { ...claim, ...this.keyTimes(), limits: this.options.limits })
  }

  countKeys(device: Device): Promise<KeyCounts> {
    return this.reader.run('countKeys', { device: device.no, since: this.keyTimes().since })
  }

  keysLow(device: Device): Promise<KeyCounts | undefined> {
    const { KEYS_LOW } = this.options.limits
    return this.reader.run('keysLow', { device: device.no, since: this.keyTimes().since, low: KEYS_LOW })
  }

  putDeviceList({ no, userId }: Device, list: DeviceList): Promise<void> {
    return this.committer.run('putDeviceList', { device: no, userId, list, now: this.clock.now() })
  }

  deviceList(userId: string): Promise<DeviceList | undefined> {
    return this.reader.run('deviceList', { userId })
  }

  putTicket(ticket: Ticket): Promise<void> {
    return this.committer.run('putTicket', ticket)
  }

  takeTicket(hash: string): Promise<Ticket | undefined> {
    return this.committer.run('takeTicket', { hash, now: this.clock.now() })
  }

  async exportAccount(userId: string): Promise<Record<string, unknown>> {
    const turn = this.exports.then(async () => {
      await this.committer.settleAll()
      await this.ledger.persist()
      return this.reader.run('exportAccount', { userId })
    })
    // One at a time: each is built in memory.
    this.exports = turn.catch(() => {})
    return turn
  }

  eraseAccount(userId: string): Promise<ErasedAccount> {
    const { directory, membership, reader, ledger, committer } = this
    return erase({ directory, membership, reader, ledger, committer }, userId)
  }

  sweep(): Promise<Swept> {
    return this.upkeep.sweep()
  }

  async ping(): Promise<void> {
    await Promise.all([this.committer.run('countPairs', { mailbox: 0, after: 0 }), this.reader.run('deviceList', { userId: '' })])
  }

  stats(): StoreStats {
    const { commits, failed, queued } = this.committer
    return { appended: this.appended, commits, queued, failedCommits: failed }
  }

  close(): Promise<void> {
    this.closing ??= this.closeOnce()
    return this.closing
  }

  private async closeOnce(): Promise<void> {
    this.upkeep.stop()
    await this.ledger.persist()
    await this.committer.close()
    await this.upkeep.close()
    await this.reader.close()
    this.lock.release()
  }

  private keyTimes(): { readonly now: number; readonly since: number } {
    const now = this.clock.now()
    return { now, since: keyPackagesSince(now, this.options.retentionMs) }
  }

  private async acknowledgeSlowly(device: Device, acks: readonly Ack[]): Promise<void> {
    for (const ack of acks) this.ledger.acknowledge(device, await this.ledger.findHeld(ack.mailbox, device.no), ack)
  }

  private asOfNow(row: Subscription, device: Device | null): Subscription {
    const known = this.ledger.knownByName(row.mailbox)
    return known === undefined ? row : subscriptionNow(row, known, device)
  }

  private committed(records: readonly Recorded[]): void {
    this.appended += records.length
    for (const record of records) {
      record.to.durable = record.seq
      record.done?.(null)
      record.done = null
      if (record.waiting !== null) {
        for (const wait of record.waiting) wait(null)
        record.waiting = null
      }
    }
    this.options.onAppended(records.some(({ welcome }) => welcome !== null) ? records.map(readable) : records)
  }

  private added({ filters, kept }: SettledChange): void {
    this.filtersChanged(filters)
    for (let at = 0; at < kept.length; at += 2) {
      const known = this.ledger.knownByNumber(kept[at]!)
      if (known !== undefined) known.settledBytes += kept[at + 1]!
    }
  }

  private settled(records: readonly Recorded[]): void {
    for (const record of records) this.appender.forget(record)
  }

  private filtersChanged({ added, removed }: FilterChange): void {
    for (const { run, filter } of added) this.surelyNew.add(run, filter)
    this.surelyNew.drop(removed)
  }

  private evict(): void {
    for (const memory of [this.ledger, this.groups, this.directory]) memory.evict()
  }
}
