import { type Limits, type Role, SottoError } from '@sotto/protocol'
import type { Clock } from '../../clock.ts'
import { type CreateGroup, entryKinds, type Group, type GroupChange, type Moved } from '../store.ts'
import type { Appender } from './appender.ts'
import type { Committer } from './committer.ts'
import type { GroupCache } from './group-cache.ts'
import type { GroupRows } from './groups.ts'
import type { Ledger } from './ledger.ts'
import type { Mailbox } from './mailbox.ts'
import { type Announced, membershipBody } from './membership-body.ts'
import type { MlsMembership } from './mls-membership.ts'

export interface MembershipParts {
  readonly clock: Clock
  readonly limits: Limits
  readonly ledger: Ledger
  readonly committer: Committer
  readonly appender: Appender
  readonly groups: GroupCache
  readonly mls: MlsMembership
}

/** The part of a change that does not depend on who asked for it. */
type Change = Omit<GroupChange, 'by'> & { readonly by: string }

/** Changes of groups: one after another, each in one transaction with the entries that announce it. */
export class Membership {
  private readonly parts: MembershipParts

  constructor(parts: MembershipParts) {
    this.parts = parts
  }

  create({ groupId, name, owner, members }: CreateGroup): Promise<Group> {
    const { groups } = this.parts
    const run = async () => {
      const { committer, ledger, limits, clock } = this.parts
      this.refuseOverload()
      const add = [owner.userId, ...members]
      await committer.run('admitMembers', { by: owner.userId, add, limits, now: clock.now() })
      const mailbox = (await ledger.find('group', groupId, true))!
      const users = await this.mailboxesOf(add)
      const createdAt = clock.now()
      const roles = new Map<string, Role>(add.map((userId) => [userId, userId === owner.userId ? 'owner' : 'member']))
      const about = { groupId, name, protocol: 'opaque', version: 1, createdAt, mailbox: mailbox.name } as const
      const group: Group = { ...about, members: roles, mls: null }
      const entries = { by: owner.userId, add, remove: [], roles: new Map<string, Role>([[owner.userId, 'owner']]) }
      await this.commit(group, undefined, mailbox, users, entries, { name, createdAt })
      return group
    }
    return groups.turns.inTurn(groupId, () => groups.admit(run))
  }

  /** Throws `limit_reached`, `rate_limited`. */
  change(change: GroupChange): Promise<Group | Moved> {
    const { groups, mls } = this.parts
    return groups.turns.inTurn(change.groupId, async () => {
      const group = await groups.group(change.groupId)
      if (group === undefined || group.version !== change.version) return 'moved'
      this.refuseOverload()
      const by = change.by.userId
      if (group.mls !== null && !change.delete) return mls.departUser(group, by, new Map(), change.goodbye)
      if (change.add.length === 0) return this.apply(group, { ...change, by })
      return groups.admit(async () => {
        const { committer, limits, clock } = this.parts
        await committer.run('admitMembers', { by, add: change.add, limits, now: clock.now() })
        return this.apply(group, { ...change, by })
      })
    })
  }

  /**
   * Takes a user out of all groups, then does the rest, before anything else changes in any group. Where it was the owner,
   * an admin or else the longest member follows.
   */
  removeEverywhere<result>(
    userId: string,
    groupsOf: () => Promise<readonly string[]>,
    rest: () => Promise<result>,
  ): Promise<result> {
    return this.parts.groups.turns.inTurnAlone(async () => {
      // Beside each other, so that a thousand groups are a few transactions: but all of them before anything goes on.
      const removals = await Promise.allSettled((await groupsOf()).map((groupId) => this.removeFrom(groupId, userId)))
      const failed = removals.find(({ status }) => status === 'rejected')
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
      return rest()
    })
  }

  private async removeFrom(groupId: string, userId: string): Promise<void> {
    const { groups, mls } = this.parts
    const group = await groups.group(groupId)
    if (group === undefined || !group.members.has(userId)) return
    const successor = group.members.get(userId) === 'owner' ? successorOf(group, userId) : undefined
    const roles = new Map<string, Role>(successor === undefined ? [] : [[successor, 'owner']])
    if (group.mls !== null) await mls.departUser(group, userId, roles)
    else {
      const change = { groupId, version: group.version, by: userId, add: [], remove: [userId], roles, delete: false }
      await this.apply(group, change)
    }
  }

  private async apply(group: Group, change: Change): Promise<Group> {
    const mailbox = (await this.parts.ledger.find('group', group.groupId, false))!
    const users = await this.mailboxesOf([...change.add, ...change.remove])
    const next: Group = { ...group, version: group.version + 1, members: membersAfter(group, change) }
    await this.commit(next, group, mailbox, users, change, null)
    return next
  }

  /** Numbers the entries, changes what is in memory, and commits both with the rows. */
  private async commit(
    group: Group,
    before: Group | undefined,
    mailbox: Mailbox,
    users: readonly Mailbox[],
    change: Announced,
    create: GroupRows['create'],
  ): Promise<void> {
    const { appender, committer, groups } = this.parts
    const { groupId } = group
    const body = membershipBody(groupId, change)
    const { seq } = appender.appendOwn(mailbox, entryKinds.membership, body)
    for (const user of users)
      appender.appendOwn(user, entryKinds.membership, membershipBody(groupId, narrowed(change, user.owner)))
    const undo = groups.put(group, before)
    const rows: GroupRows = {
      groupId,
      mailbox: mailbox.no,
      create,
      version: group.version,
      seq,
      add: change.add.map((userId) => [userId, group.members.get(userId)!] as const),
      remove: change.remove,
      roles: [...change.roles].filter(([userId]) => !change.add.includes(userId)),
    }
    const { joined, left } = await committer.run('applyGroup', rows, undo)
    for (const device of joined) {
      if (!mailbox.cursors.has(device)) mailbox.cursors.set(device, seq)
      mailbox.untils.delete(device)
    }
    for (const device of left) mailbox.untils.set(device, seq)
  }

  private async mailboxesOf(userIds: readonly string[]): Promise<Mailbox[]> {
    const found = await Promise.all(userIds.map((userId) => this.parts.ledger.find('user', userId, true)))
    return found as Mailbox[]
  }

  private refuseOverload(): void {
    if (this.parts.committer.isOverloaded) throw new SottoError('overloaded', undefined, { retryAfterMs: 1_000 })
  }
}

function membersAfter(group: Group, change: Change): Map<string, Role> {
  const members = new Map(group.members)
  for (const userId of change.remove) members.delete(userId)
  for (const userId of change.add) members.set(userId, 'member')
  for (const [userId, role] of change.roles) if (members.has(userId)) members.set(userId, role)
  return change.delete ? new Map() : members
}

function successorOf(group: Group, userId: string): string | undefined {
  const others = [...group.members].filter(([member]) => member !== userId)
  return (others.find(([, role]) => role === 'admin') ?? others[0])?.[0]
}

/** What one user is told of a change: who else was added or removed stands in the group's mailbox. */
function narrowed({ by, add, remove, roles }: Announced, userId: string): Announced {
  const role = roles.get(userId)
  return {
    by,
    add: add.filter((added) => added === userId),
    remove: remove.filter((removed) => removed === userId),
    roles: new Map(role === undefined ? [] : [[userId, role]]),
  }
}
