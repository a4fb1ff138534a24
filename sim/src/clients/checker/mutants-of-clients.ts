import { one } from '../../checker/mutation.ts'
import { userOf } from '../../history.ts'
import type { Seeded } from '../../seeded.ts'
import type { ClientsRecord, GroupView, ShownMessage, View } from '../record.ts'
import { clientFacts, stayFor } from './client-facts.ts'

/** A wrong record, made from a good one. Throws `NotApplicable` where there is nothing to turn wrong. */
export type ClientMutant = (record: ClientsRecord, chance: Seeded) => ClientsRecord

interface Row {
  readonly device: string
  readonly group: string
  readonly message: ShownMessage
}

const rowsOf = (record: ClientsRecord): Row[] =>
  record.views.flatMap(({ device, groups }) =>
    groups.flatMap(({ group, messages }) => messages.map((message) => ({ device, group, message }))),
  )

/** One view of a group, changed. */
function withGroup(record: ClientsRecord, at: { device: string; group: string }, change: (view: GroupView) => GroupView[]) {
  const views = record.views.map((view): View => {
    if (view.device !== at.device) return view
    return { ...view, groups: view.groups.flatMap((group) => (group.group === at.group ? change(group) : [group])) }
  })
  return { ...record, views }
}

function withRow(record: ClientsRecord, row: Row, change: (message: ShownMessage) => ShownMessage[]): ClientsRecord {
  return withGroup(record, row, (view) => [
    { ...view, messages: view.messages.flatMap((message) => (message === row.message ? change(message) : [message])) },
  ])
}

const commitsOf = (record: ClientsRecord) => record.log.flatMap((entry) => (entry.kind === 'commit' ? [entry] : []))

const activeViews = (record: ClientsRecord) =>
  record.views.flatMap(({ device, groups }) =>
    groups.filter(({ state }) => state === 'active').map((view) => ({ device, group: view.group, view })),
  )

const readable = (record: ClientsRecord) => rowsOf(record).filter(({ message }) => message.text !== undefined)
const ofOthers = (record: ClientsRecord) =>
  readable(record).filter(({ message, device }) => userOf(message.from) !== userOf(device))
const sentByItself = (record: ClientsRecord) =>
  readable(record).filter(({ message, device }) => message.from === device && message.status === 'delivered')
/** Of calls that resolved: the others may have failed in silence. */
const sentForSure = (record: ClientsRecord) =>
  sentByItself(record).filter(({ message }) => record.sends.some(({ id }) => id === message.id))

