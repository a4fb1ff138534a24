import type { HistoryEvent } from '../history.ts'
import { type Delivery, sendKey } from './facts.ts'
import { accepted, insertAt, type Mutant, type MutantWorld, moved, one, pairs, replaceAt, swapped, without } from './mutation.ts'

/** What goes wrong with numbers, order and cursors, under the name of the invariant that must see it. */
export const orderMutants: Record<string, Record<string, Mutant>> = {
  'one-content': {
    'two devices are given different bytes for a number': (world) => otherBytes(world, (a, b) => a.device !== b.device),
    'a redelivery brings different bytes': (world) => otherBytes(world, (a, b) => a.device === b.device),
  },
  'one-position': {
    'a number is used twice': ({ events, facts, chance }) => {
      const [a, b] = one(chance, pairs(facts))
      const { mailbox, seq, receivedAt } = a.answers[0]!
      return events.map((event) =>
        event.event === 'ok' && event.op === 'send' && event.device === b.device && event.id === b.id
          ? { ...event, mailbox, seq, receivedAt }
          : event,
      )
    },
    'accepted at another number than delivered': (world) => otherAnswer(world, (answer) => ({ seq: answer.seq + 1 })),
    'accepted in another mailbox than delivered': (world) => otherAnswer(world, (answer) => ({ mailbox: `${answer.mailbox}x` })),
    'accepted at another time than delivered': (world) => otherAnswer(world, (answer) => ({ receivedAt: answer.receivedAt + 1 })),
    'two devices are given a message at different numbers': ({ events, facts, chance }) => {
      const delivery = one(
        chance,
        twice(facts.deliveries, (a, b) => a.device !== b.device),
      )
      return replaceAt(events, delivery.index, { ...delivery, seq: delivery.seq + 1 })
    },
  },
  'same-answer': {
    'a resend is accepted at another number': (world) => otherSecondAnswer(world, (answer) => ({ seq: answer.seq + 1 })),
    'a resend is accepted at another time': (world) =>
      otherSecondAnswer(world, (answer) => ({ receivedAt: answer.receivedAt + 1 })),
    'a resend is refused': ({ events, facts, chance }) => {
      const answer = one(
        chance,
        accepted(facts).filter((each) => each.answers.length > 1),
      ).answers[1]!
      const { device, id } = events[answer.index] as Accepted
      return replaceAt(events, answer.index, { at: 0, event: 'fail', op: 'send', device, id, code: 'id_conflict' })
    },
    'a resend is taken for new': (world) => otherSecondAnswer(world, () => ({ duplicate: false })),
  },
  'gapless-mailboxes': {
    'a number is never given to anything': ({ events, facts, chance }) => {
      const announced = new Set(facts.deliveries.filter((each) => each.type === 'gone').map((each) => each.mailbox))
      const whole = pairs(facts).filter(([, send]) => !announced.has(send.answers[0]!.mailbox))
      const { mailbox, seq } = one(chance, whole)[1].answers[0]!
      return moved(events, (at) => (at.mailbox === mailbox && at.seq >= seq ? { ...at, seq: at.seq + 1 } : at))
    },
    'a mailbox begins at 2': ({ events, facts, chance }) => {
      const { mailbox } = one(
        chance,
        accepted(facts).filter((send) => send.scope === 'direct'),
      ).answers[0]!
      return moved(events, (at) => (at.mailbox === mailbox ? { ...at, seq: at.seq + 1 } : at))
    },
  },
  'gapless-sessions': {
    'a delivery is left out': ({ events, facts, chance }) => {
      const [first] = one(chance, neighbours(events, facts.deliveries))
      return without(events, (_, index) => index === first.index)
    },
    'numbers that will not come are not announced': ({ events, facts, chance }) => {
      const gone = one(
        chance,
        facts.deliveries.filter((each) => each.type === 'gone'),
      )
      const { device, mailbox, seq } = gone
      const again = (each: HistoryEvent) =>
        (each.event === 'deliver' &&
          each.type === 'gone' &&
          each.device === device &&
          each.mailbox === mailbox &&
          each.seq === seq) ||
        ('op' in each && each.op === 'ack' && each.device === device && each.mailbox === mailbox && each.seq === gone.to)
      if (!facts.deliveries.some((each) => each.device === device && each.mailbox === mailbox && each.seq === gone.to + 1)) {
        return one(chance, [])
      }
      return without(events, again)
    },
    'two deliveries change places': ({ events, facts, chance }) => {
      const [first, second] = one(chance, neighbours(events, facts.deliveries))
      return replaceAt(replaceAt(events, first.index, second), second.index, first)
    },
    'a delivery is repeated within a session': ({ events, facts, chance }) => {
      const delivery = one(chance, facts.deliveries)
      return insertAt(events, delivery.index + 1, delivery)
    },
    'a session begins beyond what was acknowledged': ({ events, facts, chance }) => {
      const first = one(chance, firstUnacked(events, facts.deliveries))
      return without(events, (_, index) => index === first.index)
    },
  },
  'time-rises': {
    'the time of receipt falls': ({ events, facts, chance }) => {
      const late = one(
        chance,
        facts.deliveries.filter((each) => each.type !== 'gone' && each.seq > 3 && hasEarlier(facts.deliveries, each)),
      )
      return moved(events, (at) => (at.mailbox === late.mailbox && at.seq === late.seq ? { ...at, receivedAt: 1 } : at))
    },
  },
  'sender-order': {
    'two messages of a sender change places': ({ events, facts, chance }) => {
      if ([...facts.sends.values()].some((send) => send.fails > 0 || send.unknownAnswers > 0)) return one(chance, [])
      return swapped(
        events,
        ...one(
          chance,
          pairs(facts).filter(([a, b]) => a.device === b.device),
        ),
      )
    },
  },
  'real-time-order': {
    'a message overtakes one that was accepted before it was sent': ({ events, facts, chance }) =>
      swapped(
        events,
        ...one(
          chance,
          pairs(facts).filter(([a, b]) => a.device !== b.device && a.answers[0]!.index < b.index),
        ),
      ),
  },
  'show-order': {
    'two messages are shown in the wrong order': ({ events, facts, chance }) => {
      const couples = facts.shows.flatMap((a) =>
        facts.shows
          .filter((b) => b.device === a.device && b.mailbox === a.mailbox && b.index > a.index)
          .map((b) => [a, b] as const),
      )
      const [a, b] = one(chance, couples)
      return replaceAt(replaceAt(events, a.index, b), b.index, a)
    },
  },
  'cursor-forward': {
    'what was acknowledged comes again in the next session': (world) => redelivered(world, (between) => !between.some(isEnd)),
    'a clean stop loses acknowledgements': (world) =>
      redelivered(
        world,
        (between) => between.some((event) => event.event === 'stop') && !between.some((event) => event.event === 'crash'),
      ),
    'a crash loses acknowledgements that are long on disk': (world) => {
      const slow = world.events.map((event) => ({ ...event, at: event.at * 1_000 }))
      return redelivered(
        { ...world, events: slow },
        (between) => between[0]!.event !== 'crash' && between.some((event) => event.event === 'crash'),
      )
    },
  },
}

