import { type Facts, mayRead, mustRead, positionKey, sendKey } from './facts.ts'

/** Every accepted message is shown by every device that was entitled to it and is alive at the end. */
export function* noLoss(facts: Facts): Iterable<string> {
  const shown = new Set(facts.shows.map((show) => `${show.device} <- ${sendKey(show.from, show.id)}`))
  const alive = facts.end?.devices ?? []
  for (const [key, send] of facts.sends) {
    for (const device of alive) {
      if (mustRead(facts, device, send) && !shown.has(`${device} <- ${key}`)) {
        const { mailbox, seq } = send.answers[0]!
        yield `${device} never showed ${key}, accepted at ${positionKey(mailbox, seq)}`
      }
    }
  }
}

/** A device shows a message at most once, through retries, resends, redeliveries and restarts. */
export function* shownOnce(facts: Facts): Iterable<string> {
  const shown = new Set<string>()
  for (const show of facts.shows) {
    const key = `${show.device} <- ${sendKey(show.from, show.id)}`
    if (shown.has(key)) yield `${key} again at ${positionKey(show.mailbox, show.seq)}`
    shown.add(key)
  }
}

/** Nothing is shown that nobody sent, or under another sender's name. */
export function* noInvention(facts: Facts): Iterable<string> {
  for (const show of facts.shows) {
    const send = facts.sends.get(sendKey(show.from, show.id))
    if (send === undefined || send.index > show.index) yield `${show.device} showed ${sendKey(show.from, show.id)}, not sent`
  }
}

/** Nothing is shown whose every attempt was refused for certain. */
export function* noRefusedShown(facts: Facts): Iterable<string> {
  for (const show of facts.shows) {
    const send = facts.sends.get(sendKey(show.from, show.id))
    if (send !== undefined && send.fails > 0 && send.fails === send.attempts) {
      yield `${show.device} showed ${sendKey(show.from, show.id)}, refused ${send.fails} times of ${send.attempts}`
    }
  }
}

/** What is shown is what was sent, byte for byte. */
export function* contentIntact(facts: Facts): Iterable<string> {
  for (const show of facts.shows) {
    const send = facts.sends.get(sendKey(show.from, show.id))
    if (send !== undefined && send.digest !== show.digest) yield `${show.device} showed ${sendKey(show.from, show.id)} changed`
  }
}

/** Messages reach only devices of the recipient, or of the group's members. */
export function* rightReader(facts: Facts): Iterable<string> {
  for (const delivery of facts.deliveries) {
    if (delivery.type !== 'msg') continue
    const send = facts.sends.get(sendKey(delivery.from, delivery.id))
    if (send !== undefined && !mayRead(facts, delivery.device, send)) {
      yield `${delivery.device} was given ${sendKey(delivery.from, delivery.id)}, which went to ${send.to}`
    }
  }
}

/** A device's own messages stand as `own` in their place, and only there. */
export function* ownPlace(facts: Facts): Iterable<string> {
  for (const delivery of facts.deliveries) {
    if (delivery.type === 'msg' && delivery.from === delivery.device) {
      yield `${delivery.device} was given its own ${delivery.id} as a message`
    }
    if (delivery.type === 'own' && !facts.sends.has(sendKey(delivery.device, delivery.id))) {
      yield `${delivery.device} was told of ${delivery.id} as its own, which it never sent`
    }
  }
}

/** A show stands for a frame that the device was given just so. */
export function* shownAsDelivered(facts: Facts): Iterable<string> {
  const delivered = new Map<string, number>()
  for (const each of facts.deliveries) {
    if (each.type !== 'msg') continue
    const key = showKey(each.device, each)
    if (!delivered.has(key)) delivered.set(key, each.index)
  }
  for (const show of facts.shows) {
    const index = delivered.get(showKey(show.device, show))
    if (index === undefined || index > show.index) yield `${showKey(show.device, show)} was shown, not delivered`
  }
}

interface Shown {
  readonly mailbox: string
  readonly seq: number
  readonly from: string
  readonly id: string
  readonly digest: string
}

function showKey(device: string, { mailbox, seq, from, id, digest }: Shown): string {
  return `${device} <- ${sendKey(from, id)} ${digest} at ${positionKey(mailbox, seq)}`
}
