import { type LimitName, type Limits, SottoError } from '@sotto/protocol'
import type { Clock } from '../../clock.ts'
import { frameJson } from '../frame-json.ts'
import { mailboxName } from '../mailbox-name.ts'
import {
  type Appended,
  type Device,
  type Draft,
  type EntryKind,
  entryKinds,
  type Group,
  type GroupCommit,
  type Moved,
  type Recipient,
} from '../store.ts'
import type { Committer } from './committer.ts'
import { idempotencyKey, idempotencyText, writeIdempotencyKey } from './idempotency/key.ts'
import { keyBytes } from './idempotency/record.ts'
import type { SurelyNew } from './idempotency/surely-new.ts'
import { contentDigest } from './journal.ts'
import type { Ledger } from './ledger.ts'
import type { Mailbox, Recorded } from './mailbox.ts'
import type { Result } from './operations.ts'
import type { Reader } from './reader.ts'

/** When a sender may look again whether its recipient has been online. */
const fullRetryMs = 60_000

/** For keys that are only looked at. */
const scratchKey = Buffer.alloc(keyBytes)

export interface AppenderParts {
  readonly clock: Clock
  readonly limits: Limits
  readonly retentionMs: number
  readonly ledger: Ledger
  readonly committer: Committer
  readonly reader: Reader
  readonly surelyNew: SurelyNew
  /** The membership version of a group that is in memory; undefined when it is not. */
  readonly groupVersion: (groupId: string) => number | undefined
  readonly group: (groupId: string) => Group | undefined | Promise<Group | undefined>
  /** Why nothing may be taken from a device now. */
  readonly refusalOf: (device: Device) => 'device_revoked' | 'overloaded' | undefined
}

/** The first answer to a message id, and what its content was. */
interface First {
  readonly mailbox: string
  readonly seq: number
  readonly receivedAt: number
  readonly digest: Buffer
}

/** The hot path: decides an append on what is in memory, numbers it and hands it to the next commit. */
export class Appender {
  /** Records that are not settled yet, by sender and message id. */
  private readonly recent = new Map<string, Recorded>()
  /** By device: the last append that has to look something up first. */
  private readonly lanes = new Map<number, Promise<void>>()
  private readonly parts: AppenderParts

  constructor(parts: AppenderParts) {
    this.parts = parts
  }

  /** Messages of one device to one mailbox are numbered in the order of the calls. */
  append(draft: Draft): Promise<Appended | Moved> {
    const before = this.lanes.get(draft.from.no)
    if (before === undefined) {
      const answer = this.appendNow(draft)
      if (answer !== null) return answer
    }
    return this.appendInTurn(draft, before)
  }

  /** The first answer to a resend, if this is one. Throws `id_conflict`. */
  async repeated(draft: Draft): Promise<Appended | undefined> {
    const repeat = this.recent.get(idempotencyText(draft.from.no, draft.id))
    return repeat === undefined ? this.repeatedSettled(draft) : this.repeatOf(repeat, draft)
  }

  /** Whether there is a first answer to this id. */
  async hasTaken({ no }: Device, id: string): Promise<boolean> {
    return this.recent.has(idempotencyText(no, id)) || (await this.findSettled(no, id)) !== undefined
  }

  private async findSettled(device: number, id: string): Promise<Result<'findId'>> {
    const key = idempotencyKey(device, id)
    const suspects = this.parts.surelyNew.suspects(key)
    return suspects.length === 0 ? undefined : await this.parts.reader.run('findId', { key, suspects })
  }

  private async repeatedSettled(draft: Draft): Promise<Appended | undefined> {
    const found = await this.findSettled(draft.from.no, draft.id)
    if (found === undefined) return undefined
    const first: First = {
      mailbox: mailboxName(found.mailboxNo),
      seq: found.seq,
      receivedAt: found.receivedAt,
      digest: Buffer.from(found.digest),
    }
    return answerOf(first, digestOf(draft, this.expiresInMs(draft)))
  }

