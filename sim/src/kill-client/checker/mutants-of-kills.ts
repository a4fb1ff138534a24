import { one } from '../../checker/mutation.ts'
import type { Seeded } from '../../seeded.ts'
import type { JournalLine, KeptMessage } from '../journal.ts'
import type { KillRecord } from '../kill-record.ts'

/** A wrong record, made from a good one. Throws `NotApplicable` where there is nothing to turn wrong. */
export type KillMutant = (record: KillRecord, chance: Seeded) => KillRecord

type Line<event extends JournalLine['event']> = JournalLine & { readonly event: event }

function lines<event extends JournalLine['event']>({ journal }: KillRecord, event: event): Line<event>[] {
  return journal.filter((line): line is Line<event> => line.event === event)
}

/** The history of one who shows things, changed. `undefined`: the client's. */
function withHistory(record: KillRecord, name: string | undefined, change: (history: readonly KeptMessage[]) => KeptMessage[]) {
  if (name === undefined) return { ...record, history: change(record.history) }
  return {
    ...record,
    peers: record.peers.map((peer) => (peer.name === name ? { ...peer, history: change(peer.history) } : peer)),
  }
}

/** A message of the client that a peer shows, and that the client was told is queued. */
function arrived(record: KillRecord, chance: Seeded): { readonly name: string; readonly message: KeptMessage } {
  const sent = new Set(lines(record, 'sent').map(({ id }) => id))
  const all = record.peers.flatMap(({ name, history }) => history.map((message) => ({ name, message })))
  return one(
    chance,
    all.filter(({ message }) => sent.has(message.id)),
  )
}

/** A message of a peer that the client shows. */
const received = (record: KillRecord, chance: Seeded) =>
  one(
    chance,
    record.history.filter(({ own }) => !own),
  )

const without = (message: KeptMessage) => (history: readonly KeptMessage[]) => history.filter((each) => each !== message)
const replaced = (message: KeptMessage, by: KeptMessage) => (history: readonly KeptMessage[]) =>
  history.map((each) => (each === message ? by : each))

