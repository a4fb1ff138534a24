import { type Answer, type Delivered, type DeviceName, digestOf, type PreKey, userOf } from '../history.ts'
import type { Seeded } from '../seeded.ts'

/**
 * A relay in a few lines that does what WIRE promises, in memory, one step at a time. The checker's own tests take their
 * good histories from it.
 */
export interface Model {
  connect(device: DeviceName, session: string): ModelSession
  send(session: ModelSession, message: ModelMessage): void
  ack(session: ModelSession, mailbox: string, seq: number): void
  ping(session: ModelSession): void
  /** Takes one frame that arrived, or sends one on. `false`: nothing to do. */
  step(): boolean
  join(group: string, user: string): void
  leave(group: string, user: string): void
  upload(device: DeviceName, keys: readonly PreKey[]): void
  claim(user: string): { readonly of: DeviceName; readonly key: PreKey | null }
  /** Acknowledgements that are not yet persisted are lost, unless the end is a clean one. */
  end(clean: boolean): void
  persist(): void
}

export interface ModelMessage {
  readonly id: string
  readonly to: string
  readonly scope: 'direct' | 'group'
  readonly target?: string
  readonly digest: string
}

export type ModelFrame =
  | ({ readonly type: 'accepted'; readonly id: string } & Answer)
  | { readonly type: 'refused'; readonly id: string; readonly code: string; readonly unknown: boolean }
  | { readonly type: 'pong' }
  | { readonly type: 'synced' }
  | { readonly type: 'entry'; readonly entry: Delivered }

export interface ModelSession {
  readonly device: DeviceName
  readonly session: string
  /** Frames on their way to the device. */
  readonly outbox: ModelFrame[]
  /** What the device has sent and the relay has not read. */
  readonly inbox: (() => void)[]
  /** How far each mailbox was sent. */
  readonly sent: Map<string, number>
  synced: boolean
}

interface Entry {
  readonly from: DeviceName | null
  readonly id: string
  readonly digest: string
  readonly receivedAt: number
}

interface Stay {
  readonly user: string
  readonly from: number
  to: number
}