  /** The first answer to a commit that comes again. Throws `id_conflict`. */
  repeatedCommit({ from, id, body, digestFrom, digest }: GroupCommit): Promise<Appended | undefined> {
    // What is not in the body but must be repeated stands, digested, where a message's one device does.
    const to = { kind: 'device', userId: '', deviceId: digest } as const
    return this.repeated({ to, from, id, body, digestFrom, expiresInMs: 0 })
  }

  /** Whether more may come to a mailbox where nobody holds anything back. Throws `mailbox_full`. */
  refuseFull(mailbox: Mailbox): void {
    const limit = this.fullOfUndelivered(mailbox)
    if (limit !== undefined) throw new SottoError('mailbox_full', undefined, { limit, retryAfterMs: fullRetryMs })
  }

  /** Appends a commit, whose id is not to be found, in the batch that is open now. */
  appendCommit(mailbox: Mailbox, { from, id, body, digestFrom, digest }: GroupCommit): Recorded {
    const key = idempotencyText(from.no, id)
    const record = this.record(mailbox, {
      kind: entryKinds.commit,
      sender: from.no,
      userId: from.userId,
      id,
      device: digest,
      body,
      digestLength: body.length - digestFrom,
      expiresInMs: 0,
      key,
    })
    this.recent.set(key, record)
    return record
  }

  /**
   * Appends an entry of the server's own, which no id protects, in the batch that is open now. `welcome`: what is to be
   * filled into its frame.
   */
  appendOwn(mailbox: Mailbox, kind: EntryKind, body: string, welcome: Buffer | null = null): Recorded {
    return this.record(mailbox, {
      welcome,
      kind,
      sender: 0,
      userId: '',
      id: '',
      device: '',
      body,
      digestLength: 0,
      expiresInMs: 0,
      key: '',
    })
  }

  /** Takes back a record whose commit failed. */
  undo(record: Recorded): void {
    record.to.pop()
    if (record.key !== '') this.recent.delete(record.key)
  }

  /** Remembers what the journal held at the start. */
  recover(record: Recorded): void {
    if (record.key !== '') this.recent.set(record.key, record)
    record.to.push(record)
    record.to.durable = record.seq
  }

  /** A record has left the journal: the idempotency index has its id. */
  forget(record: Recorded): void {
    record.to.settle(record)
    if (record.key !== '') this.recent.delete(record.key)
  }

  /** The append, if everything it needs is in memory. */
  private appendNow(draft: Draft): Promise<Appended | Moved> | null {
    const key = idempotencyText(draft.from.no, draft.id)
    const repeat = this.recent.get(key)
    if (repeat !== undefined) return this.repeatOf(repeat, draft)
    const mailbox = this.mailboxInMemory(draft.to)
    if (mailbox === undefined) return null
    if (this.parts.surelyNew.mayContain(writeIdempotencyKey(scratchKey, key))) return null
    if (draft.to.kind === 'group' && !this.isCurrent(draft.to)) return null
    if (this.fullBy(mailbox, draft) !== undefined) return null
    return this.admit(draft, key, mailbox)
  }

  /** What has to be looked up first holds back what the same device sends after it. */
  private appendInTurn(draft: Draft, before: Promise<void> | undefined): Promise<Appended | Moved> {
    const placed = (before ?? Promise.resolve()).then(() => this.place(draft))
    const lane: Promise<void> = placed.then(
      () => this.leave(draft.from.no, lane),
      () => this.leave(draft.from.no, lane),
    )
    this.lanes.set(draft.from.no, lane)
    return placed.then(({ answer }) => answer)
  }

  private leave(device: number, lane: Promise<void>): void {
    if (this.lanes.get(device) === lane) this.lanes.delete(device)
  }

