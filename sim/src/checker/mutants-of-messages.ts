import type { HistoryEvent } from '../history.ts'
import { type Facts, mayRead, mustRead, type Show, sendKey } from './facts.ts'
import { accepted, insertAt, isOf, type Mutant, type MutantWorld, one, replaceAt, without } from './mutation.ts'

type Deliver = Extract<HistoryEvent, { event: 'deliver' }>
type Msg = Extract<Deliver, { type: 'msg' }>

/** What goes wrong with messages, under the name of the invariant that must see it. */
export const messageMutants: Record<string, Record<string, Mutant>> = {
  'no-loss': {
    'a device never shows an accepted message': ({ events, facts, chance }) => {
      const show = one(chance, owed(facts))
      return without(events, (_, index) => index === show.index)
    },
    'a message is lost with its deliveries, for one device': ({ events, facts, chance }) => {
      const send = one(
        chance,
        accepted(facts).filter((each) => facts.end!.devices.some((device) => mustRead(facts, device, each))),
      )
      const device = one(
        chance,
        facts.end!.devices.filter((each) => mustRead(facts, each, send)),
      )
      return without(events, (event) => isOf(event, send) && 'device' in event && event.device === device)
    },
    'a message is lost for everybody': ({ events, facts, chance }) => {
      const send = one(
        chance,
        accepted(facts).filter((each) => facts.end!.devices.some((device) => mustRead(facts, device, each))),
      )
      return without(events, (event) => isOf(event, send))
    },
    'a lost message is called gone': ({ events, facts, chance }) => {
      const show = one(chance, owed(facts))
      const { mailbox, seq, device } = show
      return without(events, (_, index) => index === show.index).map((event) =>
        event.event === 'deliver' && event.device === device && event.mailbox === mailbox && event.seq === seq
          ? { at: event.at, event: 'deliver', device, session: event.session, ...gone(mailbox, seq, seq) }
          : event,
      )
    },
  },
  'shown-once': {
    'a message is shown twice at once': ({ events, facts, chance }) => {
      const show = one(chance, facts.shows)
      return insertAt(events, show.index + 1, show)
    },
    'a redelivered message is shown again': ({ events, facts, chance }) => {
      const show = one(chance, facts.shows)
      const again = facts.deliveries.filter((each) => each.index > show.index + 1 && isSameMessage(each, show))
      return insertAt(events, one(chance, again).index + 1, show)
    },
    'a resend is stored and shown a second time': ({ events, facts, chance }) => {
      const show = one(chance, facts.shows)
      const seq = Math.max(...facts.deliveries.filter((each) => each.mailbox === show.mailbox).map((each) => each.seq)) + 1
      return insertAt(events, show.index + 1, { ...show, seq })
    },
  },
  'no-invention': {
    'a message is shown that nobody sent': ({ events, facts, chance }) => {
      const show = one(chance, facts.shows)
      return insertAt(events, show.index, { ...show, id: 'invented' })
    },
    "a message is shown under another sender's name": ({ events, facts, chance }) => {
      const show = one(
        chance,
        facts.shows.filter((each) => each.from !== 'di/phone'),
      )
      return replaceAt(events, show.index, { ...show, from: 'di/phone' })
    },
    'a message is shown before it was sent': ({ events, facts, chance }) => {
      const show = one(chance, facts.shows)
      const { index } = facts.sends.get(sendKey(show.from, show.id))!
      return insertAt(
        without(events, (_, each) => each === show.index),
        index,
        show,
      )
    },
  },
  'no-refused-shown': {
    'a refused message is shown': ({ events, facts, chance }) => {
      const send = one(
        chance,
        [...facts.sends.values()].filter((each) => each.fails === each.attempts),
      )
      const { index, ...show } = one(
        chance,
        facts.shows.filter((each) => each.index > send.index),
      )
      return insertAt(events, events.length - 1, { ...show, from: send.device, id: send.id, digest: send.digest })
    },
  },
  'content-intact': {
    'a message is shown changed': ({ events, facts, chance }) => {
      const show = one(chance, facts.shows)
      return replaceAt(events, show.index, { ...show, digest: 'changed' })
    },
    'a message is changed for everybody': ({ events, facts, chance }) => {
      const shown = one(chance, facts.shows)
      const send = facts.sends.get(sendKey(shown.from, shown.id))!
      return events.map((event) => (isOf(event, send) ? ({ ...event, digest: 'changed' } as HistoryEvent) : event))
    },
  },
  'right-reader': {
    'a direct message reaches a stranger': (world) =>
      misdirected(world, (delivery) => delivery.mailbox.startsWith('u-') && !delivery.mailbox.includes('/')),
    'a group message reaches somebody outside': (world) => misdirected(world, (delivery) => delivery.mailbox.startsWith('g-')),
    'a message for one device reaches the other': (world) => misdirected(world, (delivery) => delivery.mailbox.includes('/')),
    'a group message reaches somebody who had left': ({ events, facts, chance }) => {
      const stays = facts.members.get('pair')!.filter((stay) => stay.left !== Infinity)
      const afterwards = stays.flatMap((stay) => {
        const device = `${stay.user}/phone`
        const sent = accepted(facts).filter(
          (send) => send.to === 'pair' && send.index > stay.left && !mayRead(facts, device, send),
        )
        return sent.map((send) => ({ device, send }))
      })
      const { device, send } = one(chance, afterwards)
      const delivery = one(
        chance,
        facts.deliveries.filter((each) => isOf(each, send)),
      )
      return insertAt(events, delivery.index, { ...delivery, device, session: `session of ${device}` })
    },
  },
  'own-place': {
    "a device is given its own message as another's": ({ events, facts, chance }) => {
      const own = one(
        chance,
        facts.deliveries.filter((each) => each.type === 'own'),
      )
      const { id, receivedAt } = own
      const { digest } = facts.sends.get(sendKey(own.device, id))!
      return replaceAt(events, own.index, { ...own, type: 'msg', from: own.device, id, digest, receivedAt })
    },
    "another's message is passed off as the device's own": ({ events, facts, chance }) => {
      const delivery = one(
        chance,
        facts.deliveries.filter((each): each is Msg & { index: number } => each.type === 'msg'),
      )
      const { id, receivedAt } = delivery
      return replaceAt(events, delivery.index, { ...delivery, type: 'own', id: `${id} of another`, receivedAt })
    },
  },
  'shown-as-delivered': {
    'a message is shown that never came': ({ events, facts, chance }) => {
      const show = one(chance, facts.shows)
      return without(events, (event) => event.event === 'deliver' && isSameMessage(event, show))
    },
    'a message is shown at another place': ({ events, facts, chance }) => {
      const show = one(chance, facts.shows)
      return replaceAt(events, show.index, { ...show, seq: show.seq + 1 })
    },
  },
}

/** Shows without which a message would be lost. */
function owed(facts: Facts): Show[] {
  return facts.shows.filter((show) => mustRead(facts, show.device, facts.sends.get(sendKey(show.from, show.id))!))
}

function gone(mailbox: string, seq: number, to: number) {
  return { type: 'gone', mailbox, seq, to, reason: 'limit', frame: `gone ${mailbox} ${seq}` } as const
}

function isSameMessage(event: Deliver, show: { readonly device: string; readonly from: string; readonly id: string }): boolean {
  return event.type === 'msg' && event.device === show.device && event.from === show.from && event.id === show.id
}

/** One more delivery of a message, to a device that may not read it. */
function misdirected({ events, facts, chance }: MutantWorld, which: (delivery: Msg) => boolean): HistoryEvent[] {
  const delivery = one(
    chance,
    facts.deliveries.filter((each): each is Msg & { index: number } => each.type === 'msg' && which(each)),
  )
  const send = facts.sends.get(sendKey(delivery.from, delivery.id))!
  const device = one(
    chance,
    [...facts.devices.keys()].filter((each) => each !== delivery.from && !mayRead(facts, each, send)),
  )
  return insertAt(events, delivery.index + 1, { ...delivery, device, session: `session of ${device}` })
}