export function createModel(devices: readonly DeviceName[], chance: Seeded, refusals: boolean): Model {
  const logs = new Map<string, Entry[]>()
  const answers = new Map<string, { mailbox: string; seq: number; receivedAt: number }>()
  const stays = new Map<string, Stay[]>()
  const keys = new Map<DeviceName, PreKey[]>()
  const cursors = new Map<string, number>()
  let persisted = new Map<string, number>()
  let sessions: ModelSession[] = []
  let receivedAt = 1_000

  function append(mailbox: string, from: DeviceName | null, id: string, digest: string): number {
    receivedAt += id.length % 2
    const log = logs.get(mailbox) ?? []
    logs.set(mailbox, log)
    log.push({ from, id, digest, receivedAt })
    return log.length
  }

  function accept(session: ModelSession, message: ModelMessage): ModelFrame {
    const key = `${session.device} ${message.id}`
    const known = answers.get(key)
    if (known !== undefined) return { type: 'accepted', id: message.id, ...known, duplicate: true }
    if (refusals && message.scope === 'group' && !openStay(message.to, userOf(session.device))) {
      return { type: 'refused', id: message.id, code: 'not_member', unknown: false }
    }
    if (refusals && chance.chance(0.02)) return { type: 'refused', id: message.id, code: 'mailbox_full', unknown: false }
    const fate = refusals ? chance.below(60) : 2
    // An unknown outcome: the message was not stored (0), or it was (1).
    if (fate === 0) return { type: 'refused', id: message.id, code: 'overloaded', unknown: true }
    const target = message.target === undefined ? '' : `/${message.target}`
    const mailbox = `${message.scope === 'group' ? 'g' : 'u'}-${message.to}${target}`
    const seq = append(mailbox, session.device, message.id, message.digest)
    const answer = { mailbox, seq, receivedAt }
    answers.set(key, answer)
    if (fate === 1) return { type: 'refused', id: message.id, code: 'internal', unknown: true }
    return { type: 'accepted', id: message.id, ...answer, duplicate: false }
  }

  function openStay(group: string, user: string): Stay | undefined {
    return stays.get(group)?.find((stay) => stay.user === user && stay.to === Infinity)
  }

  function readable(device: DeviceName): string[] {
    const user = userOf(device)
    const groups = [...stays].filter(([, each]) => each.some((stay) => stay.user === user)).map(([group]) => `g-${group}`)
    return [`u-${device}`, `u-${user}`, ...groups]
  }

  /** The next frame of a mailbox after `after`; numbers outside the device's stays are announced, or lie before the first. */
  function next(device: DeviceName, mailbox: string, after: number): Delivered | undefined {
    const log = logs.get(mailbox) ?? []
    const seq = after + 1
    const entry = log[seq - 1]
    if (entry === undefined) return undefined
    if (mailbox.startsWith('g-')) {
      const windows = (stays.get(mailbox.slice(2)) ?? []).filter((stay) => stay.user === userOf(device))
      if (!windows.some((stay) => stay.from < seq && seq <= stay.to)) {
        const later = windows.find((stay) => stay.from >= seq)
        if (later === undefined) return undefined
        if (later === windows[0]) return next(device, mailbox, later.from)
        return { type: 'gone', mailbox, seq, to: later.from, reason: 'notMember', frame: digestOf(`gone ${mailbox} ${seq}`) }
      }
    }
    const place = { mailbox, seq, receivedAt: entry.receivedAt }
    const whole = digestOf(JSON.stringify({ ...place, ...entry }))
    if (entry.from === null) return { type: 'other', ...place, frame: whole }
    const { id, from, digest } = entry
    if (from === device) return { type: 'own', ...place, id, frame: digestOf(`own ${JSON.stringify(place)}`) }
    return { type: 'msg', ...place, id, from, digest, frame: whole }
  }

  function deliver(session: ModelSession): boolean {
    for (const mailbox of readable(session.device)) {
      const cursor = cursors.get(`${session.device} ${mailbox}`) ?? 0
      const entry = next(session.device, mailbox, Math.max(session.sent.get(mailbox) ?? 0, cursor))
      if (entry === undefined) continue
      session.sent.set(mailbox, entry.type === 'gone' ? entry.to : entry.seq)
      session.outbox.push({ type: 'entry', entry })
      return true
    }
    if (session.synced) return false
    session.synced = true
    session.outbox.push({ type: 'synced' })
    return true
  }

  return {
    connect(device, session) {
      const opened: ModelSession = { device, session, outbox: [], inbox: [], sent: new Map(), synced: false }
      sessions = [...sessions.filter((each) => each.device !== device), opened]
      return opened
    },
    send(session, message) {
      session.inbox.push(() => session.outbox.push(accept(session, message)))
    },
    ack(session, mailbox, seq) {
      session.inbox.push(() => {
        const key = `${session.device} ${mailbox}`
        cursors.set(key, Math.max(cursors.get(key) ?? 0, seq))
      })
    },
    ping(session) {
      session.inbox.push(() => session.outbox.push({ type: 'pong' }))
    },
    step() {
      const busy = sessions.filter((each) => each.inbox.length > 0)
      if (busy.length > 0 && chance.chance(0.6)) {
        chance.pick(busy).inbox.shift()!()
        return true
      }
      return sessions.length > 0 && deliver(chance.pick(sessions))
    },
    join(group, user) {
      const seq = append(`g-${group}`, null, `join ${user}`, '')
      append(`u-${user}`, null, `join ${group}`, '')
      stays.set(group, [...(stays.get(group) ?? []), { user, from: seq, to: Infinity }])
    },
    leave(group, user) {
      const stay = openStay(group, user)
      const seq = append(`g-${group}`, null, `leave ${user}`, '')
      append(`u-${user}`, null, `leave ${group}`, '')
      if (stay !== undefined) stay.to = seq
    },
    upload(device, uploaded) {
      keys.set(device, [...(keys.get(device) ?? []), ...uploaded])
    },
    claim(user) {
      const of = devices.find((device) => userOf(device) === user)!
      return { of, key: keys.get(of)?.shift() ?? null }
    },
    persist() {
      persisted = new Map(cursors)
    },
    end(clean) {
      sessions = []
      if (clean) persisted = new Map(cursors)
      cursors.clear()
      for (const [key, seq] of persisted) cursors.set(key, seq)
    },
  }
}
