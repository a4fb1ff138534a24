import type { MemberDevice } from '@sotto/protocol'
import { type Entry, entryKinds } from '../store/store.ts'
import { frameOf } from './frame-writer.ts'
import { groupNews, openedBy } from './group-news.ts'

/** Somebody who reads a mailbox. */
export interface Listener {
  /** An entry was committed. `framed`: it stands ready to be written, because several will. */
  offer(entry: Entry, framed: Buffer | null): void
}

/** Somebody who reads on behalf of a device. */
export interface DeviceListener {
  /** A commit has opened a window of a group for the device: it is to be subscribed to. */
  opened(groupId: string): void
}

/** Receivers from which on a frame is built once for all. */
const sharedFrom = 4

/** Who reads which mailbox in this process: where committed entries wake their readers. */
export class Hub {
  private readonly listeners = new Map<string, Listener[]>()
  private readonly devices = new Map<string, DeviceListener[]>()

  listen(mailbox: string, listener: Listener): void {
    put(this.listeners, mailbox, listener)
  }

  unlisten(mailbox: string, listener: Listener): void {
    take(this.listeners, mailbox, listener)
  }

  listenFor(device: MemberDevice, listener: DeviceListener): void {
    put(this.devices, nameOf(device), listener)
  }

  unlistenFor(device: MemberDevice, listener: DeviceListener): void {
    take(this.devices, nameOf(device), listener)
  }

  /** Offers committed entries, in order. */
  wake(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind === entryKinds.commit) this.tellOpened(entry)
      const list = this.listeners.get(entry.mailbox)
      if (list === undefined) continue
      const framed = list.length >= sharedFrom && entry.pieces === undefined ? frameOf(entry.json) : null
      // A listener may leave while it is offered something.
      for (let i = list.length - 1; i >= 0; i--) list[i]?.offer(entry, framed)
    }
  }

  private tellOpened(entry: Entry): void {
    if (this.devices.size === 0) return
    const groupId = groupNews(entry)?.groupId
    if (groupId === undefined) return
    for (const device of openedBy(entry)) {
      for (const listener of this.devices.get(nameOf(device)) ?? []) listener.opened(groupId)
    }
  }
}

function nameOf({ userId, deviceId }: MemberDevice): string {
  return `${userId}/${deviceId}`
}

function put<listener>(lists: Map<string, listener[]>, key: string, listener: listener): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [listener])
  else list.push(listener)
}

function take<listener>(lists: Map<string, listener[]>, key: string, listener: listener): void {
  const list = lists.get(key)
  const at = list?.indexOf(listener) ?? -1
  if (list === undefined || at < 0) return
  if (list.length === 1) lists.delete(key)
  else {
    // The order of listeners means nothing.
    list[at] = list.at(-1)!
    list.pop()
  }
}