/** Ways for a record to be wrong, by the invariant that must notice. */
export const clientMutants: Readonly<Record<string, Readonly<Record<string, ClientMutant>>>> = {
  'one-log': { 'two devices are shown different entries': (record) => ({ ...record, conflicts: ['entry 3: this and that'] }) },
  settled: { 'a message waits for ever': (record) => ({ ...record, unsettled: ['ada/1 has text 3 queued'] }) },
  'one-commit-an-epoch': {
    'two commits end one epoch'(record, chance) {
      const commit = one(chance, commitsOf(record))
      const log = record.log.map((entry) =>
        entry.group === commit.group && entry.seq > commit.seq ? { ...entry, seq: entry.seq + 1 } : entry,
      )
      return { ...record, log: [...log, { ...commit, seq: commit.seq + 1, added: [], removed: [] }] }
    },
    'an epoch is skipped'(record, chance) {
      const commit = one(
        chance,
        commitsOf(record).filter(({ epoch }) => epoch > 0),
      )
      return { ...record, log: record.log.map((entry) => (entry === commit ? { ...commit, epoch: commit.epoch + 1 } : entry)) }
    },
  },
  'same-epoch': {
    'a device stands an epoch behind'(record, chance) {
      const at = one(chance, activeViews(record))
      return withGroup(record, at, (view) => [{ ...view, mls: { ...view.mls!, epoch: view.mls!.epoch - 1 } }])
    },
    'a device has other secrets'(record, chance) {
      const at = one(
        chance,
        activeViews(record).filter(({ group }) => activeViews(record).filter((each) => each.group === group).length > 1),
      )
      return withGroup(record, at, (view) => [{ ...view, mls: { ...view.mls!, authenticator: 'of a fork' } }])
    },
    'a device in the group is still to come in': (record, chance) =>
      withGroup(record, one(chance, activeViews(record)), (view) => [{ ...view, state: 'joining' }]),
    'a device in the group knows nothing of it': (record, chance) =>
      withGroup(record, one(chance, activeViews(record)), () => []),
    'a group is broken for a device': (record, chance) =>
      withGroup(record, one(chance, activeViews(record)), (view) => [{ ...view, state: 'broken' }]),
  },
  'same-members': {
    'a device sees another role'(record, chance) {
      const several = activeViews(record).filter(
        ({ group }) => activeViews(record).filter((each) => each.group === group).length > 1,
      )
      const at = one(chance, several)
      const user = one(chance, Object.keys(at.view.members))
      return withGroup(record, at, (view) => [{ ...view, members: { ...view.members, [user]: 'admin' } }])
    },
    'a device misses a member'(record, chance) {
      const several = activeViews(record).filter(
        ({ group }) => activeViews(record).filter((each) => each.group === group).length > 1,
      )
      const at = one(chance, several)
      const gone = one(chance, Object.keys(at.view.members))
      const members = Object.fromEntries(Object.entries(at.view.members).filter(([user]) => user !== gone))
      return withGroup(record, at, (view) => [{ ...view, members }])
    },
  },
  'members-and-devices': {
    'a revoked device is still in a group'(record, chance) {
      const { device } = one(chance, activeViews(record))
      return { ...record, devices: record.devices.map((fate) => (fate.device === device ? { device, revoked: true } : fate)) }
    },
    'a device of a member is left out'(record, chance) {
      const { view } = one(chance, activeViews(record))
      const device = `${one(chance, Object.keys(view.members))}/left-out`
      return {
        ...record,
        devices: [...record.devices, { device, revoked: false }],
        views: [...record.views, { device, groups: [] }],
      }
    },
    'who is out believes to be in'(record, chance) {
      const left = record.views.flatMap(({ device, groups }) =>
        groups
          .filter((view) => view.state === 'left' && view.members[userOf(device)] === undefined)
          .map(({ group }) => ({ device, group })),
      )
      return withGroup(record, one(chance, left), (view) => [{ ...view, state: 'joining' }])
    },
  },
  'one-owner': {
    'a group has two owners'(record, chance) {
      const at = one(chance, activeViews(record))
      const user = one(
        chance,
        Object.keys(at.view.members).filter((each) => at.view.members[each] !== 'owner'),
      )
      return withGroup(record, at, (view) => [{ ...view, members: { ...view.members, [user]: 'owner' } }])
    },
    'a group has none'(record, chance) {
      const at = one(
        chance,
        activeViews(record).filter(({ view }) => Object.keys(view.members).length > 2),
      )
      const members = Object.fromEntries(Object.keys(at.view.members).map((user) => [user, 'member']))
      return withGroup(record, at, (view) => [{ ...view, members }])
    },
  },
  'entitled-read': {
    'a message is not shown'(record, chance) {
      const shown = ofOthers(record).filter(
        ({ device, group }) => !record.leavings.some((one) => one.device === device && one.group === group),
      )
      return withRow(record, one(chance, shown), () => [])
    },
    'a message is not shown to another device of its sender'(record, chance) {
      const siblings = readable(record).filter(
        ({ message, device }) => message.own && message.from !== device && message.seq !== undefined,
      )
      const there = siblings.filter(
        ({ device, group }) => !record.leavings.some((one) => one.device === device && one.group === group),
      )
      return withRow(record, one(chance, there), () => [])
    },
  },
  'nothing-more': {
    'a device reads what was sent before it came in'(record, chance) {
      const facts = clientFacts(record)
      const secrets = record.views.flatMap(({ device, groups }) =>
        groups.flatMap(({ group }) =>
          [...facts.texts.values()]
            .flat()
            .filter((message) => message.group === group && message.by !== device)
            .filter((message) => stayFor(facts.groups.get(group)!, device, message) === undefined)
            .map((message) => ({ device, group, message })),
        ),
      )
      const { device, group, message } = one(chance, secrets)
      const own = userOf(message.by) === userOf(device)
      const row: ShownMessage = {
        id: message.id,
        from: message.by,
        own,
        text: message.call.text,
        status: own ? 'delivered' : undefined,
        failure: undefined,
        unreadable: undefined,
        seq: message.seq,
      }
      return withGroup(record, { device, group }, (view) => [{ ...view, messages: [row, ...view.messages] }])
    },
  },
  'as-sent': {
    'a text is another': (record, chance) =>
      withRow(record, one(chance, ofOthers(record)), (message) => [{ ...message, text: 'not what was sent' }]),
    'a message is shown as somebody else’s': (record, chance) =>
      withRow(record, one(chance, ofOthers(record)), (message) => [{ ...message, from: 'mallory/1' }]),
    'a message is shown in another group'(record, chance) {
      const row = one(chance, ofOthers(record))
      const to = one(
        chance,
        activeViews(record).filter(({ device, group }) => device === row.device && group !== row.group),
      )
      return withGroup(record, to, (view) => [{ ...view, messages: [row.message, ...view.messages] }])
    },
  },
  'shown-once': {
    'a message is shown twice': (record, chance) =>
      withRow(record, one(chance, readable(record)), (message) => [message, message]),
    'a text is shown under two ids': (record, chance) =>
      withRow(record, one(chance, ofOthers(record)), (message) => [{ ...message, id: 'another id' }, message]),
  },
  'in-place': {
    'messages are shown in another order'(record, chance) {
      const views = activeViews(record).filter(({ view }) => view.messages.filter(({ seq }) => seq !== undefined).length > 1)
      return withGroup(record, one(chance, views), (view) => [{ ...view, messages: view.messages.toReversed() }])
    },
    'a message is shown in another place': (record, chance) =>
      withRow(record, one(chance, ofOthers(record)), (message) => [{ ...message, seq: message.seq! + 0.5 }]),
  },
  'unreadable-explained': {
    'a message for the device cannot be read'(record, chance) {
      const row = one(chance, ofOthers(record))
      return withRow(record, row, (message) => [{ ...message, id: 'unreadable', text: undefined, unreadable: 'tampered' }])
    },
  },
  'handed-until-handled': {
    'a message is never handled'(record, chance) {
      const { device, message } = one(chance, ofOthers(record))
      return {
        ...record,
        handed: record.handed.filter((step) => step.device !== device || step.id !== message.id || step.event === 'handed'),
      }
    },
    'a message is handed over again at once'(record, chance) {
      const step = one(
        chance,
        record.handed.filter(({ event }) => event === 'handled'),
      )
      return { ...record, handed: record.handed.toSpliced(record.handed.indexOf(step) + 1, 0, { ...step, event: 'handed' }) }
    },
    'an old message is handed over again after a restart'(record, chance) {
      const handled = record.handed.filter(({ event }) => event === 'handled')
      const old = one(
        chance,
        handled.filter((step) =>
          handled.some(
            (later) =>
              later !== step &&
              later.device === step.device &&
              later.opening === step.opening &&
              handled.indexOf(later) > handled.indexOf(step),
          ),
        ),
      )
      return { ...record, handed: [...record.handed, { ...old, opening: 99, event: 'handed' }] }
    },
  },
  'logged-once': {
    'a message stands in the log twice'(record, chance) {
      const facts = clientFacts(record)
      const message = one(chance, [...facts.texts.values()].flat())
      const { call: _, ...entry } = message
      const seq = Math.max(...record.log.filter(({ group }) => group === entry.group).map((each) => each.seq)) + 1
      return { ...record, log: [...record.log, { ...entry, seq }] }
    },
  },
  'sent-or-failed': {
    'a message is still queued': (record, chance) =>
      withRow(record, one(chance, sentForSure(record)), (message) => [{ ...message, status: 'queued', seq: undefined }]),
    'a message is gone from its sender': (record, chance) => withRow(record, one(chance, sentForSure(record)), () => []),
    'a message that arrived has failed for its sender': (record, chance) =>
      withRow(record, one(chance, sentForSure(record)), (message) => [{ ...message, status: 'failed', failure: 'not_a_member' }]),
    'a message failed for no good reason'(record, chance) {
      const failed = readable(record).filter(({ message }) => message.status === 'failed')
      return withRow(record, one(chance, failed), (message) => [{ ...message, failure: 'internal' }])
    },
    'a message is sent for its sender and not in the log'(record, chance) {
      const failed = readable(record).filter(({ message }) => message.status === 'failed')
      return withRow(record, one(chance, failed), (message) => [{ ...message, status: 'sent', failure: undefined }])
    },
  },
  'sender-order': {
    'two messages of a device change places'(record, chance) {
      const { texts, groups } = clientFacts(record)
      const all = [...texts.values()].flat().filter(({ call }) => call.id !== undefined)
      const pairs = all.flatMap((a) =>
        all
          .filter((b) => b.by === a.by && b.group === a.group && b.seq > a.seq)
          // Around a departure it would be forgiven.
          .filter(() => !groups.get(a.group)!.entries.some(({ kind }) => kind === 'departed'))
          .map((b) => [a, b] as const),
      )
      const [a, b] = one(chance, pairs)
      const swap = (seq: number) => (seq === a.seq ? b.seq : seq === b.seq ? a.seq : seq)
      return {
        ...record,
        log: record.log.map((entry) =>
          entry.group === a.group && entry.kind === 'message' ? { ...entry, seq: swap(entry.seq) } : entry,
        ),
      }
    },
  },
  'no-incidents': {
    'a storage is thought to be an older copy': (record) =>
      withIncident(record, 'storage_restored', 'entry 3 was sent by this device'),
    'a commit is refused': (record) => withIncident(record, 'commit_refused', 'the role does not permit it'),
    'a message came twice': (record) => withIncident(record, 'replayed', 'entry 3 was read before'),
    'a handler fails that was not made to': (record) => withIncident(record, 'handler_failed', 'a handler threw: oh'),
  },
  'refusals-explained': {
    'the server has an error': (record) => ({ ...record, refusals: { ...record.refusals, 'internal: oh': 1 } }),
    'a change never wins': (record) => ({ ...record, refusals: { ...record.refusals, 'overloaded: by many at once': 1 } }),
  },
  enough: {
    'too few changes': (record) => ({ ...record, changes: { add: 1 } }),
    'too few messages': (record) => ({ ...record, sends: record.sends.slice(0, 2) }),
    'nobody looks at a device': (record) => ({ ...record, views: record.views.slice(1) }),
  },
}

function withIncident(record: ClientsRecord, kind: string, detail: string): ClientsRecord {
  return { ...record, incidents: [...record.incidents, { device: record.views[0]!.device, kind, group: undefined, detail }] }
}
