import { SottoClientError } from '../errors.ts'
import type { Role } from '../membership/membership.ts'
import type { GroupState } from '../mls/engine.ts'
import { type ConversationState, isStale, roleIn } from './conversation-state.ts'
import { erasedUsers } from './judging.ts'
import { inspect, namedBy } from './leaves.ts'
import type { Parts } from './parts.ts'
import type { Plan } from './prepare-commit.ts'

/** What somebody wants of a group, worked out against the group as it is; undefined: there is nothing to do (any more). */
export type Intent = (group: {
  readonly conversation: ConversationState
  readonly state: GroupState
}) => Promise<Plan | undefined>

const nothing = { add: [], remove: [], leave: [], roles: new Map<string, Role>() } as const

/** Leaves of those who have departed, and ghosts, go along with every commit: the server demands it, and so do we. */
function withRemovals(parts: Parts, plan: Plan, conversation: ConversationState, state: GroupState): Plan {
  const contacts = (userId: string) => parts.contacts.of(userId)
  const gone = new Set([...conversation.leaving, ...erasedUsers(parts, conversation)])
  const { ghosts } = inspect(state, contacts)
  const remove = new Map(plan.remove.map((leaf) => [leaf.index, leaf]))
  for (const leaf of state.leaves) {
    const device = namedBy(leaf)
    if (leaf.index === state.ownLeaf || device === undefined) continue
    const departed = conversation.departed.some(
      ({ userId, deviceId }) => userId === device.userId && (deviceId === undefined || deviceId === device.deviceId),
    )
    const governed = governs(conversation, parts.self.userId, device.userId)
    // Others judge by what they know themselves: the server's word alone is no reason.
    const provable = ghosts.includes(leaf) || (gone.has(device.userId) && device.userId !== parts.self.userId)
    // The server lets everybody take out what it has announced as departed; the rest is for those who may.
    const permitted = departed || governed || device.userId === parts.self.userId
    if ((provable && permitted) || (departed && governed)) remove.set(leaf.index, leaf)
  }
  // The server's word takes devices out, which come back where it was a lie; it ends no membership.
  const leave = new Set(plan.leave)
  if (conversation.kind === 'group') {
    const isOut = (userId: string) => state.leaves.every((leaf) => namedBy(leaf)?.userId !== userId || remove.has(leaf.index))
    // The server lets everybody end the membership of who has departed as a whole; the rest is for owner and admins.
    const mayEnd = (userId: string) =>
      governs(conversation, parts.self.userId, userId) ||
      conversation.departed.some((one) => one.userId === userId && one.deviceId === undefined)
    for (const userId of gone) {
      const isMember = conversation.roster.members.has(userId) && userId !== parts.self.userId
      if (isMember && isOut(userId) && mayEnd(userId)) leave.add(userId)
    }
  }
  return { ...plan, remove: [...remove.values()], leave: [...leave] }
}

/** Removes whoever has to go; nothing where nobody has. */
export function tidying(parts: Parts): Intent {
  return async ({ conversation, state }) => {
    const plan = withRemovals(parts, nothing, conversation, state)
    return plan.remove.length === 0 && plan.leave.length === 0 ? undefined : plan
  }
}

/** Fresh keys for this device's leaf, so that who has stolen old ones is out again (RFC 9420 section 16.6). */
export function freshening(parts: Parts): Intent {
  return async ({ conversation, state }) =>
    isStale(conversation, parts.clock.now()) ? withRemovals(parts, nothing, conversation, state) : undefined
}

/** @throws SottoClientError `no_such_user` for who has no device that could be added. */
export function adding(parts: Parts, userIds: readonly string[]): Intent {
  let claimed: Plan['add'] = []
  const asked = new Set<string>()
  return async ({ conversation, state }) => {
    // A member may have no device in the group: it left without a word, or all of its devices were lost.
    const isThere = (userId: string) => state.leaves.some((leaf) => namedBy(leaf)?.userId === userId)
    const missing = userIds.filter((userId) => !conversation.roster.members.has(userId) || !isThere(userId))
    if (missing.length === 0) return undefined
    const unasked = missing.filter((userId) => !asked.has(userId))
    if (unasked.length > 0) {
      const answer = await (await parts.handshakes()).keyPackages.claim(unasked, [])
      for (const userId of unasked) asked.add(userId)
      claimed = [...claimed, ...answer.claimed]
    }
    const absent = missing.filter((userId) => !claimed.some(({ device }) => device.userId === userId))
    if (absent.length > 0)
      throw new SottoClientError('no_such_user', `no device of ${absent.join(', ')} can be written to yet`, {
        extra: { userIds: absent },
      })
    const add = claimed.filter(({ device }) => missing.includes(device.userId))
    return withRemovals(parts, { ...nothing, add }, conversation, state)
  }
}

export function removing(parts: Parts, userId: string): Intent {
  return async ({ conversation, state }) => {
    if (!conversation.roster.members.has(userId)) return undefined
    const remove = state.leaves.filter((leaf) => namedBy(leaf)?.userId === userId)
    return withRemovals(parts, { ...nothing, remove, leave: [userId] }, conversation, state)
  }
}

export function givingRole(parts: Parts, userId: string, role: Role): Intent {
  return async ({ conversation, state }) => {
    const now = conversation.roster.members.get(userId)
    if (now === undefined) throw new SottoClientError('not_a_member', `${userId} is not in the conversation`)
    if (now === role) return undefined
    const plan = withRemovals(parts, { ...nothing, roles: new Map([[userId, role]]) }, conversation, state)
    if (plan.leave.includes(userId)) throw new SottoClientError('not_a_member', `${userId} leaves the conversation`)
    return plan
  }
}

/** Takes one device of this user out: it was revoked. */
export function removingDevice(parts: Parts, deviceId: string): Intent {
  return async ({ conversation, state }) => {
    const remove = state.leaves.filter((leaf) => {
      const device = namedBy(leaf)
      return device?.userId === parts.self.userId && device.deviceId === deviceId
    })
    return remove.length === 0 ? undefined : withRemovals(parts, { ...nothing, remove }, conversation, state)
  }
}

/** The owner over all others, admins over plain members. */
function governs(conversation: ConversationState, userId: string, otherId: string): boolean {
  if (conversation.kind === 'direct' || userId === otherId) return false
  const role = roleIn(conversation, userId)
  const other = conversation.roster.members.get(otherId)
  if (other === undefined || other === 'owner') return false
  return role === 'owner' || (role === 'admin' && other === 'member')
}
