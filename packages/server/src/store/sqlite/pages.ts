import type { Clock } from '../../clock.ts'
import { entryBytes } from '../entry-bytes.ts'
import type { Entry, EntryKind, Gap, Item, ReadLimit } from '../store.ts'
import { type Mailbox, tombstone } from './mailbox.ts'
import type { Reader } from './reader.ts'
import { metaWidth, type PackedEntries } from './reads.ts'
import { readable } from './welcome-entry.ts'

/** Reads a mailbox: settled entries through the reader thread, later ones from memory, holes named. */
export class Pages {
  private readonly reader: Reader
  private readonly clock: Clock

  constructor(reader: Reader, clock: Clock) {
    this.reader = reader
    this.clock = clock
  }

  read(mailbox: Mailbox, after: number, limit: ReadLimit): readonly Item[] | Promise<readonly Item[]> {
    const items: Item[] = []
    let at = after
    if (at < mailbox.floor) {
      pushHoles(items, mailbox, at + 1, mailbox.floor)
      at = mailbox.floor
    }
    if (at >= mailbox.settled) {
      this.readRecent(items, mailbox, at, limit)
      return items
    }
    return this.readSettled(items, mailbox, at, limit)
  }

  private async readSettled(items: Item[], mailbox: Mailbox, after: number, limit: ReadLimit): Promise<readonly Item[]> {
    const upTo = mailbox.settled
    const packed = await this.reader.run('readEntries', { mailbox: mailbox.no, after, upTo, limit })
    const at = this.unpack(items, mailbox, packed, after)
    if (at < packed.upTo) pushHoles(items, mailbox, at + 1, packed.upTo)
    // What has been settled meanwhile is read by the next call.
    if (packed.upTo < upTo || upTo < mailbox.settled) return items
    const rest = { entries: limit.entries - packed.meta.length / metaWidth, bytes: limit.bytes - packed.bytes.length }
    if (rest.entries > 0 && rest.bytes > 0) this.readRecent(items, mailbox, upTo, rest)
    return items
  }

  private unpack(items: Item[], mailbox: Mailbox, { meta, bytes }: PackedEntries, after: number): number {
    const now = this.clock.now()
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = after
    let start = 0
    for (let i = 0; i < meta.length; i += metaWidth) {
      const seq = meta[i]!
      const kind = meta[i + 1]!
      const expiresAt = meta[i + 4]!
      const end = meta[i + 5]!
      if (seq > at + 1) pushHoles(items, mailbox, at + 1, seq - 1)
      if (kind === tombstone) pushGap(items, { gone: 'erased', mailbox: mailbox.name, seq, to: seq })
      else if (expiresAt !== 0 && expiresAt <= now) pushGap(items, { gone: 'expired', mailbox: mailbox.name, seq, to: seq })
      else {
        const entry: Entry = {
          mailbox: mailbox.name,
          seq,
          kind: kind as EntryKind,
          sender: meta[i + 2]!,
          receivedAt: meta[i + 3]!,
          json: buffer.subarray(start, end),
        }
        items.push(entry)
      }
      at = seq
      start = end
    }
    return at
  }

  private readRecent(items: Item[], mailbox: Mailbox, after: number, limit: ReadLimit): void {
    const now = this.clock.now()
    const isFirst = items.length === 0
    let entries = 0
    let bytes = 0
    for (let seq = after + 1; seq <= mailbox.durable && entries < limit.entries; seq++) {
      const record = mailbox.recentEntry(seq)!
      if (record.expiresAt !== 0 && record.expiresAt <= now) {
        pushGap(items, { gone: 'expired', mailbox: mailbox.name, seq, to: seq })
        continue
      }
      const entry = readable(record)
      bytes += entryBytes(entry)
      if ((entries > 0 || !isFirst) && bytes > limit.bytes) return
      items.push(entry)
      entries++
    }
  }
}

/** Says why entries are missing: a device fell behind, or they have expired. */
function pushHoles(items: Item[], { name, limitFloor }: Mailbox, from: number, to: number): void {
  if (from <= limitFloor) pushGap(items, { gone: 'limit', mailbox: name, seq: from, to: Math.min(limitFloor, to) })
  const rest = Math.max(from, limitFloor + 1)
  if (rest <= to) pushGap(items, { gone: 'expired', mailbox: name, seq: rest, to })
}

function pushGap(items: Item[], gap: Gap): void {
  const last = items.at(-1)
  if (last !== undefined && 'gone' in last && last.gone === gap.gone && last.to === gap.seq - 1) {
    items[items.length - 1] = { ...last, to: gap.to }
  } else {
    items.push(gap)
  }
}
