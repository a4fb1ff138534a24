import type { DeviceName } from '../../history.ts'
import { userOf } from '../../history.ts'
import type { ClientsRecord, GroupView, LogEntry, SendCall, View } from '../record.ts'

export type Commit = Extract<LogEntry, { readonly kind: 'commit' }>
export type LoggedText = LoggedMessage & { readonly call: SendCall }
type LoggedMessage = Extract<LogEntry, { readonly kind: 'message' }>

/** A time that a device was in a group: from the commit that let it in to the entry that let it go. */
export interface Stay {
  readonly generation: number
  /** The first epoch that it has the keys of. */
  readonly fromEpoch: number
  readonly fromSeq: number
  /** The entry after which nothing is delivered to it any more; `Infinity` while it is in. */
  untilSeq: number
  /** It came back by itself: what was sent before it did is lost to it, and it is told so. */
  readonly isRejoin: boolean
}

export interface GroupFacts {
  readonly group: string
  readonly entries: readonly LogEntry[]
  readonly commits: readonly Commit[]
  readonly stays: ReadonlyMap<DeviceName, readonly Stay[]>
  /** Where the log stands at its end. */
  readonly generation: number
  readonly epoch: number
  /** Devices that are in the group at the end of the log. */
  readonly leaves: ReadonlySet<DeviceName>
}

export interface ClientFacts {
  readonly record: ClientsRecord
  readonly groups: ReadonlyMap<string, GroupFacts>
  readonly revoked: ReadonlySet<DeviceName>
  readonly views: ReadonlyMap<DeviceName, View>
  readonly callsById: ReadonlyMap<string, SendCall>
  readonly callsByText: ReadonlyMap<string, SendCall>
  /** Messages of the log that applications have sent, by id; receipts and the like are not among them. */
  readonly texts: ReadonlyMap<string, readonly LoggedText[]>
}

/** One thing that must hold: tells what contradicts it. */
export type ClientInvariant = (facts: ClientFacts) => Iterable<string>

export function clientFacts(record: ClientsRecord): ClientFacts {
  const byGroup = new Map<string, LogEntry[]>()
  for (const entry of record.log) byGroup.set(entry.group, [...(byGroup.get(entry.group) ?? []), entry])
  const callsById = new Map(record.sends.flatMap((call) => (call.id === undefined ? [] : [[call.id, call] as const])))
  // A call that did not resolve may have sent its message all the same: what others were shown tells its id.
  const callsByText = new Map(record.sends.map((call) => [call.text, call]))
  for (const { groups } of record.views) {
    for (const { messages } of groups) {
      for (const { id, text } of messages) {
        const call = text === undefined ? undefined : callsByText.get(text)
        if (call !== undefined && call.id === undefined && !callsById.has(id)) callsById.set(id, call)
      }
    }
  }
  const texts = new Map<string, LoggedText[]>()
  for (const entry of record.log) {
    if (entry.kind !== 'message') continue
    const call = callsById.get(entry.id)
    if (call !== undefined) texts.set(entry.id, [...(texts.get(entry.id) ?? []), { ...entry, call }])
  }
  return {
    record,
    groups: new Map([...byGroup].map(([group, entries]) => [group, groupFacts(group, entries)])),
    revoked: new Set(record.devices.filter(({ revoked }) => revoked).map(({ device }) => device)),
    views: new Map(record.views.map((view) => [view.device, view])),
    callsById,
    callsByText,
    texts,
  }
}

export function viewOf({ views }: ClientFacts, device: DeviceName, group: string): GroupView | undefined {
  return views.get(device)?.groups.find((view) => view.group === group)
}

/** Its stay in the group by whose keys the device reads the message, if there is one. */
export function stayFor(group: GroupFacts, device: DeviceName, message: LoggedMessage): Stay | undefined {
  return group.stays
    .get(device)
    ?.find(
      ({ generation, fromEpoch, fromSeq, untilSeq }) =>
        generation === message.generation && fromEpoch <= message.epoch && fromSeq < message.seq && message.seq <= untilSeq,
    )
}

/** The devices' comings and goings, by the commits and departures that the server has accepted. */
function groupFacts(group: string, unordered: readonly LogEntry[]): GroupFacts {
  const entries = [...unordered].sort((a, b) => a.seq - b.seq)
  const stays = new Map<DeviceName, Stay[]>()
  const leaves = new Set<DeviceName>()
  let [generation, epoch] = [0, 0]

  const enter = (device: DeviceName, stay: Omit<Stay, 'untilSeq'>) => {
    leaves.add(device)
    stays.set(device, [...(stays.get(device) ?? []), { ...stay, untilSeq: Number.POSITIVE_INFINITY }])
  }
  const go = (device: DeviceName, seq: number) => {
    const last = stays.get(device)?.at(-1)
    if (last !== undefined) last.untilSeq = Math.min(last.untilSeq, seq)
  }

  for (const entry of entries) {
    if (entry.kind === 'departed') {
      const gone = [...leaves].filter((leaf) =>
        entry.device === undefined ? userOf(leaf) === entry.user : leaf === entry.device,
      )
      for (const leaf of gone) go(leaf, entry.seq)
    }
    if (entry.kind !== 'commit') continue
    const { seq, by, added, removed } = entry
    if (entry.generation > generation || entry.epoch === 0) {
      // A group begins, or begins anew, with its creator alone.
      for (const leaf of leaves) go(leaf, seq)
      leaves.clear()
      enter(by, { generation: entry.generation, fromEpoch: 0, fromSeq: seq - 1, isRejoin: entry.generation > 0 })
    }
    ;[generation, epoch] = [entry.generation, entry.epoch + 1]
    for (const device of removed) {
      go(device, seq)
      leaves.delete(device)
    }
    for (const device of added) {
      const isRejoin = removed.includes(device) && entry.external
      enter(device, { generation, fromEpoch: epoch, fromSeq: seq, isRejoin })
    }
  }
  const commits = entries.filter((entry) => entry.kind === 'commit')
  return { group, entries, commits, stays, generation, epoch, leaves }
}
