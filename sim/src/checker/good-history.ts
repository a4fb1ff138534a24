import { type DeviceName, digestOf, type HistoryEvent, type Unstamped } from '../history.ts'
import { type Seeded, seeded } from '../seeded.ts'
import { createModel, type Model, type ModelFrame, type ModelMessage, type ModelSession } from './model.ts'

const devices = ['ada/phone', 'ada/laptop', 'bo/phone', 'cy/phone', 'cy/tablet', 'di/phone'] as const
const users = ['ada', 'bo', 'cy', 'di'] as const
const groups = { team: ['ada', 'bo', 'cy'], pair: ['ada', 'di'] } as const
/** Joins and leaves `pair` while messages flow. */
const visitor = 'bo'

interface Client {
  readonly device: DeviceName
  session: ModelSession | undefined
  /** Not yet accepted, in the order of their first attempts. */
  pending: ModelMessage[]
  readonly accepted: ModelMessage[]
  readonly inFlight: Set<string>
  readonly position: Map<string, number>
  readonly acked: Map<string, number>
  /** For each ping on its way, the acknowledgements before it. */
  pings: { readonly mailbox: string; readonly seq: number }[][]
}

/** A history as a correct server leaves it, with crashes, clean stops, cut sockets, resends and refusals. */
export function goodHistory(seed: number, { steps = 500, refusals = seed % 2 === 0 } = {}): HistoryEvent[] {
  const chance = seeded(seed)
  const model = createModel(devices, chance, refusals)
  const events: HistoryEvent[] = []
  let at = 0
  let named = 0
  function record(event: Unstamped): void {
    at += chance.below(40)
    events.push({ at, ...event } as HistoryEvent)
  }
  function name(): string {
    named++
    return `x${named}`
  }
  const clients = devices.map((device): Client => {
    record({ event: 'device', device })
    const empty = { inFlight: new Set<string>(), position: new Map<string, number>(), acked: new Map<string, number>() }
    return { device, session: undefined, pending: [], accepted: [], pings: [], ...empty }
  })
  const world: World = { chance, model, record, name, visiting: false }
  for (const [group, members] of Object.entries(groups)) for (const user of members) join(world, group, user)
  for (const device of devices) upload(world, device)

  for (let step = 0, persistedAt = 0; step < steps; step++) {
    act(world, clients)
    if (at - persistedAt < 1_000) continue
    model.persist()
    persistedAt = at
  }
  heal(world, clients)
  return events
}

interface World {
  readonly chance: Seeded
  readonly model: Model
  readonly record: (event: Unstamped) => void
  readonly name: () => string
  visiting: boolean
}

function act(world: World, clients: readonly Client[]): void {
  const { chance, model } = world
  const client = chance.pick(clients)
  const turn = chance.below(1_000)
  if (turn < 5) crash(world, clients, chance.chance(0.3))
  else if (turn < 20) cut(world, client)
  else if (turn < 40) visit(world)
  else if (turn < 45) upload(world, client.device)
  else if (turn < 60) claim(world, client.device, chance.pick(users))
  else if (turn < 140) connect(world, client)
  else if (turn < 260) send(world, client)
  else if (turn < 275) resend(world, client)
  else if (turn < 400) acknowledge(world, client)
  else if (turn < 700) model.step()
  else read(world, client)
}

function connect(world: World, client: Client): void {
  if (client.session !== undefined) return
  client.session = world.model.connect(client.device, world.name())
  world.record({ event: 'connect', device: client.device, session: client.session.session })
  for (const message of client.pending) attempt(world, client, message)
}

function send(world: World, client: Client): void {
  const { chance } = world
  const id = world.name()
  const digest = digestOf(`content of ${id}`)
  const grouped = chance.chance(0.4)
  const to = grouped ? chance.pick(Object.keys(groups)) : chance.pick(users)
  const target = !grouped && to === 'cy' && chance.chance(0.3) ? { target: 'tablet' } : {}
  const message: ModelMessage = { id, to, scope: grouped ? 'group' : 'direct', digest, ...target }
  client.pending.push(message)
  if (client.session !== undefined) attempt(world, client, message)
  else client.pending.pop()
}

/** Sends once more what was accepted before: an answer must be repeated. */
function resend(world: World, client: Client): void {
  if (client.session === undefined || client.accepted.length === 0) return
  const message = world.chance.pick(client.accepted)
  if (!client.inFlight.has(message.id)) attempt(world, client, message)
}

function attempt(world: World, client: Client, message: ModelMessage): void {
  world.record({ event: 'invoke', op: 'send', device: client.device, ...message })
  client.inFlight.add(message.id)
  world.model.send(client.session!, message)
}

function acknowledge(world: World, client: Client): void {
  const { device, session } = client
  if (session === undefined) return
  const acks = [...client.position]
    .filter(([mailbox, seq]) => seq > (client.acked.get(mailbox) ?? 0))
    .map(([mailbox, seq]) => ({ mailbox, seq }))
  for (const { mailbox, seq } of acks) {
    client.acked.set(mailbox, seq)
    world.record({ event: 'invoke', op: 'ack', device, session: session.session, mailbox, seq })
    world.model.ack(session, mailbox, seq)
  }
  client.pings.push(acks)
  world.model.ping(session)
}

function read(world: World, client: Client): boolean {
  const frame = client.session?.outbox.shift()
  if (frame === undefined) return false
  take(world, client, client.session!.session, frame)
  return true
}

