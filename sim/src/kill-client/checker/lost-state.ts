import { wronglyHanded } from '../../handing.ts'
import type { KillInvariant } from './check-kills.ts'

/** Handlers get each message of others until a call has resolved, and then never again, but for what was handled last. */
export const handedUntilHandled: KillInvariant = function* ({ journal, history }) {
  yield* wronglyHanded(journal.flatMap((line) => (line.event === 'handed' || line.event === 'handled' ? [line] : [])))
  const handled = new Set(journal.flatMap((line) => (line.event === 'handled' ? [line.id] : [])))
  for (const { id, own, text, unreadable } of history) {
    if (!own && unreadable === undefined && !handled.has(id)) yield `${text} was never handled`
  }
}

/** Nobody has a message that cannot be read. */
export const noneUnreadable: KillInvariant = function* ({ client, history, peers }) {
  for (const { name, shown } of [
    { name: client, shown: history },
    ...peers.map((peer) => ({ name: peer.name, shown: peer.history })),
  ]) {
    for (const { group, seq, unreadable } of shown)
      if (unreadable !== undefined) yield `${name} cannot read ${seq} of ${group}: ${unreadable}`
  }
}

/** The client never had to come back into a group by itself: its state was there each time. */
export const stateKept: KillInvariant = function* ({ comings, journal, kills }) {
  for (const { group } of comings) yield `the client came into ${group} by itself`
  const openings = journal.flatMap((line) => (line.event === 'opened' ? [line.opening] : []))
  if (openings.some((opening, index) => index > 0 && opening <= openings[index - 1]!)) yield 'two clients were open at once'
  if (openings.at(-1) !== kills + 2) yield `the last opening is ${openings.at(-1)}, not ${kills + 2}`
}

/** What an honest server brings about while a client is killed: nothing but what is tried again. */
const allowedIncidents: Readonly<Record<string, RegExp>> = { background_failed: /did not answer in time/ }

/** Nothing is reported that should not happen. */
export const noIncidents: KillInvariant = function* ({ journal }) {
  for (const line of journal) {
    if (line.event === 'incident' && !allowedIncidents[line.kind]?.test(line.detail)) yield `${line.kind}: ${line.detail}`
  }
}
