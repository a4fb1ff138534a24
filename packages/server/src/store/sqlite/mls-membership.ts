import { type Limits, type Role, SottoError } from '@sotto/protocol'
import type { Clock } from '../../clock.ts'
import {
  type Appended,
  type CommitDecision,
  type Device,
  entryKinds,
  type Group,
  type GroupCommit,
  type MlsState,
} from '../store.ts'
import type { Appender } from './appender.ts'
import type { Committer } from './committer.ts'
import type { GroupCache } from './group-cache.ts'
import { idempotencyText } from './idempotency/key.ts'
import type { Ledger } from './ledger.ts'
import type { Mailbox } from './mailbox.ts'
import { membershipBody } from './membership-body.ts'
import type { AppliedMls, MlsRows } from './mls-groups.ts'
import { changed, groupAfter, leafName, windowsOf, withoutUser } from './mls-state.ts'
import type { Reader } from './reader.ts'
import { emptyWelcome, type WelcomeRows } from './welcomes.ts'

export interface MlsMembershipParts {
  readonly clock: Clock
  readonly limits: Limits
  readonly ledger: Ledger
  readonly committer: Committer
  readonly appender: Appender
  readonly reader: Reader
  readonly groups: GroupCache
  /** Why nothing may be taken from a device now. */
  readonly refusalOf: (device: Device) => 'device_revoked' | 'overloaded' | undefined
}

type MlsGroup = Group & { readonly mls: MlsState }

/** MLS groups: what commits, departures and revocations make of them, each in one transaction with its entries. */
export class MlsMembership {
  private readonly parts: MlsMembershipParts

  constructor(parts: MlsMembershipParts) {
    this.parts = parts
  }

  /**
   * Throws `id_conflict`, what `decide` throws, `not_found`, `limit_reached`, `rate_limited`, `mailbox_full`, `device_revoked`,
   * `overloaded`.
   */
  commit(commit: GroupCommit): Promise<Appended> {
    const { groups, appender } = this.parts
    const decide = async () => {
      const first = await appender.repeatedCommit(commit)
      if (first !== undefined) return first
      const group = (await groups.group(commit.groupId)) as MlsGroup | undefined
      const decision = commit.decide(group)
      this.refuse(commit.from)
      const apply = () => this.apply(commit, group, decision)
      return await (decision.addUsers.size > 0 ? groups.admit(apply) : apply())
    }
    const id = idempotencyText(commit.from.no, commit.id)
    return groups.turns.inTurn(commit.groupId, () => groups.ids.inTurn(id, decide))
  }

  /** In the group's turn: the user is gone; a commit has to remove the leaves. `roles`: who follows an owner. */
  async departUser(group: Group, userId: string, roles: ReadonlyMap<string, Role>, goodbye?: string): Promise<Group> {
    const { mls } = group as MlsGroup
    const mailbox = (await this.parts.ledger.find('group', group.groupId, false))!
    const own = mls.devices.get(userId) ?? new Map<string, number>()
    const others = mls.departed.filter((leaf) => leaf.userId !== userId)
    const before = mls.departed.filter((leaf) => leaf.userId === userId)
    const names = new Set([...before.map(({ deviceId }) => deviceId), ...own.keys()])
    const departed = [...others, ...[...names].map((deviceId) => ({ userId, deviceId, whole: true }))]
    const members = new Map(group.members)
    members.delete(userId)
    for (const [successor, role] of roles) members.set(successor, role)
    const next = {
      ...group,
      version: group.version + 1,
      members,
      mls: { ...mls, departed, devices: withoutUser(mls.devices, userId) },
    }
    const change = { close: [...own.values()], removeUsers: [userId], roles: [...roles] }
    await this.depart(group, next, mailbox, { userId, goodbye }, change)
    return next
  }

  /** The device is gone from all its groups, in the transaction of `revoke`, which hands it over before it returns. */
  revoke<result>(userId: string, deviceId: string, revoke: () => Promise<result>): Promise<result | undefined> {
    const { groups, ledger, reader } = this.parts
    return groups.turns.inTurnAlone(async () => {
      const device = await reader.run('readingOf', { userId, deviceId })
      if (device === undefined) return undefined
      const found: { group: MlsGroup; mailbox: Mailbox }[] = []
      for (const groupId of device.groups) {
        const group = (await groups.group(groupId)) as MlsGroup | undefined
        if (group?.mls.devices.get(userId)?.get(deviceId) !== device.no) continue
        found.push({ group, mailbox: (await ledger.find('group', groupId, false))! })
      }
      // From here on nothing is waited for: it stands and falls together.
      const departures = found.map(({ group, mailbox }) => {
        const { mls } = group
        const devices = changed(mls.devices, [{ userId, deviceId }], [])
        const departed = [...mls.departed, { userId, deviceId, whole: false }]
        const next = { ...group, version: group.version + 1, mls: { ...mls, devices, departed } }
        return this.depart(group, next, mailbox, { userId, deviceId }, { close: [device.no], removeUsers: [], roles: [] })
      })
      const [result] = await Promise.all([revoke(), ...departures])
      return result
    })
  }

