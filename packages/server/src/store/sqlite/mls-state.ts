import type { MemberDevice } from '@sotto/protocol'
import type { CommitDecision, Device, Group, GroupCommit, MlsState } from '../store.ts'
import type { Mailbox } from './mailbox.ts'
import type { MlsRows } from './mls-groups.ts'

/** What a decided commit makes of an MLS group: pure, from the state in memory to the next, and to the rows that say so. */

type Devices = MlsState['devices']
type Numbered = MemberDevice & { readonly no: number }

export function leafName({ userId, deviceId }: MemberDevice): string {
  return `${userId}/${deviceId}`
}

/** The devices after some were removed and others added; only what changes is copied. */
export function changed(devices: Devices, remove: readonly MemberDevice[], add: readonly Numbered[]): Devices {
  const after = new Map<string, ReadonlyMap<string, number>>(devices)
  const copies = new Map<string, Map<string, number>>()
  const copyOf = (userId: string) => {
    const copy = copies.get(userId) ?? new Map(devices.get(userId))
    copies.set(userId, copy)
    return copy
  }
  for (const { userId, deviceId } of remove) copyOf(userId).delete(deviceId)
  for (const { userId, deviceId, no } of add) copyOf(userId).set(deviceId, no)
  for (const [userId, copy] of copies) {
    if (copy.size === 0) after.delete(userId)
    else after.set(userId, copy)
  }
  return after
}

export function withoutUser(devices: Devices, userId: string): Devices {
  const after = new Map(devices)
  after.delete(userId)
  return after
}

/** Which windows open and close at `seq`. A device that reads the group before and after goes on reading it. */
export function windowsOf(
  before: MlsState | undefined,
  { kind, remove, opensOwn }: CommitDecision,
  added: readonly Numbered[],
  from: Device,
  seq: number,
  welcomeSeqs: ReadonlyMap<string, number>,
): Pick<MlsRows, 'open' | 'welcomed' | 'close'> {
  const reads = ({ userId, deviceId, no }: Numbered) => before?.devices.get(userId)?.get(deviceId) === no
  const welcomeSeqOf = (device: MemberDevice) => welcomeSeqs.get(leafName(device)) ?? 0
  const own = opensOwn ? [{ device: from.no, from: seq - 1, welcomeSeq: 0 }] : []
  return {
    open: [
      ...own,
      ...added
        .filter((device) => !reads(device))
        .map((device) => ({ device: device.no, from: seq, welcomeSeq: welcomeSeqOf(device) })),
    ],
    welcomed: added
      .filter((device) => reads(device) && welcomeSeqOf(device) > 0)
      .map((device) => ({ device: device.no, welcomeSeq: welcomeSeqOf(device) })),
    close: kind === 'reset' ? othersOf(before, added, from) : numbersOf(before, remove),
  }
}

/** The group after a commit. */
export function groupAfter(
  before: (Group & { readonly mls: MlsState }) | undefined,
  { groupId, from }: GroupCommit,
  decision: CommitDecision,
  added: readonly Numbered[],
  mailbox: Mailbox,
  seq: number,
  now: number,
): Group & { readonly mls: MlsState } {
  const { kind, isDirect, generation, epoch } = decision
  const members = new Map(before?.members)
  for (const userId of decision.removeUsers) members.delete(userId)
  for (const [userId, role] of [...decision.addUsers, ...decision.roles]) members.set(userId, role)
  const stay = kind === 'commit' && before !== undefined ? before.mls.devices : new Map<string, ReadonlyMap<string, number>>()
  const joining = kind !== 'commit' || decision.opensOwn ? [...added, from] : added
  const devices = changed(stay, decision.remove, joining)
  return {
    groupId,
    name: before?.name ?? null,
    protocol: 'mls',
    version: (before?.version ?? 0) + 1,
    createdAt: before?.createdAt ?? now,
    mailbox: mailbox.name,
    members,
    mls: { isDirect, generation, epoch, seq, devices, departed: decision.departed },
  }
}

function numbersOf(mls: MlsState | undefined, devices: readonly MemberDevice[]): number[] {
  const found = devices.map(({ userId, deviceId }) => mls?.devices.get(userId)?.get(deviceId))
  return found.filter((no) => no !== undefined)
}

/** Who reads the group and is not in its new generation. */
function othersOf(mls: MlsState | undefined, added: readonly Numbered[], from: Device): number[] {
  const stay = new Set([from.no, ...added.map(({ no }) => no)])
  const all = [...(mls?.devices.values() ?? [])].flatMap((devices) => [...devices.values()])
  return all.filter((no) => !stay.has(no))
}
