import { setTimeout as sleep } from 'node:timers/promises'
import type { Seeded } from '../seeded.ts'
import type { ServerProcess } from '../server-process.ts'
import type { Company } from './company.ts'
import type { SimDevice } from './device.ts'
import type { GroupLogs } from './group-logs.ts'
import { membershipChanges, reasonOf } from './membership-changes.ts'
import type { Leaving, SendCall } from './record.ts'

export interface WorkloadParts {
  readonly company: Company
  readonly server: ServerProcess
  readonly chance: Seeded
  readonly logs: GroupLogs
  readonly sends: SendCall[]
  readonly leavings: Leaving[]
  readonly changes: number
  readonly messages: number
}

export interface Workload {
  /** Resolves once everything is done; rejects with the first thing that goes wrong. */
  readonly finished: Promise<void>
  progress(): Progress
}

export interface Progress {
  readonly changes: Record<string, number>
  readonly refusals: Record<string, number>
  readonly chaos: Record<string, number>
}

/** Changes under way at once. */
const changeLanes = 10
const sendLanes = 6
const burstMax = 6
/** Messages between two disturbances. */
const chaosTextsMax = 20
const downMsMax = 500
/** When the server dies, as a part of the changes done, and how. */
const deaths = [
  { at: 0.35, isClean: false },
  { at: 0.7, isClean: true },
]

/** What the devices do, and what is done to them, until there were so many changes and messages. */
export function startWorkload(parts: WorkloadParts): Workload {
  const { company, server, chance, logs, sends, leavings } = parts
  const counts: Progress = { changes: {}, refusals: {}, chaos: {} }
  const changes = membershipChanges({ company, chance, logs, leavings, groupsMax: 12 })
  const names = Object.entries(changes).flatMap(([name, [weight]]) => Array.from({ length: weight }, () => name))
  /** Devices in a call that must not be torn apart: a new device is known to nobody else yet. */
  const held = new Set<SimDevice>()
  let changed = 0
  let texts = 0
  let isOver = false

  const count = (where: Record<string, number>, name: string) => {
    where[name] = (where[name] ?? 0) + 1
  }
  const usable = () => company.devices.filter(({ isUsable }) => isUsable)

  async function changing(): Promise<void> {
    while (changed < parts.changes) {
      const name = chance.pick(names)
      const devices = usable()
      const actor = devices.length === 0 ? undefined : chance.pick(devices)
      const call = actor === undefined ? undefined : begin(() => changes[name]![1](actor))
      if (call === undefined) {
        await sleep(1)
        continue
      }
      const holds = name === 'link' || name === 'revoke'
      if (holds) held.add(actor!)
      try {
        await call
        changed++
        count(counts.changes, name)
      } catch (error) {
        count(counts.refusals, reasonOf(error))
      }
      if (holds) held.delete(actor!)
    }
  }

  async function sending(): Promise<void> {
    while (texts < parts.messages) {
      // As many messages as changes, in proportion, so that they meet.
      if (texts > (changed / parts.changes) * parts.messages + burstMax * sendLanes) {
        await sleep(5)
        continue
      }
      const devices = usable()
      const device = devices.length === 0 ? undefined : chance.pick(devices)
      const chats = device?.active ?? []
      if (device === undefined || chats.length === 0) {
        await sleep(2)
        continue
      }
      const chat = chance.pick(chats)
      for (let left = 1 + chance.below(burstMax); left > 0 && texts < parts.messages; left--) {
        const text = `text ${++texts} `.padEnd(chance.below(300), '.')
        const place = sends.push({ device: device.name, group: chat.id, text, id: undefined }) - 1
        try {
          const { id } = await chat.send(text)
          sends[place] = { ...sends[place]!, id }
        } catch (error) {
          count(counts.refusals, reasonOf(error))
        }
      }
    }
  }

  async function chaos(): Promise<void> {
    for (let next = 0; !isOver; ) {
      await sleep(2)
      // By what has been done and not by the clock: a slow machine has no worse network.
      if (texts < next) continue
      next = texts + chance.below(chaosTextsMax)
      const devices = usable().filter((device) => !held.has(device))
      if (devices.length === 0) continue
      const device = chance.pick(devices)
      const turn = chance.below(10)
      if (turn < 6) device.cut()
      else if (turn < 8) await device.lose(chance.below(downMsMax))
      else await device.restart()
      count(counts.chaos, turn < 6 ? 'cuts' : turn < 8 ? 'losses' : 'restarts')
    }
  }

  async function dying(): Promise<void> {
    for (const { at, isClean } of deaths) {
      while (changed < at * parts.changes) await sleep(5)
      await (isClean ? server.stop() : server.kill())
      await server.start()
      count(counts.chaos, isClean ? 'stops' : 'kills')
    }
  }

  async function all(): Promise<void> {
    const work = [...Array.from({ length: changeLanes }, changing), ...Array.from({ length: sendLanes }, sending), dying()]
    const disturbing = chaos()
    await Promise.race([Promise.all(work), disturbing.then(() => Promise.all(work))])
    isOver = true
    await disturbing
  }

  return { finished: all(), progress: () => counts }
}

/** What a call that fails at once would throw is told like any other refusal. */
function begin(call: () => Promise<void> | undefined): Promise<void> | undefined {
  try {
    return call()
  } catch (error) {
    return Promise.reject(error)
  }
}