  /** Numbers the entries, changes what is in memory, and commits both with the rows. */
  private async depart(
    before: Group,
    next: MlsGroup,
    mailbox: Mailbox,
    who: { readonly userId: string; readonly deviceId?: string; readonly goodbye?: string | undefined },
    change: Pick<MlsRows, 'close' | 'removeUsers' | 'roles'>,
  ): Promise<void> {
    const { appender, committer, groups } = this.parts
    const { groupId } = before
    const { seq } = appender.appendOwn(mailbox, entryKinds.departed, JSON.stringify({ groupId, ...who }).slice(1))
    if (change.roles.length > 0) {
      const announced = { by: who.userId, add: [], remove: [], roles: new Map(change.roles) }
      appender.appendOwn(mailbox, entryKinds.membership, membershipBody(groupId, announced))
    }
    const rows: MlsRows = {
      groupId,
      mailbox: mailbox.no,
      version: next.version,
      seq,
      open: [],
      welcomed: [],
      addUsers: [],
      departed: next.mls.departed,
      ...change,
    }
    applied(mailbox, seq, await committer.run('applyMls', rows, groups.put(next, before)))
  }

  private async apply(commit: GroupCommit, before: MlsGroup | undefined, decision: CommitDecision): Promise<Appended> {
    const { appender, clock, committer, groups, ledger, limits } = this.parts
    const { from, groupId, welcome, welcomeTo } = commit
    const creates = decision.kind === 'create'
    if (!creates) appender.refuseFull((await ledger.find('group', groupId, false))!)
    const numbers = await committer.run('admitCommit', {
      by: from.userId,
      groupId,
      creates,
      add: decision.add,
      addUsers: [...decision.addUsers.keys()],
      welcomeTo,
      welcomeBytes: welcome?.length ?? 0,
      limits,
      now: clock.now(),
    })
    const mailbox = (await ledger.find('group', groupId, creates))!
    const boxes = await Promise.all(welcomeTo.map(({ userId, deviceId }) => ledger.find('device', `${userId}/${deviceId}`, true)))
    // From here on nothing is waited for: what is numbered is committed with its rows.
    const { seq, receivedAt } = appender.appendCommit(mailbox, commit)
    const welcomes = this.appendWelcomes(commit, decision, mailbox, seq, boxes as Mailbox[])
    const added = decision.add.map((device, index) => ({ ...device, no: numbers[index]! }))
    const windows = windowsOf(before?.mls, decision, added, from, seq, welcomes.seqs)
    const next = groupAfter(before, commit, decision, added, mailbox, seq, clock.now())
    const rows = {
      groupId,
      mailbox: mailbox.no,
      version: next.version,
      seq,
      ...windows,
      addUsers: [...decision.addUsers],
      removeUsers: decision.removeUsers,
      roles: [...decision.roles],
      departed: next.mls.departed,
      create: creates ? { isDirect: decision.isDirect, createdAt: next.createdAt } : null,
      generation: decision.generation,
      epoch: decision.epoch,
      groupInfo: commit.groupInfo,
      welcome: welcomes.rows,
    }
    applied(mailbox, seq, await committer.run('applyCommit', rows, groups.put(next, before)))
    return { mailbox: mailbox.name, seq, receivedAt, duplicate: false }
  }

  /** One entry for each device that is to join by the Welcome; where each stands. */
  private appendWelcomes(
    { from, groupId, welcome, welcomeTo }: GroupCommit,
    { generation, epoch }: CommitDecision,
    mailbox: Mailbox,
    groupSeq: number,
    boxes: readonly Mailbox[],
  ): { readonly rows: WelcomeRows | null; readonly seqs: ReadonlyMap<string, number> } {
    const seqs = new Map<string, number>()
    if (welcome === null) return { rows: null, seqs }
    const frame = {
      groupId,
      generation,
      epoch,
      groupMailbox: mailbox.name,
      groupSeq,
      from: from.userId,
      fromDevice: from.deviceId,
    }
    const body = `${JSON.stringify(frame).slice(1, -1)},${emptyWelcome}`
    const bytes = Buffer.from(welcome, 'latin1')
    const entries: number[] = []
    boxes.forEach((box, index) => {
      const { seq } = this.parts.appender.appendOwn(box, entryKinds.welcome, body, bytes)
      seqs.set(leafName(welcomeTo[index]!), seq)
      entries.push(box.no, seq)
    })
    return { rows: { groupMailbox: mailbox.no, groupSeq, userId: from.userId, data: welcome, entries }, seqs }
  }

  private refuse(from: Device): void {
    const refusal = this.parts.refusalOf(from)
    if (refusal !== undefined) throw new SottoError(refusal)
    if (this.parts.committer.isOverloaded) throw new SottoError('overloaded', undefined, { retryAfterMs: 1_000 })
  }
}

/** What is in memory of who holds entries back, once it is on disk. */
function applied(mailbox: Mailbox, seq: number, { joined, left }: AppliedMls): void {
  for (const { device, from } of joined) {
    if (!mailbox.cursors.has(device)) mailbox.cursors.set(device, from)
    mailbox.untils.delete(device)
  }
  for (const device of left) mailbox.untils.set(device, seq)
}
