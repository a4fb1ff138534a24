import type { MemberDevice } from '@sotto/protocol'
import { type Device, type Entry, entryKinds } from '../store/store.ts'

/** What the log says of who reads a group: the members of `membership`, `commit` and `departed` frames that matter for it. */
export interface GroupNews {
  readonly groupId: string
  /** Users of a membership, devices of a commit. */
  readonly added: readonly (string | MemberDevice)[]
  readonly removed: readonly (string | MemberDevice)[]
  /** The committing device. */
  readonly from: string
  readonly fromDevice: string
  readonly generation: number
  readonly epoch: number
  readonly userId: string
  readonly deviceId: string | undefined
}

const newsKinds: readonly number[] = [entryKinds.membership, entryKinds.commit, entryKinds.departed]
/** The commit itself stands last in its frame, and is not looked at. */
const commitMember = Buffer.from(',"commit":"')

/** Many sessions are offered the same entry: it is read once. */
const read = new WeakMap<Entry, GroupNews>()

/** What an entry says of who reads the group; null: nothing. */
export function groupNews(entry: Entry): GroupNews | null {
  if (!newsKinds.includes(entry.kind)) return null
  const known = read.get(entry)
  if (known !== undefined) return known
  const { json } = entry
  const end = entry.kind === entryKinds.commit ? json.lastIndexOf(commitMember) : -1
  const text = end < 0 ? json.toString() : `${json.toString('utf8', 0, end)}}`
  const news = JSON.parse(text) as GroupNews
  read.set(entry, news)
  return news
}

/** Whether a device reads the group no further than this entry. */
export function closesFor(entry: Entry, device: Device): boolean {
  const news = groupNews(entry)
  if (news === null) return false
  const { added, removed, generation, epoch } = news
  if (entry.kind === entryKinds.membership) return removed.includes(device.userId)
  if (entry.kind === entryKinds.departed) {
    return news.userId === device.userId && (news.deviceId === undefined || news.deviceId === device.deviceId)
  }
  if (entry.sender === device.no || names(added, device)) return false
  // A reset is the first commit of its generation: it leaves out whom it does not name.
  return names(removed, device) || (generation > 0 && epoch === 0)
}

/** The devices that may read the group from here on, as far as an entry says so. */
export function openedBy(entry: Entry): readonly MemberDevice[] {
  const news = entry.kind === entryKinds.commit ? groupNews(entry) : null
  if (news === null) return []
  const added = news.added as readonly MemberDevice[]
  // Whoever creates a group, or resets it, is not among those who are added.
  return news.epoch === 0 ? [...added, { userId: news.from, deviceId: news.fromDevice }] : added
}

function names(devices: readonly (string | MemberDevice)[], { userId, deviceId }: Device): boolean {
  return (devices as readonly MemberDevice[]).some((device) => device.userId === userId && device.deviceId === deviceId)
}
