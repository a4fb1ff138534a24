import type { Observer } from './observer.ts'
import { createPeer, type Peer } from './peer.ts'
import { type Asking, request } from './request.ts'
import type { Seeded } from './seeded.ts'
import type { ServerProcess } from './server-process.ts'
import { mintToken } from './token.ts'

/** Who takes part: twelve devices of eight users, in groups of several sizes. */
const devicesOf = {
  ada: ['phone', 'laptop'],
  bo: ['phone', 'laptop'],
  cy: ['phone', 'laptop'],
  di: ['phone', 'laptop'],
  ed: ['phone'],
  fay: ['phone'],
  gus: ['phone'],
  hal: ['phone'],
} as const

type User = keyof typeof devicesOf
const users = Object.keys(devicesOf) as User[]

const membersOf = {
  everybody: users,
  quartet: ['ada', 'bo', 'ed', 'fay'],
  visited: ['ada', 'cy', 'gus'],
} as const satisfies Record<string, readonly User[]>

type GroupName = keyof typeof membersOf
const groupNames = Object.keys(membersOf) as GroupName[]

/** Comes to the group `visited` and leaves it, again and again. */
const visitor: User = 'hal'
const owner: User = 'ada'

export interface Cast {
  readonly peers: readonly Peer[]
  /** Where a device may send: direct to users and devices, and to the groups that it never leaves. */
  addresses(peer: Peer): readonly Address[]
  /** Lets the visitor join or leave. Tries until the answer is certain; gives up, without a record of the end, when told to. */
  visit(signal: AbortSignal): Promise<void>
}

export interface Address {
  readonly to: string
  readonly scope: 'direct' | 'group'
  readonly device?: string
}

export interface Stage {
  readonly server: ServerProcess
  readonly observer: Observer
  readonly chance: Seeded
}

/** Brings every device online for the first time, and creates the groups. */
export async function assemble(stage: Stage): Promise<Cast> {
  const { server, observer, chance } = stage
  const peers = users.flatMap((userId) =>
    devicesOf[userId].map((deviceId) => createPeer({ server, userId, deviceId, observer, chance })),
  )
  await Promise.all(peers.map((peer) => peer.readAll()))
  for (const { device } of peers) observer.record({ event: 'device', device })
  const groups = new Map<GroupName, string>()
  for (const name of groupNames) groups.set(name, await createGroup(stage, membersOf[name]))
  const visits = visiting(stage, groups.get('visited')!)

  return {
    peers,
    addresses({ device }) {
      const user = device.split('/')[0] as User
      const direct = users.map((to): Address => ({ to, scope: 'direct' }))
      const targeted = devicesOf.bo.map((each): Address => ({ to: 'bo', scope: 'direct', device: each }))
      const grouped = groupNames
        .filter((name) => (membersOf[name] as readonly User[]).includes(user))
        .map((name): Address => ({ to: groups.get(name)!, scope: 'group' }))
      return [...direct, ...targeted, ...grouped, ...grouped]
    },
    visit: visits,
  }
}

async function createGroup({ server, observer }: Stage, members: readonly User[]): Promise<string> {
  const [creator, ...others] = members as [User, ...User[]]
  const asking: Asking = { address: server.address, token: mintToken(server.secret, creator), deviceId: 'phone' }
  const created = await request<{ readonly groupId: string }>(asking, 'POST', '/groups', { members: others })
  if (created.kind !== 'ok') throw new Error(`no group: ${JSON.stringify(created)}`)
  const { groupId } = created.answer
  for (const state of ['joining', 'joined'] as const) {
    for (const user of members) observer.record({ event: 'member', group: groupId, user, state })
  }
  return groupId
}

function visiting({ server, observer }: Stage, group: string): (signal: AbortSignal) => Promise<void> {
  const asking: Asking = { address: server.address, token: mintToken(server.secret, owner), deviceId: 'phone' }
  let inside = false

  return async (signal) => {
    const [before, after] = inside ? (['leaving', 'left'] as const) : (['joining', 'joined'] as const)
    const [method, path, body] = inside
      ? (['DELETE', `/groups/${group}/members/${visitor}`, undefined] as const)
      : (['POST', `/groups/${group}/members`, { members: [visitor] }] as const)
    observer.record({ event: 'member', group, user: visitor, state: before })
    for (let attempts = 1; !signal.aborted; attempts++) {
      const outcome = await request(asking, method, path, body)
      // An earlier attempt, of unknown outcome, may have removed the visitor.
      const done = outcome.kind === 'ok' || (outcome.kind === 'fail' && outcome.code === 'not_found' && attempts > 1)
      if (done) {
        observer.record({ event: 'member', group, user: visitor, state: after })
        inside = !inside
        return
      }
      if (outcome.kind === 'fail' && outcome.code !== 'unreachable') throw new Error(`${before}: refused with ${outcome.code}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