function isEnd(event: HistoryEvent): boolean {
  return event.event === 'crash' || event.event === 'stop'
}

/** The later of two deliveries of one message. */
function twice(deliveries: readonly Delivery[], which: (a: Delivery, b: Delivery) => boolean): Delivery[] {
  return deliveries.filter(
    (b) =>
      b.type === 'msg' &&
      deliveries.some((a) => a.type === 'msg' && a.index < b.index && a.mailbox === b.mailbox && a.seq === b.seq && which(a, b)),
  )
}

function otherBytes({ events, facts, chance }: MutantWorld, which: (a: Delivery, b: Delivery) => boolean): HistoryEvent[] {
  const delivery = one(chance, twice(facts.deliveries, which))
  return replaceAt(events, delivery.index, { ...delivery, frame: 'other bytes' })
}

type Accepted = Extract<HistoryEvent, { event: 'ok'; op: 'send' }>

function otherAnswer({ events, facts, chance }: MutantWorld, change: (answer: Accepted) => Partial<Accepted>): HistoryEvent[] {
  const { from, id } = one(
    chance,
    facts.shows.filter((show) => facts.sends.get(sendKey(show.from, show.id))!.answers.length > 0),
  )
  return events.map((event) =>
    event.event === 'ok' && event.op === 'send' && event.device === from && event.id === id
      ? { ...event, ...change(event) }
      : event,
  )
}