function take(world: World, client: Client, session: string, frame: ModelFrame): void {
  const { device } = client
  if (frame.type === 'accepted') {
    const { type, ...answer } = frame
    world.record({ event: 'ok', op: 'send', device, ...answer })
    settle(client, frame.id)
  } else if (frame.type === 'refused') {
    client.inFlight.delete(frame.id)
    if (frame.unknown) world.record({ event: 'info', op: 'send', device, id: frame.id, reason: frame.code })
    else {
      world.record({ event: 'fail', op: 'send', device, id: frame.id, code: frame.code })
      client.pending = client.pending.filter((message) => message.id !== frame.id)
    }
  } else if (frame.type === 'pong') {
    for (const ack of client.pings.shift() ?? []) world.record({ event: 'ok', op: 'ack', device, session, ...ack })
  } else if (frame.type === 'synced') {
    world.record({ event: 'synced', device, session })
  } else {
    const { entry } = frame
    world.record({ event: 'deliver', device, session, ...entry })
    if (entry.seq <= (client.position.get(entry.mailbox) ?? 0)) return
    client.position.set(entry.mailbox, entry.type === 'gone' ? entry.to : entry.seq)
    if (entry.type !== 'msg') return
    const { mailbox, seq, from, id, digest } = entry
    world.record({ event: 'show', device, mailbox, seq, from, id, digest })
  }
}

function settle(client: Client, id: string): void {
  client.inFlight.delete(id)
  const accepted = client.pending.find((message) => message.id === id)
  if (accepted !== undefined) client.accepted.push(accepted)
  client.pending = client.pending.filter((message) => message.id !== id)
}

/** The socket ends: some of what had arrived is still read. */
function cut(world: World, client: Client): void {
  const { device, session } = client
  if (session === undefined) return
  while (world.chance.chance(0.7) && read(world, client));
  for (const id of client.inFlight) world.record({ event: 'info', op: 'send', device, id, reason: 'cut' })
  for (const acks of client.pings) {
    for (const ack of acks) world.record({ event: 'info', op: 'ack', device, session: session.session, ...ack })
  }
  client.inFlight.clear()
  client.pings = []
  client.session = undefined
  // The relay may still read what is on its way.
  if (world.chance.chance(0.5)) for (const each of session.inbox.splice(0)) each()
}

function crash(world: World, clients: readonly Client[], clean: boolean): void {
  const { chance, model } = world
  if (clean) for (const client of clients) cut(world, client)
  model.end(clean)
  world.record(clean ? { event: 'stop' } : { event: 'crash', how: 'SIGKILL' })
  for (const client of clients) {
    client.session?.inbox.splice(0)
    cut(world, client)
  }
  world.record({ event: 'restart' })
  // What was taken back is sent again by the devices: so is what they acknowledge.
  for (const client of clients) if (chance.chance(0.5)) client.acked.clear()
}

function join(world: World, group: string, user: string): void {
  world.record({ event: 'member', group, user, state: 'joining' })
  world.model.join(group, user)
  world.record({ event: 'member', group, user, state: 'joined' })
}

function visit(world: World): void {
  if (!world.visiting) join(world, 'pair', visitor)
  else {
    world.record({ event: 'member', group: 'pair', user: visitor, state: 'leaving' })
    world.model.leave('pair', visitor)
    world.record({ event: 'member', group: 'pair', user: visitor, state: 'left' })
  }
  world.visiting = !world.visiting
}

function upload(world: World, device: DeviceName): void {
  const id = world.name()
  const first = Number(id.slice(1)) * 10
  const keys = [0, 1, 2].map((each) => ({ keyId: first + each, digest: digestOf(`${device} ${first + each}`) }))
  world.record({ event: 'invoke', op: 'upload', device, id, keys })
  world.model.upload(device, keys)
  if (world.chance.chance(0.8)) world.record({ event: 'ok', op: 'upload', device, id })
  else world.record({ event: 'info', op: 'upload', device, id, reason: 'cut' })
}

function claim(world: World, device: DeviceName, user: string): boolean {
  const { chance } = world
  const id = world.name()
  world.record({ event: 'invoke', op: 'claim', device, id, user })
  if (chance.chance(0.1)) {
    if (chance.chance(0.5)) world.model.claim(user)
    world.record({ event: 'info', op: 'claim', device, id, reason: 'cut' })
    return true
  }
  const claimed = world.model.claim(user)
  world.record({ event: 'ok', op: 'claim', device, id, ...claimed })
  return claimed.key !== null
}

/** Everything is brought to rest: all accepted, all read in a session of its own, all keys claimed. */
function heal(world: World, clients: readonly Client[]): void {
  const settleAll = () => {
    while (clients.some((client) => client.pending.length > 0)) {
      for (const client of clients) {
        connect(world, client)
        for (const message of client.pending) if (!client.inFlight.has(message.id)) attempt(world, client, message)
      }
      drain(world, clients)
    }
  }
  settleAll()
  for (const client of clients) {
    drain(world, clients)
    cut(world, client)
    connect(world, client)
  }
  drain(world, clients)
  for (const user of users) while (claim(world, 'di/phone', user));
  world.record({ event: 'end', devices: clients.map((client) => client.device) })
}

function drain(world: World, clients: readonly Client[]): void {
  for (let idle = 0; idle < 200; ) {
    const moved = [world.model.step(), ...clients.map((client) => read(world, client))]
    idle = moved.some(Boolean) ? 0 : idle + 1
  }
}
