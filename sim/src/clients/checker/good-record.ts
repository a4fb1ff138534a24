import type { DeviceName } from '../../history.ts'
import { userOf } from '../../history.ts'
import { type Seeded, seeded } from '../../seeded.ts'
import type { ClientsRecord, GroupView, Handed, LogEntry, SendCall, ShownMessage } from '../record.ts'

/** Records of runs in which everything went well, made from a seed: what the checker must pass, and mutants start from. */
export function goodRecord(seed: number): ClientsRecord {
  const chance = seeded(seed)
  const world = new GoodWorld(chance)
  const groups = Array.from({ length: 2 + chance.below(2) }, (_, index) => goodGroup(world, `group-${index}`))
  const alive = world.devices.filter((device) => !world.revoked.has(device))
  const views = alive.map((device) => ({ device, groups: groups.flatMap((group) => group.viewOf(device) ?? []) }))
  return {
    devices: world.devices.map((device) => ({ device, revoked: world.revoked.has(device) })),
    log: groups.flatMap(({ log }) => log),
    conflicts: [],
    unsettled: [],
    sends: world.sends,
    handed: views.flatMap((view) => handings(chance, view.device, view.groups)),
    leavings: groups.flatMap(({ leavings }) => leavings),
    incidents: alive.slice(0, 2).map((device) => ({
      device,
      kind: 'handler_failed',
      group: undefined,
      detail: "a handler of 'message' threw: the application fails on purpose",
    })),
    views,
    changes: { add: 10 },
    refusals: { closed: 1, not_a_member: 2 },
  }
}

const users = ['ada', 'bo', 'cy', 'di', 'ed', 'fay']

/** What all groups of a record share. */
class GoodWorld {
  readonly chance: Seeded
  readonly devices: readonly DeviceName[]
  readonly revoked = new Set<DeviceName>()
  readonly sends: SendCall[] = []

  constructor(chance: Seeded) {
    this.chance = chance
    this.devices = users.flatMap((user) => (chance.chance(0.7) ? [`${user}/1`, `${user}/2`] : [`${user}/1`]))
  }

  devicesOf(user: string): DeviceName[] {
    return this.devices.filter((device) => userOf(device) === user && !this.revoked.has(device))
  }
}

interface GoodGroup {
  readonly log: LogEntry[]
  readonly leavings: ClientsRecord['leavings'][number][]
  viewOf(device: DeviceName): GroupView | undefined
}

interface Place {
  readonly fromEpoch: number
  readonly isRejoin: boolean
}

