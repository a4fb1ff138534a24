import { type Answer, type DeviceName, type HistoryEvent, userOf } from '../history.ts'

/** A history, indexed once. An `index` is the place of an event in the history: less means seen earlier. */
export interface Facts {
  readonly events: readonly HistoryEvent[]
  /** In the order of their first attempts. */
  readonly sends: ReadonlyMap<string, Send>
  /** Index from which the device was certainly known to the server. */
  readonly devices: ReadonlyMap<DeviceName, number>
  readonly members: ReadonlyMap<string, readonly Membership[]>
  readonly deliveries: readonly Delivery[]
  readonly shows: readonly Show[]
  readonly end: End | undefined
}

/** A message as its sender knows it: all attempts under one id. */
export interface Send {
  readonly device: DeviceName
  readonly id: string
  readonly to: string
  readonly scope: 'direct' | 'group'
  readonly target: string | undefined
  readonly digest: string
  /** Index of the first attempt. */
  readonly index: number
  attempts: number
  fails: number
  /** Attempts that were answered with an error of unknown outcome, as opposed to cut off. */
  unknownAnswers: number
  /** Attempts whose answer never came. */
  cuts: number
  readonly answers: (Answer & { readonly index: number })[]
  /** Error codes that came after an answer. */
  readonly refusedAfter: string[]
}

/** A stay in a group, from `joining` to `left`; certain from `joined` until `leaving`. */
export interface Membership {
  readonly user: string
  readonly joining: number
  joined: number
  leaving: number
  left: number
}

export type Delivery = Extract<HistoryEvent, { event: 'deliver' }> & { readonly index: number }
export type Show = Extract<HistoryEvent, { event: 'show' }> & { readonly index: number }
export type End = Extract<HistoryEvent, { event: 'end' }> & { readonly index: number }

/** Something that must not be: which invariant, and what was seen. */
export interface Violation {
  readonly invariant: string
  readonly detail: string
}

/** An invariant: all its violations in a history. */
export type Invariant = (facts: Facts) => Iterable<string>

export function sendKey(device: DeviceName, id: string): string {
  return `${device} ${id}`
}

export function positionKey(mailbox: string, seq: number): string {
  return `${mailbox}:${seq}`
}

export function factsOf(events: readonly HistoryEvent[]): Facts {
  const sends = new Map<string, Send>()
  const devices = new Map<DeviceName, number>()
  const members = new Map<string, Membership[]>()
  const deliveries: Delivery[] = []
  const shows: Show[] = []
  let end: End | undefined

  events.forEach((event, index) => {
    if (event.event === 'device') devices.set(event.device, index)
    else if (event.event === 'member') noteMember(members, event, index)
    else if (event.event === 'deliver') deliveries.push({ ...event, index })
    else if (event.event === 'show') shows.push({ ...event, index })
    else if (event.event === 'end') end = { ...event, index }
    else if ('op' in event && event.op === 'send') noteSend(sends, event, index)
  })
  return { events, sends, devices, members, deliveries, shows, end }
}

function noteSend(sends: Map<string, Send>, event: Extract<HistoryEvent, { op: 'send' }>, index: number): void {
  const key = sendKey(event.device, event.id)
  if (event.event === 'invoke') {
    const { device, id, to, scope, target, digest } = event
    const known = sends.get(key)
    if (known !== undefined) known.attempts++
    else {
      const first = { device, id, to, scope, target, digest, index }
      sends.set(key, { ...first, attempts: 1, fails: 0, unknownAnswers: 0, cuts: 0, answers: [], refusedAfter: [] })
    }
    return
  }
  const send = sends.get(key)
  if (send === undefined) throw new Error(`event ${index}: an outcome of ${key} without an attempt`)
  if (event.event === 'ok') send.answers.push({ ...event, index })
  else if (event.event === 'fail') {
    send.fails++
    if (send.answers.length > 0) send.refusedAfter.push(event.code)
  } else if (event.reason === 'cut') send.cuts++
  else send.unknownAnswers++
}

function noteMember(members: Map<string, Membership[]>, event: Extract<HistoryEvent, { event: 'member' }>, index: number): void {
  const stays = members.get(event.group) ?? []
  members.set(event.group, stays)
  if (event.state === 'joining') {
    stays.push({ user: event.user, joining: index, joined: Infinity, leaving: Infinity, left: Infinity })
    return
  }
  const stay = stays.findLast((each) => each.user === event.user)
  if (stay === undefined) throw new Error(`event ${index}: ${event.user} is ${event.state} without joining`)
  stay[event.state] = index
}

/** May the device have been given the message, as far as the sender's order of events tells? */
export function mayRead(facts: Facts, device: DeviceName, send: Send): boolean {
  if (send.scope === 'direct') return userOf(device) === send.to && isTarget(device, send)
  const accepted = send.answers[0]?.index ?? Infinity
  const stays = facts.members.get(send.to) ?? []
  return stays.some((stay) => stay.user === userOf(device) && stay.joining < accepted && stay.left > send.index)
}

/** Must the device be given the message, whatever happens? Devices do not show what they sent themselves. */
export function mustRead(facts: Facts, device: DeviceName, send: Send): boolean {
  const known = facts.devices.get(device) ?? Infinity
  const accepted = send.answers[0]?.index
  if (accepted === undefined || device === send.device || known > send.index) return false
  if (send.scope === 'direct') return userOf(device) === send.to && isTarget(device, send)
  const stays = facts.members.get(send.to) ?? []
  return stays.some((stay) => stay.user === userOf(device) && stay.joined < send.index && stay.leaving > accepted)
}

function isTarget(device: DeviceName, send: Send): boolean {
  return send.target === undefined || device === `${send.to}/${send.target}`
}