  /** Looks up what is not in memory, then appends. The answer is boxed: to be numbered is not yet to be committed. */
  private async place(draft: Draft): Promise<{ readonly answer: Promise<Appended | Moved> }> {
    const key = idempotencyText(draft.from.no, draft.id)
    const repeat = this.recent.get(key)
    if (repeat !== undefined) return { answer: this.repeatOf(repeat, draft) }
    const first = await this.repeatedSettled(draft)
    if (first !== undefined) return { answer: Promise.resolve(first) }
    const mailbox = await this.loadMailbox(draft.to)
    if (draft.to.kind === 'group' && (mailbox === undefined || !this.isCurrent(draft.to))) {
      if (draft.to.decide === undefined) return { answer: Promise.resolve('moved') }
      draft.to.decide(await this.parts.group(draft.to.groupId))
    }
    if (mailbox === undefined) throw new SottoError('not_found', 'the recipient has no such device')
    if (this.fullBy(mailbox, draft) !== undefined) {
      if (draft.to.kind !== 'group') await this.recount(mailbox)
      const limit = this.fullBy(mailbox, draft)
      if (limit !== undefined) throw new SottoError('mailbox_full', undefined, { limit, retryAfterMs: fullRetryMs })
    }
    // Dropped while something was looked up.
    if (mailbox.dead) return this.place(draft)
    return { answer: this.admit(draft, key, mailbox) }
  }

  private isCurrent({ groupId, version }: Extract<Recipient, { kind: 'group' }>): boolean {
    return this.parts.groupVersion(groupId) === version
  }

  private admit(draft: Draft, key: string, mailbox: Mailbox): Promise<Appended> {
    const { to, from } = draft
    if (this.parts.committer.isOverloaded) return Promise.reject(new SottoError('overloaded', undefined, { retryAfterMs: 1_000 }))
    const refusal = this.parts.refusalOf(from)
    if (refusal !== undefined) return Promise.reject(new SottoError(refusal))
    const record = this.record(mailbox, {
      kind: entryKinds.msg,
      sender: from.no,
      userId: from.userId,
      id: draft.id,
      device: to.kind === 'device' ? to.deviceId : '',
      body: draft.body,
      digestLength: draft.body.length - draft.digestFrom,
      expiresInMs: this.expiresInMs(draft),
      key,
    })
    this.recent.set(key, record)
    return new Promise((resolve, reject) => {
      record.done = (failure) => (failure === null ? resolve(positionOf(record, false)) : reject(failure))
    })
  }

  private record(
    mailbox: Mailbox,
    from: {
      kind: EntryKind
      sender: number
      userId: string
      id: string
      device: string
      body: string
      digestLength: number
      expiresInMs: number
      key: string
      welcome?: Buffer | null
    },
  ): Recorded {
    const { kind, sender, userId, id, device, expiresInMs, key, welcome = null } = from
    const seq = mailbox.head + 1
    const receivedAt = Math.max(mailbox.receivedAt, this.parts.clock.now())
    const text = frameJson(kind, mailbox.name, seq, receivedAt, from.body)
    const expiresAt = expiresInMs === 0 ? 0 : receivedAt + expiresInMs
    const header = { kind, mailbox: mailbox.no, seq, sender, receivedAt, expiresAt, expiresInMs, id, device }
    const json = this.parts.committer.segments.write(header, text, from.digestLength)
    const record: Recorded = {
      mailbox: mailbox.name,
      seq,
      kind,
      sender,
      receivedAt,
      json,
      to: mailbox,
      key,
      userId,
      device,
      digestBytes:
        json.length === text.length ? from.digestLength : Buffer.byteLength(text.slice(text.length - from.digestLength)),
      expiresInMs,
      expiresAt,
      welcome,
      done: null,
      waiting: null,
    }
    mailbox.push(record)
    this.parts.committer.add(record)
    this.parts.ledger.watch(mailbox)
    return record
  }

  /** Messages with an expiry of their own never outlive the retention. */
  private expiresInMs(draft: Draft): number {
    return draft.expiresInMs >= this.parts.retentionMs ? 0 : draft.expiresInMs
  }

