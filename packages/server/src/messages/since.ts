import { type RouteInput, wire } from '@sotto/protocol'
import type { Caller } from '../caller.ts'
import type { Entry, ReadLimit, Store, Subscription } from '../store/store.ts'
import { parseSinceCursor, type SinceCursor, sinceCursorText } from './since-cursor.ts'
import { comparePositions, FirstPage } from './since-page.ts'

const pageBytes = 4 * 1024 * 1024
const chunk: ReadLimit = { entries: 100, bytes: 512 * 1024 }

export interface Since {
  /** Oldest first: by time, mailbox, seq. */
  readonly entries: readonly Entry[]
  /** What to ask for next time: nothing that this answer lacks was received before. */
  readonly now: number
  /** Cursor of the next page, when there is one. */
  readonly next: string | undefined
}

/**
 * Entries that the acting device may read, received at or after `timestamp`, but for those that it sent itself.
 * Those are passed over, so that a page may hold fewer than `limit` and yet have a next one.
 *
 * `now` is read before anything else and stays that of the first page: what becomes readable while the pages are
 * fetched was not received before it. Throws `bad_request` (cursor).
 */
export async function messagesSince(
  store: Store,
  caller: Caller,
  timestamp: number,
  { cursor: text, limit = wire.messagesPerPage }: NonNullable<RouteInput<'GET /messages/since/:timestamp'>['query']>,
): Promise<Since> {
  const cursor = text === undefined ? undefined : parseSinceCursor(text)
  const now = cursor?.now ?? store.horizon()
  const from = Math.max(timestamp, cursor?.after.receivedAt ?? 0)
  const page = new FirstPage<Entry | undefined>({ entries: limit, bytes: pageBytes })
  const { known } = caller
  const subscribed = () => (known === undefined ? store.readable(caller.userId) : store.subscriptions(known))
  // Heads before windows: a removal between the two is then known before anything that came after it can be read.
  const heads = new Map((await subscribed()).map(({ mailbox, head }) => [mailbox, head]))
  for (const subscription of await subscribed()) {
    const head = heads.get(subscription.mailbox) ?? 0
    await collect(store, { ...subscription, head }, from, cursor, known?.no, page)
  }
  const entries = page.items.filter((entry) => entry !== undefined)
  noteDelivered(store, entries)
  return { entries, now, next: page.end === undefined ? undefined : sinceCursorText({ now, after: page.end }) }
}

/** Offers what the windows of one mailbox show, until the page takes no more of it. */
async function collect(
  store: Store,
  { mailbox, windows, head }: Subscription,
  from: number,
  cursor: SinceCursor | undefined,
  ownNo: number | undefined,
  page: FirstPage<Entry | undefined>,
): Promise<void> {
  if (windows.every((window) => window.from >= head)) return
  let after = cursor?.after.mailbox === mailbox ? cursor.after.seq : await store.seek(mailbox, from)
  for (const window of windows) {
    const end = Math.min(window.to, head)
    after = Math.max(after, window.from)
    while (after < end) {
      const items = await store.read(mailbox, after, chunk)
      if (items.length === 0) return
      for (const item of items) {
        if (item.seq > end) break
        if ('gone' in item) continue
        if (item.receivedAt < from || (cursor !== undefined && comparePositions(item, cursor.after) <= 0)) continue
        const position = { receivedAt: item.receivedAt, mailbox, seq: item.seq }
        const own = item.sender === ownNo
        if (!page.offer(position, own ? undefined : item, own ? 0 : item.json.length)) return
      }
      const last = items.at(-1)
      after = last === undefined ? end : 'gone' in last ? last.to : last.seq
    }
  }
}

function noteDelivered(store: Store, entries: readonly Entry[]): void {
  const highest = new Map<string, number>()
  for (const { mailbox, seq } of entries) highest.set(mailbox, Math.max(seq, highest.get(mailbox) ?? 0))
  for (const [mailbox, seq] of highest) store.delivered(mailbox, seq)
}