/** Ways for a record to be wrong, by the invariant that must notice. */
export const killMutants: Readonly<Record<string, Readonly<Record<string, KillMutant>>>> = {
  'one-key-one-message': {
    'a key is used for another message'(record, chance) {
      const offer = one(chance, record.offers)
      return { ...record, offers: [...record.offers, { ...offer, id: 'another', ciphertext: 'another' }] }
    },
    'a message is encrypted twice with one key'(record, chance) {
      const offer = one(chance, record.offers)
      return { ...record, offers: [...record.offers, { ...offer, ciphertext: 'the same text, other bytes' }] }
    },
  },
  'readable-offers': {
    'a message is under a key of nobody': (record, chance) => ({
      ...record,
      offers: [...record.offers, { ...one(chance, record.offers), ciphertext: 'no one reads it', key: undefined }],
    }),
  },
  arrives: {
    'a message that was queued does not arrive'(record, chance) {
      const { name, message } = arrived(record, chance)
      return withHistory(record, name, without(message))
    },
    'a message arrives with another text'(record, chance) {
      const { name, message } = arrived(record, chance)
      return withHistory(record, name, replaced(message, { ...message, text: 'not what was sent' }))
    },
    'a message arrives twice'(record, chance) {
      const { name, message } = arrived(record, chance)
      return withHistory(record, name, (history) => [{ ...message, seq: 999 }, ...history])
    },
  },
  'in-order': {
    'two messages change places'(record, chance) {
      const { name, message } = arrived(record, chance)
      const sent = new Set(lines(record, 'sent').map(({ id }) => id))
      const peer = record.peers.find((each) => each.name === name)!
      const other = one(
        chance,
        peer.history.filter((each) => each !== message && each.group === message.group && sent.has(each.id)),
      )
      const swapped = (each: KeptMessage) =>
        each === message ? { ...each, seq: other.seq } : each === other ? { ...each, seq: message.seq } : each
      return withHistory(record, name, (history) => history.map(swapped))
    },
  },
  'nothing-twice': {
    'the client shows a message twice'(record, chance) {
      const message = received(record, chance)
      return withHistory(record, undefined, (history) => [message, ...history])
    },
    'the client shows a text under two ids'(record, chance) {
      const message = received(record, chance)
      return withHistory(record, undefined, (history) => [{ ...message, id: 'another', seq: 999 }, ...history])
    },
    'a peer shows a message twice'(record, chance) {
      const { name, message } = arrived(record, chance)
      return withHistory(record, name, (history) => [message, ...history])
    },
  },
  'nothing-invented': {
    'a peer shows what the client never sent'(record, chance) {
      const { name, message } = arrived(record, chance)
      const invented = { ...message, id: 'invented', text: 'I never said that', seq: 999 }
      return withHistory(record, name, (history) => [invented, ...history])
    },
  },
  'peers-arrive': {
    'the client misses a message'(record, chance) {
      return withHistory(record, undefined, without(received(record, chance)))
    },
    'the client shows another text'(record, chance) {
      const message = received(record, chance)
      return withHistory(record, undefined, replaced(message, { ...message, text: 'not what was sent' }))
    },
    'a peer misses a message of another peer'(record, chance) {
      const all = record.peers.flatMap(({ name, history }) => history.map((message) => ({ name, message })))
      const others = all.filter(({ message }) => !message.own && message.from !== record.client)
      const { name, message } = one(chance, others)
      return withHistory(record, name, without(message))
    },
  },
  'own-history': {
    'the client does not show what it sent'(record, chance) {
      const { id } = one(chance, lines(record, 'sent'))
      return withHistory(record, undefined, (history) => history.filter((message) => message.id !== id))
    },
    'a message is still queued'(record, chance) {
      const { id } = one(chance, lines(record, 'sent'))
      return withHistory(record, undefined, (history) =>
        history.map((message) => (message.id === id ? { ...message, status: 'queued' } : message)),
      )
    },
  },
  'handed-until-handled': {
    'a message is never handled'(record, chance) {
      const { id } = one(chance, lines(record, 'handled'))
      return { ...record, journal: record.journal.filter((line) => line.event !== 'handled' || line.id !== id) }
    },
    'a message is handed over again in the same opening'(record, chance) {
      const line = one(chance, lines(record, 'handled'))
      return {
        ...record,
        journal: record.journal.toSpliced(record.journal.indexOf(line) + 1, 0, { ...line, event: 'handed' }),
      }
    },
    'an old message is handed over again'(record, chance) {
      const handled = lines(record, 'handled')
      const old = handled.filter((line, index) => handled.slice(index + 1).some(({ opening }) => opening === line.opening))
      return { ...record, journal: [...record.journal, { ...one(chance, old), opening: 99, event: 'handed' }] }
    },
  },
  'none-unreadable': {
    'the client cannot read a message'(record, chance) {
      const message = received(record, chance)
      const unreadable = { ...message, id: 'unreadable', text: undefined, unreadable: 'lost_state' }
      return withHistory(record, undefined, replaced(message, unreadable))
    },
    'a peer cannot read a message'(record, chance) {
      const { name, message } = arrived(record, chance)
      return withHistory(record, name, replaced(message, { ...message, text: undefined, unreadable: 'duplicate' }))
    },
  },
  'state-kept': {
    'the client comes back by itself': (record) => ({ ...record, comings: [{ group: 'team' }] }),
    'two clients are open at once': (record) => ({ ...record, journal: [...record.journal, { event: 'opened', opening: 2 }] }),
    'the last opening is missing': (record) => ({ ...record, kills: record.kills + 1 }),
  },
  'no-incidents': {
    'the storage is thought to be an older copy': (record) => withIncident(record, 'storage_restored', 'entry 3 is unknown here'),
    'a message is thought to be replayed': (record) => withIncident(record, 'replayed', 'entry 3 was read before'),
  },
  enough: {
    'too few kills': (record) => ({ ...record, kills: 1 }),
    'too few messages': (record) => ({ ...record, journal: record.journal.filter(({ event }) => event !== 'sent') }),
    'too little received': (record) => ({ ...record, history: [] }),
    'the proxy does not see what is sent': (record) => ({ ...record, offers: record.offers.slice(0, 1) }),
  },
}

function withIncident(record: KillRecord, kind: string, detail: string): KillRecord {
  return { ...record, journal: [...record.journal, { event: 'incident', kind, detail }] }
}
