import { mailboxName } from '../mailbox-name.ts'
import type { Group, MlsState } from '../store.ts'
import type { Committer } from './committer.ts'
import type { LoadedMls } from './mls-groups.ts'
import { Turns } from './turns.ts'

/** Groups that stay in memory though nobody asks for them. */
const groupsMax = 10_000

interface Cached {
  group: Group | undefined
  usedAt: number
}

/**
 * Groups in the memory of the main thread, where their changes take turns: first that of the group, then that of a commit's id,
 * last that of those who bring somebody in. Nobody waits for an earlier kind with a later one in hand.
 */
export class GroupCache {
  /** One change after another in each group. */
  readonly turns = new Turns()
  /** What a device sends under one id, to whatever group, is decided one after another. */
  readonly ids = new Turns()
  private readonly admissions = new Turns()
  private readonly cached = new Map<string, Cached>()
  private round = 0
  private readonly committer: Committer

  constructor(committer: Committer) {
    this.committer = committer
  }

  group(groupId: string): Group | undefined | Promise<Group | undefined> {
    const cached = this.cached.get(groupId)
    if (cached === undefined) return this.load(groupId)
    cached.usedAt = this.round
    return cached.group
  }

  /** Of a group in memory. */
  version(groupId: string): number | undefined {
    return this.cached.get(groupId)?.group?.version
  }

  /** Puts a group in the place of what it was before a change; one without members is no more. Returns what takes it back. */
  put(group: Group, before: Group | undefined): () => void {
    const { groupId } = group
    this.cached.set(groupId, { group: group.members.size === 0 ? undefined : group, usedAt: this.round })
    return () => {
      if (before === undefined) this.cached.delete(groupId)
      else this.cached.set(groupId, { group: before, usedAt: this.round })
    }
  }

  /** Brings users in, from the look at how many groups they are in to their being in one more. */
  admit<result>(run: () => Promise<result>): Promise<result> {
    return this.admissions.inTurn('', run)
  }

  /** Forgets groups that nobody asked for lately. */
  evict(): void {
    this.round++
    if (this.cached.size <= groupsMax) return
    for (const [groupId, cached] of this.cached) {
      if (this.cached.size <= groupsMax) return
      if (cached.usedAt < this.round - 1) this.cached.delete(groupId)
    }
  }

  private async load(groupId: string): Promise<Group | undefined> {
    const row = await this.committer.run('loadGroup', groupId)
    const cached = this.cached.get(groupId)
    if (cached !== undefined) return cached.group
    if (row === undefined) return undefined
    const group: Group = {
      groupId,
      name: row.name,
      protocol: row.protocol,
      version: row.version,
      createdAt: row.createdAt,
      mailbox: mailboxName(row.mailbox),
      members: new Map(row.members),
      mls: row.mls === null ? null : stateOf(row.mls),
    }
    this.cached.set(groupId, { group, usedAt: this.round })
    return group
  }
}

function stateOf({ devices, ...rest }: LoadedMls): MlsState {
  const byUser = new Map<string, Map<string, number>>()
  for (const { userId, deviceId, no } of devices) {
    const known = byUser.get(userId) ?? new Map<string, number>()
    byUser.set(userId, known.set(deviceId, no))
  }
  return { ...rest, devices: byUser }
}
