import { type Limits, SottoError } from '@sotto/protocol'
import { mailboxNumber } from '../mailbox-name.ts'
import type { Ack, Device } from '../store.ts'
import type { Committer } from './committer.ts'
import { Mailbox, type MailboxKind } from './mailbox.ts'
import type { LoadedMailbox, MailboxMarks } from './mailboxes.ts'

/** Mailboxes that stay in memory though nothing happens in them. */
const mailboxesMax = 50_000

/** The mailboxes in memory, and what the main thread owes the database about them. */
export class Ledger {
  private readonly byKey = new Map<string, Mailbox>()
  private readonly byNo = new Map<number, Mailbox>()
  private readonly loading = new Map<string, Promise<Mailbox | undefined>>()
  /** Cursors that moved: to be persisted. */
  private readonly moved = new Map<Mailbox, Set<number>>()
  /** Mailboxes whose marks moved: to be persisted, and trimmed. */
  private readonly marked = new Set<Mailbox>()
  private readonly shrinking = new Set<Mailbox>()
  private readonly limits: Limits
  private readonly committer: () => Committer
  private round = 0

  constructor(limits: Limits, committer: () => Committer) {
    this.limits = limits
    this.committer = committer
  }

  get size(): number {
    return this.byNo.size
  }

  /** A mailbox in memory. */
  known(kind: MailboxKind, owner: string): Mailbox | undefined {
    const mailbox = this.byKey.get(kind + owner)
    if (mailbox !== undefined) mailbox.usedAt = this.round
    return mailbox
  }

  knownByName(name: string): Mailbox | undefined {
    const mailbox = this.byNo.get(mailboxNumber(name))
    if (mailbox !== undefined) mailbox.usedAt = this.round
    return mailbox
  }

  knownByNumber(no: number): Mailbox | undefined {
    return this.byNo.get(no)
  }

  /** A mailbox, loaded if need be; undefined when there is none and it shall not be created. */
  async find(kind: MailboxKind, owner: string, create: boolean): Promise<Mailbox | undefined> {
    const known = this.known(kind, owner)
    if (known !== undefined) return known
    const key = kind + owner
    let promise = this.loading.get(key)
    if (promise === undefined) {
      promise = this.committer()
        .run('loadMailbox', { kind, owner, create })
        .then((row) => this.loaded(row))
        .finally(() => this.loading.delete(key))
      this.loading.set(key, promise)
    }
    const mailbox = await promise
    // Somebody else may have asked without creating it.
    return mailbox === undefined && create ? this.find(kind, owner, create) : mailbox
  }

  async findByName(name: string): Promise<Mailbox | undefined> {
    const no = mailboxNumber(name)
    return no === 0 ? undefined : this.findByNumber(no)
  }

  async findByNumber(no: number): Promise<Mailbox | undefined> {
    const known = this.byNo.get(no)
    if (known !== undefined) {
      known.usedAt = this.round
      return known
    }
    const row = await this.committer().run('loadMailboxByNumber', no)
    return this.loaded(row)
  }

  /** A mailbox of which a device holds entries back; another is not even loaded. */
  async findHeld(name: string, device: number): Promise<Mailbox | undefined> {
    const no = mailboxNumber(name)
    if (no === 0) return undefined
    const known = this.knownByName(name)
    if (known !== undefined) return known
    return this.loaded(await this.committer().run('loadHeldMailbox', { no, device }))
  }

  private loaded(row: LoadedMailbox | undefined): Mailbox | undefined {
    if (row === undefined) return undefined
    const mailbox = this.enter(row)
    this.review(mailbox)
    return mailbox
  }

  /** Takes a loaded row into memory, unless a newer state is there already. */
  enter(row: LoadedMailbox): Mailbox {
    const known = this.byNo.get(row.no)
    if (known !== undefined) return known
    const mailbox = new Mailbox(row)
    mailbox.usedAt = this.round
    this.byNo.set(mailbox.no, mailbox)
    this.byKey.set(mailbox.kind + mailbox.owner, mailbox)
    return mailbox
  }

  /** Frees what nobody holds back any more: a device may have been revoked, or a limit lowered, while nobody looked. */
  review(mailbox: Mailbox): void {
    this.raiseFloors([mailbox])
    this.watch(mailbox)
  }

  /** The mailbox no longer exists. */
  drop(mailbox: Mailbox): void {
    mailbox.dead = true
    this.byNo.delete(mailbox.no)
    this.byKey.delete(mailbox.kind + mailbox.owner)
    this.moved.delete(mailbox)
    this.marked.delete(mailbox)
  }

  dropByNumber(no: number): void {
    const mailbox = this.byNo.get(no)
    if (mailbox !== undefined) this.drop(mailbox)
  }

  /** A device holds nothing back any more. */
  dropDevice(device: number): void {
    for (const mailbox of this.byNo.values()) {
      mailbox.untils.delete(device)
      if (mailbox.cursors.delete(device)) this.raiseFloors([mailbox])
    }
  }

  /** Moves a cursor. Throws `forbidden`, `bad_request`. */
  acknowledge(device: Device, mailbox: Mailbox | undefined, ack: Ack): void {
    const cursor = mailbox?.cursors.get(device.no)
    if (mailbox === undefined || cursor === undefined) {
      throw new SottoError('forbidden', 'this device does not read that mailbox')
    }
    if (ack.seq > mailbox.durable) {
      throw new SottoError('bad_request', `ack beyond the newest entry, which is ${mailbox.durable}`)
    }
    if (ack.seq <= cursor) return
    mailbox.cursors.set(device.no, ack.seq)
    let devices = this.moved.get(mailbox)
    if (devices === undefined) {
      devices = new Set()
      this.moved.set(mailbox, devices)
    }
    devices.add(device.no)
    this.delivered(mailbox, ack.seq)
  }

