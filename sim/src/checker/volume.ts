import type { Facts } from './facts.ts'

/** How much must have happened for the absence of violations to mean something. */
export interface Volume {
  readonly sendsMin: number
  readonly claimsMin: number
}

/** The history has an end, and something happened before it. */
export function* enough(facts: Facts, { sendsMin, claimsMin }: Volume): Iterable<string> {
  const sends = [...facts.sends.values()].filter((send) => send.answers.length > 0).length
  const claims = facts.events.filter((event) => event.event === 'ok' && event.op === 'claim' && event.key !== null).length
  if (facts.events.length === 0) yield 'the history is empty'
  if (sends < sendsMin) yield `${sends} messages accepted, at least ${sendsMin} wanted`
  if (claims < claimsMin) yield `${claims} keys claimed, at least ${claimsMin} wanted`
  if (facts.end === undefined) yield 'the history has no end'
  if (sendsMin > 0 && (facts.shows.length === 0 || facts.end?.devices.length === 0)) yield 'nobody read anything'
}

/** Every device that is alive at the end has read its backlog after the last message was accepted. */
export function* finalRead(facts: Facts): Iterable<string> {
  const alive = new Set(facts.end?.devices ?? [])
  const connected = new Map<string, number>()
  const read = new Set<string>()
  let lastAccepted = -1
  for (const send of facts.sends.values()) lastAccepted = Math.max(lastAccepted, send.answers[0]?.index ?? -1)
  facts.events.forEach((event, index) => {
    if (event.event === 'connect') connected.set(event.session, index)
    else if (event.event === 'synced' && (connected.get(event.session) ?? -1) > lastAccepted) read.add(event.device)
  })
  for (const device of alive) if (!read.has(device)) yield `${device} has not read to the end`
}
