import type { HistoryEvent } from '../history.ts'
import { type Facts, positionKey, sendKey } from './facts.ts'

/** A number of a mailbox stands for the same bytes, for every device and at every redelivery. */
export function* oneContent(facts: Facts): Iterable<string> {
  const frames = new Map<string, string>()
  for (const delivery of facts.deliveries) {
    if (delivery.type === 'gone') continue
    // The device's own entries are told in short: a frame of their own, which must not change either.
    const key = `${positionKey(delivery.mailbox, delivery.seq)}${delivery.type === 'own' ? ' own' : ''}`
    const frame = frames.get(key)
    if (frame !== undefined && frame !== delivery.frame) yield `${key} is ${frame}, then ${delivery.frame} to ${delivery.device}`
    frames.set(key, delivery.frame)
  }
}

/** A message has one position: the answers and the deliveries agree on mailbox, number and time. */
export function* onePosition(facts: Facts): Iterable<string> {
  const positions = new Map<string, string>()
  const owners = new Map<string, string>()
  for (const { key, mailbox, seq, receivedAt } of positionsSeen(facts)) {
    const position = `${positionKey(mailbox, seq)} (${receivedAt})`
    const known = positions.get(key)
    if (known !== undefined && known !== position) yield `${key} stands at ${known} and at ${position}`
    positions.set(key, position)
    const owner = owners.get(positionKey(mailbox, seq))
    if (owner !== undefined && owner !== key) yield `${positionKey(mailbox, seq)} stands for ${owner} and for ${key}`
    owners.set(positionKey(mailbox, seq), key)
  }
}

interface Seen {
  readonly key: string
  readonly mailbox: string
  readonly seq: number
  readonly receivedAt: number
}

function* positionsSeen(facts: Facts): Iterable<Seen> {
  for (const [key, send] of facts.sends) for (const answer of send.answers) yield { ...answer, key }
  for (const each of facts.deliveries) {
    if (each.type === 'msg') yield { ...each, key: sendKey(each.from, each.id) }
    else if (each.type === 'own') yield { ...each, key: sendKey(each.device, each.id) }
  }
}

/** Once the answer to an id was seen, every later one repeats it and says so. */
export function* sameAnswer(facts: Facts): Iterable<string> {
  for (const [key, { answers, refusedAfter }] of facts.sends) {
    for (const code of refusedAfter) yield `${key} was accepted, then refused with ${code}`
    const [first, ...later] = answers
    if (first === undefined) continue
    for (const answer of later) {
      const same = answer.mailbox === first.mailbox && answer.seq === first.seq && answer.receivedAt === first.receivedAt
      if (!same) {
        const places = [first, answer].map(({ mailbox, seq, receivedAt }) => `${positionKey(mailbox, seq)} (${receivedAt})`)
        yield `${key} was answered ${places.join(', then ')}`
      }
      if (!answer.duplicate) yield `${key} was accepted twice as if it were new`
    }
  }
}

/**
 * Everything that was ever numbered in a mailbox: 1 to n without a hole. A group's own first entry is its creation, which
 * comes before everybody's joining: nobody reads it there. A mailbox that holds a direct message is no group's.
 */
export function* gaplessMailboxes(facts: Facts): Iterable<string> {
  const ranges = new Map<string, [number, number][]>()
  const direct = new Set<string>()
  function note(mailbox: string, from: number, to: number): void {
    const known = ranges.get(mailbox)
    if (known === undefined) ranges.set(mailbox, [[from, to]])
    else known.push([from, to])
  }
  for (const send of facts.sends.values()) {
    for (const { mailbox, seq } of send.answers) {
      note(mailbox, seq, seq)
      if (send.scope === 'direct') direct.add(mailbox)
    }
  }
  for (const each of facts.deliveries) note(each.mailbox, each.seq, each.type === 'gone' ? each.to : each.seq)
  for (const [mailbox, known] of ranges) {
    let next = direct.has(mailbox) ? 1 : 2
    for (const [from, to] of known.sort((a, b) => a[0] - b[0])) {
      if (from > next) yield `${mailbox} has nothing from ${next} to ${from - 1}`
      next = Math.max(next, to + 1)
    }
  }
}

/** The store's time never falls as the numbers of a mailbox rise. */
export function* timeRises(facts: Facts): Iterable<string> {
  const times = new Map<string, Map<number, number>>()
  for (const each of facts.deliveries) {
    if (each.type === 'gone') continue
    const known = times.get(each.mailbox) ?? new Map<number, number>()
    times.set(each.mailbox, known.set(each.seq, each.receivedAt))
  }
  for (const [mailbox, known] of times) {
    let latest = 0
    for (const [seq, receivedAt] of [...known].sort((a, b) => a[0] - b[0])) {
      if (receivedAt < latest) yield `${positionKey(mailbox, seq)} was received at ${receivedAt}, after ${latest}`
      latest = Math.max(latest, receivedAt)
    }
  }
}

/**
 * Within a session the numbers of a mailbox rise one by one. Only what `gone` announces, or what the device itself has
 * acknowledged, may be passed over.
 */
export function* gaplessSessions(facts: Facts): Iterable<string> {
  const acked = new Map<string, number>()
  const last = new Map<string, number>()
  for (const event of facts.events) {
    if (isAckInvoked(event)) {
      const key = `${event.device} ${event.mailbox}`
      acked.set(key, Math.max(acked.get(key) ?? 0, event.seq))
    } else if (event.event === 'deliver') {
      const key = `${event.device} ${event.mailbox}`
      const inSession = `${event.session} ${event.mailbox}`
      const before = last.get(inSession)
      const known = acked.get(key)
      // What a device reads of a mailbox begins where the device does: the first frame ever says where.
      const reached = Math.max(before ?? 0, known ?? 0)
      if (before !== undefined && event.seq <= before) {
        yield `${event.device} got ${positionKey(event.mailbox, event.seq)} after ${before} in session ${event.session}`
      }
      if ((before !== undefined || known !== undefined) && event.seq > reached + 1) {
        yield `${event.device} got ${positionKey(event.mailbox, event.seq)} after ${reached} in session ${event.session}`
      }
      last.set(inSession, event.type === 'gone' ? event.to : event.seq)
    }
  }
}

function isAckInvoked(event: HistoryEvent): event is Extract<HistoryEvent, { op: 'ack' }> {
  return event.event === 'invoke' && event.op === 'ack'
}