  /** The same message again, while the first is in memory: answered once the first is on disk. */
  private repeatOf(record: Recorded, draft: Draft): Promise<Appended> {
    const content = record.json.subarray(record.json.length - record.digestBytes)
    const first: First = {
      mailbox: record.mailbox,
      seq: record.seq,
      receivedAt: record.receivedAt,
      digest: contentDigest(record.device, record.expiresInMs, content),
    }
    return new Promise((resolve, reject) => {
      const answer = (failure: Error | null) => {
        if (failure !== null) return reject(failure)
        try {
          resolve(answerOf(first, digestOf(draft, this.expiresInMs(draft))))
        } catch (conflict) {
          reject(conflict)
        }
      }
      if (record.seq <= record.to.durable) answer(null)
      else if (record.waiting === null) record.waiting = [answer]
      else record.waiting.push(answer)
    })
  }

  private mailboxInMemory(to: Recipient): Mailbox | undefined {
    const { ledger } = this.parts
    if (to.kind === 'user') return ledger.known('user', to.userId)
    if (to.kind === 'device') return ledger.known('device', `${to.userId}/${to.deviceId}`)
    return ledger.known('group', to.groupId)
  }

  private loadMailbox(to: Recipient): Promise<Mailbox | undefined> {
    const { ledger } = this.parts
    if (to.kind === 'user') return ledger.find('user', to.userId, true)
    if (to.kind === 'device') return ledger.find('device', `${to.userId}/${to.deviceId}`, false)
    return ledger.find('group', to.groupId, false)
  }

  /** The limit that keeps a message out; undefined: there is room. */
  private fullBy(mailbox: Mailbox, { from, body }: Draft): LimitName | undefined {
    const { limits } = this.parts
    const pair = mailbox.undelivered(from.userId)
    if (pair.entries >= limits.PAIR_ENTRIES) return 'PAIR_ENTRIES'
    if (pair.bytes + body.length > limits.PAIR_BYTES) return 'PAIR_BYTES'
    return this.fullOfUndelivered(mailbox)
  }

  /** Where nobody holds anything back, nothing else bounds what waits for a first delivery. */
  private fullOfUndelivered(mailbox: Mailbox): LimitName | undefined {
    if (mailbox.isHeld) return undefined
    const { MAILBOX_ENTRIES, MAILBOX_BYTES } = this.parts.limits
    if (mailbox.head - Math.max(mailbox.delivered, mailbox.floor) >= MAILBOX_ENTRIES) return 'MAILBOX_ENTRIES'
    // What was delivered is on its way out when the limit is passed: only twice as much cannot be that.
    return mailbox.bytes >= 2 * MAILBOX_BYTES ? 'MAILBOX_BYTES' : undefined
  }

  private async recount(mailbox: Mailbox): Promise<void> {
    const after = Math.max(mailbox.delivered, mailbox.floor)
    // Nothing was delivered since it was last counted: a sender that goes on trying costs nothing.
    if (mailbox.countedAfter === after) return
    mailbox.countedAfter = after
    if (after >= mailbox.settled) return mailbox.recount([])
    const counts = await this.parts.committer.run('countPairs', { mailbox: mailbox.no, after })
    mailbox.recount(counts.filter(({ last }) => last <= mailbox.settled))
  }
}

function digestOf(draft: Draft, expiresInMs: number): Buffer {
  const device = draft.to.kind === 'device' ? draft.to.deviceId : ''
  return contentDigest(device, expiresInMs, draft.body.slice(draft.digestFrom))
}

function answerOf(first: First, digest: Buffer): Appended {
  if (!first.digest.equals(digest)) {
    throw new SottoError('id_conflict', undefined, { mailbox: first.mailbox, seq: first.seq })
  }
  return { mailbox: first.mailbox, seq: first.seq, receivedAt: first.receivedAt, duplicate: true }
}

function positionOf(record: Recorded, duplicate: boolean): Appended {
  return { mailbox: record.mailbox, seq: record.seq, receivedAt: record.receivedAt, duplicate }
}
