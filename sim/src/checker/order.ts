import { type Facts, positionKey, type Send } from './facts.ts'

/**
 * A device that sends again in order what was cut off finds its messages in the order in which it first sent them, in
 * each mailbox. Messages that were once refused may have moved back; where refusals were seen at all, a cut may have
 * hidden another.
 */
export function* senderOrder(facts: Facts): Iterable<string> {
  const refused = (send: Send) => send.fails > 0 || send.unknownAnswers > 0
  const refusals = [...facts.sends.values()].some(refused)
  const last = new Map<string, { readonly seq: number; readonly id: string }>()
  for (const send of facts.sends.values()) {
    const answer = send.answers[0]
    if (answer === undefined || refused(send) || (refusals && send.cuts > 0)) continue
    const key = `${send.device} ${answer.mailbox}`
    const before = last.get(key)
    if (before !== undefined && before.seq >= answer.seq) {
      yield `${send.device} sent ${before.id} before ${send.id}, they stand at ${before.seq} and ${answer.seq} of ${answer.mailbox}`
    }
    last.set(key, { seq: answer.seq, id: send.id })
  }
}

/** A message that was accepted before another was first sent stands before it, whoever sent them. */
export function* realTimeOrder(facts: Facts): Iterable<string> {
  const mailboxes = new Map<string, Send[]>()
  for (const send of facts.sends.values()) {
    const mailbox = send.answers[0]?.mailbox
    if (mailbox === undefined) continue
    const known = mailboxes.get(mailbox)
    if (known === undefined) mailboxes.set(mailbox, [send])
    else known.push(send)
  }
  for (const [mailbox, sends] of mailboxes) {
    let earliest: Send | undefined
    for (const send of sends.sort((a, b) => b.answers[0]!.seq - a.answers[0]!.seq)) {
      if (earliest !== undefined && earliest.answers[0]!.index < send.index) {
        yield `${earliest.id} was accepted before ${send.id} was sent, yet stands after it in ${mailbox}`
      }
      if (earliest === undefined || send.answers[0]!.index < earliest.answers[0]!.index) earliest = send
    }
  }
}

/** Every device shows the messages of a mailbox in the order of their numbers. */
export function* showOrder(facts: Facts): Iterable<string> {
  const last = new Map<string, number>()
  for (const { device, mailbox, seq } of facts.shows) {
    const key = `${device} ${mailbox}`
    const before = last.get(key)
    if (before !== undefined && seq <= before) yield `${device} showed ${positionKey(mailbox, seq)} after ${before}`
    last.set(key, seq)
  }
}