function otherSecondAnswer(
  { events, facts, chance }: MutantWorld,
  change: (answer: Accepted) => Partial<Accepted>,
): HistoryEvent[] {
  const send = one(
    chance,
    accepted(facts).filter((each) => each.answers.length > 1),
  )
  const { index } = send.answers[1]!
  const answer = events[index] as Accepted
  return replaceAt(events, index, { ...answer, ...change(answer) })
}

/** Two deliveries of a session that follow each other in a mailbox, with no acknowledgement of the device before the second. */
function neighbours(events: readonly HistoryEvent[], deliveries: readonly Delivery[]): [Delivery, Delivery][] {
  const found: [Delivery, Delivery][] = []
  const last = new Map<string, Delivery>()
  for (const each of deliveries) {
    const key = `${each.session} ${each.mailbox}`
    const before = last.get(key)
    last.set(key, each)
    const third = last.get(`${key} before`)
    if (before !== undefined) last.set(`${key} before`, before)
    if (before === undefined || third === undefined || before.type === 'gone' || each.type === 'gone') continue
    if (!ackedUpTo(events, each.device, each.mailbox, before.seq, each.index)) found.push([before, each])
  }
  return found
}

/** First deliveries of later sessions, followed by another, of a device that has acknowledged something, but not these. */
function firstUnacked(events: readonly HistoryEvent[], deliveries: readonly Delivery[]): Delivery[] {
  const seen = new Set<string>()
  return deliveries.filter((each) => {
    const key = `${each.session} ${each.mailbox}`
    if (seen.has(key)) return false
    seen.add(key)
    const next = deliveries.find(
      (later) => later.index > each.index && later.session === each.session && later.mailbox === each.mailbox,
    )
    return (
      each.type !== 'gone' &&
      next !== undefined &&
      ackedUpTo(events, each.device, each.mailbox, 1, each.index) &&
      !ackedUpTo(events, each.device, each.mailbox, each.seq, next.index)
    )
  })
}

function ackedUpTo(events: readonly HistoryEvent[], device: string, mailbox: string, seq: number, before: number): boolean {
  return events
    .slice(0, before)
    .some(
      (event) => 'op' in event && event.op === 'ack' && event.device === device && event.mailbox === mailbox && event.seq >= seq,
    )
}

function hasEarlier(deliveries: readonly Delivery[], late: Delivery): boolean {
  return deliveries.some((each) => each.mailbox === late.mailbox && each.seq < late.seq && each.type !== 'gone')
}

/** Delivers once more, at the beginning of a session, what was acknowledged before it. */
function redelivered({ events, chance }: MutantWorld, which: (between: readonly HistoryEvent[]) => boolean): HistoryEvent[] {
  const found: [number, HistoryEvent][] = []
  events.forEach((ack, acked) => {
    if (ack.event !== 'ok' || ack.op !== 'ack') return
    const began = events.findIndex((event) => event.event === 'connect' && event.session === ack.session)
    events.forEach((connect, connected) => {
      if (connect.event !== 'connect' || connect.device !== ack.device || connected < acked) return
      // Nothing but the wanted end may lie between, and the acknowledgement must speak of its own life.
      if (events.slice(began, acked).some(isEnd) || !which(events.slice(acked, connected))) return
      const { device, mailbox, seq } = ack
      const again = events.find(
        (event) => event.event === 'deliver' && event.device === device && event.mailbox === mailbox && event.seq === seq,
      )
      if (again !== undefined) found.push([connected + 1, { ...again, session: connect.session, at: connect.at } as HistoryEvent])
    })
  })
  return insertAt(events, ...one(chance, found))
}
