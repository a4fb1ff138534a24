import { type Conversation, SottoClientError } from '@sotto/client'
import type { Seeded } from '../seeded.ts'
import type { Company } from './company.ts'
import type { SimDevice } from './device.ts'
import type { GroupLogs } from './group-logs.ts'
import type { Leaving } from './record.ts'

/** What changes who is in what. `undefined`: nothing of the kind can be done just now. */
export type Change = (actor: SimDevice) => Promise<void> | undefined

export interface ChangeParts {
  readonly company: Company
  readonly chance: Seeded
  readonly logs: GroupLogs
  readonly leavings: Leaving[]
  readonly groupsMax: number
}

const membersMax = 5

/** The changes of groups and devices, by name, each with how often it is chosen. */
export function membershipChanges(parts: ChangeParts): Readonly<Record<string, readonly [weight: number, change: Change]>> {
  const { company, chance, logs, leavings, groupsMax } = parts
  /** Devices that revoke, link, or are spoken for otherwise. */
  const busyUsers = new Set<string>()
  const created = new Set<string>()
  /** Where several change things at once. */
  let hot: string | undefined

  function groupOf(actor: SimDevice, which: (chat: Conversation) => boolean): Conversation | undefined {
    const groups = actor.active.filter((chat) => chat.kind === 'group' && which(chat))
    if (groups.length === 0) return undefined
    const hotOne = groups.find(({ id }) => id === hot)
    if (hotOne !== undefined && chance.chance(0.6)) return hotOne
    const chat = chance.pick(groups)
    if (chance.chance(0.2)) hot = chat.id
    return chat
  }

  const roleOf = (chat: Conversation, userId: string) => chat.members.find((member) => member.userId === userId)?.role
  const governs = (actor: SimDevice) => (chat: Conversation) => roleOf(chat, actor.userId) !== 'member'
  const others = (chat: Conversation, actor: SimDevice) => chat.members.filter(({ userId }) => userId !== actor.userId)

  const changes: Record<string, readonly [weight: number, change: Change]> = {
    create: [
      6,
      (actor) => {
        if (created.size >= groupsMax) return undefined
        const members = some(
          company.users.filter((user) => user !== actor.userId),
          2 + chance.below(2),
        )
        created.add(`${actor.name} ${created.size}`)
        return actor.sotto.createGroup({ name: `group ${created.size}`, members }).then(() => {})
      },
    ],
    direct: [
      4,
      (actor) => {
        const user = chance.pick(company.users)
        if (user === actor.userId || actor.active.some(({ peer }) => peer === user)) return undefined
        return actor.sotto.conversation(user).then(() => {})
      },
    ],
    add: [
      34,
      (actor) => {
        const chat = groupOf(actor, (each) => governs(actor)(each) && each.members.length < membersMax)
        if (chat === undefined) return undefined
        const absent = company.users.filter((user) => roleOf(chat, user) === undefined)
        return chat.add(some(absent, 1 + chance.below(2)))
      },
    ],
    remove: [
      22,
      (actor) => {
        const chat = groupOf(actor, (each) => governs(actor)(each) && each.members.length > 2)
        if (chat === undefined) return undefined
        const lesser = others(chat, actor).filter(({ role }) => role === 'member' || roleOf(chat, actor.userId) === 'owner')
        return lesser.length === 0 ? undefined : chat.remove(chance.pick(lesser).userId)
      },
    ],
    role: [
      18,
      (actor) => {
        const chat = groupOf(actor, (each) => roleOf(each, actor.userId) === 'owner' && each.members.length > 1)
        if (chat === undefined) return undefined
        const { userId, role } = chance.pick(others(chat, actor))
        if (chance.chance(0.15)) return chat.setRole(userId, 'owner')
        return chat.setRole(userId, role === 'admin' ? 'member' : 'admin')
      },
    ],
    leave: [
      8,
      (actor) => {
        const chat = groupOf(actor, (each) => roleOf(each, actor.userId) !== 'owner' && each.members.length > 2)
        if (chat === undefined) return undefined
        const { userId: user, name: device } = actor
        const leaving = { user, device, group: chat.id, seenSeq: logs.deliveredTo(device, chat.id) }
        return chat.leave().then(
          () => void leavings.push(leaving),
          (error: unknown) => {
            // The server may have heard it all the same.
            if (/^(closed|offline)$/.test(reasonOf(error))) leavings.push(leaving)
            throw error
          },
        )
      },
    ],
    link: [4, (actor) => alone(actor, 1, () => company.link(actor))],
    revoke: [
      3,
      (actor) =>
        alone(actor, 2, async () => {
          const other = company.devicesOf(actor.userId).find((device) => device !== actor)!
          await company.revoke(actor, other)
        }),
    ],
  }

  /** One at a time for each user who has so many devices. */
  function alone(actor: SimDevice, devices: number, task: () => Promise<void>): Promise<void> | undefined {
    const { userId } = actor
    if (busyUsers.has(userId) || company.devicesOf(userId).length !== devices) return undefined
    busyUsers.add(userId)
    return task().finally(() => busyUsers.delete(userId))
  }

  function some<item>(items: readonly item[], count: number): item[] {
    const left = [...items]
    return Array.from({ length: Math.min(count, left.length) }, () => left.splice(chance.below(left.length), 1)[0]!)
  }

  return changes
}

/** Codes that need no words. */
const plain = new Set<string>(['closed', 'offline', 'not_a_member', 'not_permitted', 'owner_must_transfer', 'device_revoked'])

/** Why a call was refused. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof SottoClientError)) return String(error instanceof Error ? error.stack : error)
  return plain.has(error.code) ? error.code : `${error.code}: ${error.message}`
}
