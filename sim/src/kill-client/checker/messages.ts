import type { KeptMessage } from '../journal.ts'
import type { KillRecord } from '../kill-record.ts'
import type { KillInvariant } from './check-kills.ts'

type Sent = Extract<KillRecord['journal'][number], { readonly event: 'sent' }>

const sentLines = ({ journal }: KillRecord): Sent[] => journal.filter((line) => line.event === 'sent')

/** Peers who are in the group, by what they show of it. */
function readers(
  { peers, client }: KillRecord,
  group: string,
): { readonly name: string; readonly shown: readonly KeptMessage[] }[] {
  return peers
    .map(({ name, history, sends }) => ({
      name,
      isIn: [...history, ...sends].some((message) => message.group === group),
      shown: history.filter((message) => message.group === group),
    }))
    .filter(({ isIn, name }) => isIn && name !== client)
}

/** What the client was told is queued arrives: once, unchanged, at everybody in the group. */
export const arrives: KillInvariant = function* (record) {
  for (const { group, text, id } of sentLines(record)) {
    const those = readers(record, group)
    if (those.length === 0) yield `${text}: nobody is in ${group}`
    for (const { name, shown } of those) {
      const found = shown.filter((message) => message.id === id)
      if (found.length !== 1) yield `${text} is at ${name} ${found.length} times`
      else if (found[0]!.text !== text) yield `${text} is at ${name} as ${found[0]!.text}`
    }
  }
}

/** And in the order in which it was sent. */
export const inOrder: KillInvariant = function* (record) {
  const groups = new Set(sentLines(record).map(({ group }) => group))
  for (const group of groups) {
    const order = new Map(
      sentLines(record)
        .filter((line) => line.group === group)
        .map(({ id }, index) => [id, index]),
    )
    for (const { name, shown } of readers(record, group)) {
      const oldestFirst = [...shown].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
      let before = -1
      for (const { id, text } of oldestFirst) {
        const at = order.get(id)
        if (at === undefined) continue
        if (at < before) yield `${name} has ${text} after one that was sent later`
        before = Math.max(before, at)
      }
    }
  }
}

/** Nobody shows anything twice. */
export const nothingTwice: KillInvariant = function* ({ client, history, peers }) {
  for (const { name, shown } of [
    { name: client, shown: history },
    ...peers.map((peer) => ({ name: peer.name, shown: peer.history })),
  ]) {
    const seen = new Set<string>()
    for (const { group, id, text, seq } of shown) {
      const keys = [id, ...(text === undefined ? [] : [`${group} ${text}`]), ...(seq === undefined ? [] : [`${group} at ${seq}`])]
      for (const key of keys) {
        if (seen.has(key)) yield `${name} shows ${key} twice`
        seen.add(key)
      }
    }
  }
}

/** What is shown as the client's was given to it to send, to that group. */
export const nothingInvented: KillInvariant = function* ({ client, journal, history, peers }) {
  const called = new Set(journal.flatMap((line) => (line.event === 'calling' ? [`${line.group} ${line.text}`] : [])))
  for (const { group, from, text } of [...history, ...peers.flatMap((peer) => peer.history)]) {
    if (from === client && text !== undefined && !called.has(`${group} ${text}`)) yield `${text} in ${group} was never sent`
  }
}

/** What peers send is shown by the client, and by the others in the group, once and unchanged. */
export const peersArrive: KillInvariant = function* (record) {
  for (const { name, sends } of record.peers) {
    for (const { group, id, text } of sends) {
      const others = readers(record, group).filter((reader) => reader.name !== name)
      const own = { name: record.client, shown: record.history.filter((message) => message.group === group) }
      for (const { name: reader, shown } of [own, ...others]) {
        const found = shown.filter((message) => message.id === id)
        if (found.length !== 1 || found[0]!.text !== text) yield `${text} of ${name} is at ${reader} ${found.length} times`
      }
    }
  }
}

/** The client's own history has what it was told is queued, and says of everything that the server has it. */
export const ownHistory: KillInvariant = function* (record) {
  const own = new Map(record.history.filter((message) => message.own).map((message) => [message.id, message]))
  for (const { id, text } of sentLines(record)) if (own.get(id)?.text !== text) yield `${text} is not in the client's own history`
  for (const { text, status } of own.values()) {
    if (status !== 'sent' && status !== 'delivered' && status !== 'read') yield `${text} is ${status} for the client`
  }
}