  delivered(mailbox: Mailbox, seq: number): void {
    if (seq <= mailbox.delivered) return
    mailbox.delivered = Math.min(seq, mailbox.durable)
    this.marked.add(mailbox)
  }

  /** Raises the floor of every mailbox whose cursors moved, so that what is settled next leaves out what was acknowledged. */
  raiseFloors(mailboxes: Iterable<Mailbox>): void {
    for (const mailbox of mailboxes) {
      const { floor, limited } = mailbox.acknowledged(this.limits.MAILBOX_ENTRIES)
      if (floor <= mailbox.floor) continue
      mailbox.raise(floor, limited)
      this.marked.add(mailbox)
    }
  }

  /** Gives up what has expired. `false`: the mailbox is not in memory. */
  raiseExpired(no: number, floor: number): boolean {
    const mailbox = this.byNo.get(no)
    if (mailbox === undefined) return false
    if (floor > mailbox.floor) {
      mailbox.raise(floor, false)
      this.marked.add(mailbox)
    }
    return true
  }

  /** Persists what moved since the last call, and frees what nobody waits for. Resolves when that is on disk. */
  async persist(): Promise<void> {
    this.raiseFloors(this.moved.keys())
    const work: Promise<unknown>[] = []
    if (this.moved.size > 0) {
      const moved = new Map(this.moved)
      this.moved.clear()
      work.push(
        this.committer()
          .run('saveCursors', packCursors(moved))
          .catch(() => this.owe(moved)),
      )
    }
    if (this.marked.size > 0) {
      const marked = [...this.marked]
      this.marked.clear()
      const marks = marked.map(marksOf)
      const save = this.committer()
        .run('trimMailboxes', marks)
        .then((freed) =>
          marked.forEach((mailbox, i) => {
            mailbox.settledBytes -= freed[i]!
          }),
        )
        .catch(() => {
          for (const mailbox of marked) this.marked.add(mailbox)
        })
      work.push(save)
    }
    await Promise.all(work)
  }

  /** A device that falls too far behind stops holding entries back. */
  watch(mailbox: Mailbox): void {
    const { MAILBOX_ENTRIES, MAILBOX_BYTES } = this.limits
    if (mailbox.head - mailbox.floor > MAILBOX_ENTRIES) {
      if (mailbox.isHeld) this.raiseFloors([mailbox])
      else this.giveUp(mailbox, mailbox.durable - MAILBOX_ENTRIES)
    }
    if (mailbox.bytes > MAILBOX_BYTES && !this.shrinking.has(mailbox)) {
      this.shrinking.add(mailbox)
      // What fails now is tried again with the next append.
      this.shrink(mailbox)
        .catch(() => {})
        .finally(() => this.shrinking.delete(mailbox))
    }
  }

  /** Gives up the oldest entries for lack of room; where nobody holds any back, only those that were delivered. */
  private giveUp(mailbox: Mailbox, floor: number): void {
    const to = mailbox.isHeld ? floor : Math.min(floor, mailbox.delivered)
    if (to <= mailbox.floor) return
    mailbox.raise(to, true)
    this.marked.add(mailbox)
  }

  /** Forgets mailboxes in which nothing happens. */
  evict(): void {
    this.round++
    if (this.byNo.size <= mailboxesMax) return
    for (const mailbox of this.byNo.values()) {
      if (this.byNo.size <= mailboxesMax) return
      const idle = mailbox.usedAt < this.round - 1 && !mailbox.hasRecent
      if (idle && !this.moved.has(mailbox) && !this.marked.has(mailbox) && !this.shrinking.has(mailbox)) {
        this.byNo.delete(mailbox.no)
        this.byKey.delete(mailbox.kind + mailbox.owner)
      }
    }
  }

  private async shrink(mailbox: Mailbox): Promise<void> {
    await this.persist()
    const excess = mailbox.bytes - this.limits.MAILBOX_BYTES
    if (excess <= 0 || mailbox.dead) return
    let floor = mailbox.floor
    if (mailbox.settled > mailbox.floor) {
      floor = await this.committer().run('floorToFree', { mailbox: mailbox.no, floor: mailbox.floor, excess })
    }
    this.giveUp(mailbox, floor)
    await this.persist()
    for (let before = -1; mailbox.bytes > this.limits.MAILBOX_BYTES && mailbox.floor > before; ) {
      before = mailbox.floor
      if (before >= mailbox.settled && before < mailbox.durable) this.giveUp(mailbox, before + 1)
    }
  }

  private owe(moved: Map<Mailbox, Set<number>>): void {
    for (const [mailbox, devices] of moved) {
      const owed = this.moved.get(mailbox)
      if (owed === undefined) this.moved.set(mailbox, devices)
      else for (const device of devices) owed.add(device)
    }
  }
}

function packCursors(moved: Map<Mailbox, Set<number>>): Float64Array {
  let count = 0
  for (const devices of moved.values()) count += devices.size
  const packed = new Float64Array(count * 3)
  let at = 0
  for (const [mailbox, devices] of moved) {
    for (const device of devices) {
      packed[at++] = mailbox.no
      packed[at++] = device
      packed[at++] = mailbox.cursors.get(device) ?? 0
    }
  }
  return packed
}

function marksOf({ no, floor, limitFloor, delivered }: Mailbox): MailboxMarks {
  return { no, floor, limitFloor, delivered }
}