function goodGroup(world: GoodWorld, group: string): GoodGroup {
  const { chance } = world
  const log: LogEntry[] = []
  const leavings: GoodGroup['leavings'] = []
  const shown = new Map<DeviceName, ShownMessage[]>()
  const inside = new Map<DeviceName, Place>()
  const roles = new Map<string, string>()
  let epoch = 0

  const show = (device: DeviceName, message: ShownMessage) => shown.set(device, [message, ...(shown.get(device) ?? [])])
  const nextSeq = () => log.length + 1

  function commit(by: DeviceName, added: readonly DeviceName[], removed: readonly DeviceName[], external = false): void {
    log.push({ group, seq: nextSeq(), kind: 'commit', generation: 0, epoch, by, added, removed, external })
    epoch++
    const isRejoin = external && removed.length > 0
    for (const device of removed) inside.delete(device)
    for (const device of added) {
      inside.set(device, { fromEpoch: epoch, isRejoin })
      if (!shown.has(device)) shown.set(device, [])
      if (!roles.has(userOf(device))) roles.set(userOf(device), 'member')
    }
  }

  function message(by: DeviceName): void {
    // Some cross a commit on their way.
    const isLate = epoch > 1 && inside.get(by)!.fromEpoch < epoch && chance.chance(0.3)
    const sentIn = isLate ? epoch - 1 : epoch
    const seq = nextSeq()
    const id = `${group}-${seq}`
    log.push({ group, seq, kind: 'message', generation: 0, epoch: sentIn, by, id })
    if (chance.chance(0.2)) return
    const text = `text ${world.sends.length} of ${group}`
    world.sends.push({ device: by, group, text, id: chance.chance(0.1) ? undefined : id })
    for (const [device, { fromEpoch, isRejoin }] of inside) {
      const own = userOf(device) === userOf(by)
      const row = {
        id,
        from: by,
        own,
        text,
        status: own ? 'delivered' : undefined,
        failure: undefined,
        unreadable: undefined,
        seq,
      }
      if (fromEpoch <= sentIn) show(device, row)
      else if (isRejoin) show(device, { ...row, id: `unreadable-${seq}`, text: undefined, unreadable: 'pruned_epoch' })
    }
  }

  const members = () => [...roles.keys()]
  const leavesOf = (user: string) => [...inside.keys()].filter((device) => userOf(device) === user)
  const other = (by: DeviceName) => members().filter((user) => user !== userOf(by) && roles.get(user) !== 'owner')

  const founder = chance.pick(world.devices.filter((device) => !world.revoked.has(device)))
  inside.set(founder, { fromEpoch: 0, isRejoin: false })
  shown.set(founder, [])
  roles.set(userOf(founder), 'owner')
  const first = users.filter((user) => user !== userOf(founder)).slice(chance.below(2), 4)
  // A second device of somebody comes later, by itself.
  const late = first.flatMap((user) => world.devicesOf(user).slice(1)).slice(0, 1)
  const begin = [userOf(founder), ...first].flatMap((user) => world.devicesOf(user))
  commit(
    founder,
    begin.filter((device) => device !== founder && !late.includes(device)),
    [],
  )
  for (let left = 18 + chance.below(12); left > 0; left--) {
    const by = chance.pick([...inside.keys()])
    const turn = chance.below(10)
    if (turn < 6) message(by)
    else if (turn === 6) {
      const absent = users.filter((user) => !roles.has(user) && world.devicesOf(user).length > 0)
      if (absent.length > 0) commit(founder, world.devicesOf(chance.pick(absent)), [])
    } else if (turn === 7 && other(founder).length > 2) {
      const user = chance.pick(other(founder))
      roles.delete(user)
      commit(founder, [], leavesOf(user))
    } else if (turn === 8 && other(founder).length > 2) leave(chance.pick(other(founder)))
    else if (turn === 9 && by !== founder && chance.chance(0.5)) commit(by, [by], [by], true)
  }
  for (const device of late) if (roles.has(userOf(device)) && !inside.has(device)) commit(device, [device], [], true)
  for (const device of [...inside.keys()].slice(0, 3)) message(device)

  function leave(user: string): void {
    const leaves = leavesOf(user)
    const [device] = leaves
    if (device === undefined) return
    const seenSeq = nextSeq() - 1
    log.push({ group, seq: nextSeq(), kind: 'departed', user, device: undefined })
    leavings.push({ user, device, group, seenSeq })
    roles.delete(user)
    for (const leaf of leaves) inside.delete(leaf)
    commit(founder, [], leaves)
    // Something waited, and is not to be sent any more.
    const text = `text ${world.sends.length} of ${group}`
    const id = `${group}-failed-${world.sends.length}`
    world.sends.push({ device, group, text, id })
    const row = {
      id,
      from: device,
      own: true,
      text,
      status: 'failed',
      failure: 'not_a_member',
      unreadable: undefined,
      seq: undefined,
    }
    show(device, row)
  }

  return {
    log,
    leavings,
    viewOf(device) {
      const messages = shown.get(device)
      if (messages === undefined) return undefined
      const isIn = inside.has(device)
      return {
        group,
        state: isIn ? 'active' : 'left',
        mls: isIn ? { generation: 0, epoch, authenticator: `${group} ${epoch}` } : undefined,
        members: Object.fromEntries([...roles].sort()),
        // What waits stands behind everything that is in the log.
        messages: [...messages.filter(({ seq }) => seq === undefined), ...messages.filter(({ seq }) => seq !== undefined)],
      }
    },
  }
}

/** The application handles everything in its order; now and then it fails, or is started anew. */
function handings(chance: Seeded, device: DeviceName, groups: readonly GroupView[]): Handed[] {
  const steps: Handed[] = []
  let opening = 1
  for (const { messages } of groups) {
    for (const { id, from, unreadable } of messages.toReversed()) {
      if (unreadable !== undefined || userOf(from) === userOf(device)) continue
      if (chance.chance(0.1)) steps.push({ device, opening, id, event: 'handed' })
      steps.push({ device, opening, id, event: 'handed' }, { device, opening, id, event: 'handled' })
      if (!chance.chance(0.1)) continue
      const isNoted = chance.chance(0.5)
      opening++
      if (!isNoted) steps.push({ device, opening, id, event: 'handed' }, { device, opening, id, event: 'handled' })
    }
  }
  return steps
}
