import { wronglyHanded } from '../../handing.ts'
import { userOf } from '../../history.ts'
import type { ShownMessage } from '../record.ts'
import { type ClientFacts, type ClientInvariant, type GroupFacts, type LoggedText, stayFor, viewOf } from './client-facts.ts'

/** Everybody is shown, once, the text of each message that was sent in an epoch in which its device was in the group. */
export const entitledRead: ClientInvariant = function* (facts) {
  for (const logged of facts.texts.values()) {
    for (const message of logged) {
      const group = facts.groups.get(message.group)!
      for (const device of group.stays.keys()) {
        const stay = stayFor(group, device, message)
        if (stay === undefined || device === message.by || !facts.views.has(device)) continue
        if (isNothingToIt(facts, group, device, message)) continue
        const shown = viewOf(facts, device, message.group)?.messages.find(({ id }) => id === message.id)
        const where = `${message.seq} of ${message.group} (epoch ${message.epoch}) at ${device}`
        if (shown === undefined) yield `${where}: message of ${message.by} was not shown`
      }
    }
  }
}

/** Who leaves has said that what had not reached it by then is nothing to it. */
function isNothingToIt({ record }: ClientFacts, { group, stays }: GroupFacts, device: string, message: LoggedText): boolean {
  const own = stays.get(device) ?? []
  const at = own.findIndex(({ fromSeq, untilSeq }) => fromSeq < message.seq && message.seq <= untilSeq)
  if (own[at]?.untilSeq === Number.POSITIVE_INFINITY) return false
  const before = own[at - 1]?.untilSeq ?? 0
  return record.leavings.some(
    (one) => one.device === device && one.group === group && one.seenSeq >= before && one.seenSeq < message.seq,
  )
}

/** Nobody has read what was sent in an epoch in which its device was not in the group. */
export const nothingMore: ClientInvariant = function* (facts) {
  for (const { device, groups } of facts.record.views) {
    for (const { group, messages } of groups) {
      for (const { id, text, from } of messages) {
        if (text === undefined || from === device) continue
        const logged = facts.texts.get(id)?.at(0)
        if (logged === undefined) continue
        const known = facts.groups.get(group)
        if (known === undefined || stayFor(known, device, logged) === undefined)
          yield `${device} has read ${logged.seq} of ${group}, of epoch ${logged.epoch}`
      }
    }
  }
}

/** What is shown was sent like that: by that device, to that group, with that text. */
export const asSent: ClientInvariant = function* (facts) {
  for (const { device, groups } of facts.record.views) {
    for (const { group, messages } of groups) {
      for (const message of messages) {
        if (message.unreadable !== undefined) continue
        const call = facts.callsById.get(message.id)
        const isSo = call?.text === message.text && call?.device === message.from && call?.group === group
        if (!isSo) yield `${device} is shown ${message.text?.slice(0, 20)} of ${message.from} in ${group}: nobody sent it so`
      }
    }
  }
}

/** No message is shown twice. */
export const shownOnce: ClientInvariant = function* (facts) {
  for (const { device, groups } of facts.record.views) {
    for (const { group, messages } of groups) {
      const seen = new Set<string>()
      for (const { id, text } of messages) {
        for (const key of [id, ...(text === undefined ? [] : [text])]) {
          if (seen.has(key)) yield `${device} is shown ${key.slice(0, 50)} of ${group} twice`
          seen.add(key)
        }
      }
    }
  }
}

/** A device shows the messages of a group in the order of the log, newest first, and each in its place. */
export const inPlace: ClientInvariant = function* (facts) {
  for (const { device, groups } of facts.record.views) {
    for (const { group, messages } of groups) {
      let before = Number.POSITIVE_INFINITY
      for (const { id, seq, unreadable } of messages) {
        if (seq === undefined) continue
        if (seq >= before) yield `${device} shows ${seq} of ${group} after ${before}`
        before = seq
        const logged = facts.texts.get(id)?.at(0)
        if (unreadable === undefined && logged !== undefined && logged.seq !== seq)
          yield `${device} shows ${id} at ${seq} of ${group}, not at ${logged.seq}`
      }
    }
  }
}

/**
 * What cannot be read has a reason that the log explains: it was sent in an epoch before the device came in, and reached
 * it behind the commit that let it in; or the device had lost its state, and came back by itself.
 */
export const unreadableExplained: ClientInvariant = function* (facts) {
  for (const { device, groups } of facts.record.views) {
    for (const { group, messages } of groups) {
      for (const message of messages) {
        if (message.unreadable !== undefined && !isExplained(device, group, message))
          yield `${device} cannot read ${message.seq} of ${group} by ${message.from}: ${message.unreadable}`
      }
    }
  }

  function isExplained(device: string, group: string, { seq }: ShownMessage): boolean {
    const known = facts.groups.get(group)
    const entry = known?.entries.find((each) => each.seq === seq)
    if (known === undefined || entry?.kind !== 'message') return false
    return stayFor(known, device, entry) === undefined
  }
}

/** Handlers get each message of others until a call has resolved; then never again, restarts in between or not. */
export const handedUntilHandled: ClientInvariant = function* (facts) {
  const steps = Map.groupBy(facts.record.handed, ({ device }) => device)
  for (const [device, own] of steps) for (const wrong of wronglyHanded(own)) yield `${device}: ${wrong}`
  for (const { device, groups } of facts.record.views) {
    const handled = new Set((steps.get(device) ?? []).flatMap(({ id, event }) => (event === 'handled' ? [id] : [])))
    for (const { messages } of groups) {
      for (const { id, from, unreadable } of messages) {
        const isForHandlers = unreadable === undefined && userOf(from) !== userOf(device)
        if (isForHandlers && !handled.has(id)) yield `${device}: ${id} was never handled`
      }
    }
  }
}
