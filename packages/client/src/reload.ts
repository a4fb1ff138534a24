import type { Conversation } from './conversation.ts'
import type { Message } from './message.ts'
import type { ConversationSnapshot, CoreApi, MessageSnapshot } from './sync/core-api.ts'

/** How far back the news of a conversation are looked for. */
const newsMax = 200
const askedAtOnce = 50

/** What a tab shows. */
export interface ShownSoFar {
  readonly core: Pick<CoreApi, 'call'>
  /** The application wants messages. */
  hasHandlers(): boolean
  conversation(id: string): Conversation | undefined
  message(id: string): Message | undefined
  /** All that the application may still hold. */
  messages(): readonly Message[]
  conversationChanged(snapshot: ConversationSnapshot): void
  messageChanged(snapshot: MessageSnapshot): void
}

/**
 * After the writer has changed, or this tab has slept: what was missed is told as if it happened now. Messages that nobody has
 * handled are handed over again; whatever differs from what is shown is an `update` or a `conversation`.
 */
export async function reload(shown: ShownSoFar): Promise<void> {
  const { core } = shown
  if (shown.hasHandlers()) await core.call('deliver')
  const held = shown.messages()
  const before = new Map<string, ConversationSnapshot | undefined>()
  for (const snapshot of await core.call('conversations')) {
    const was = shown.conversation(snapshot.id)?.toJSON()
    if (same(was, snapshot)) continue
    before.set(snapshot.id, was)
    shown.conversationChanged(snapshot)
  }
  for (const [id, was] of before) await tellNews(shown, id, was?.lastMessage)
  for (let from = 0; from < held.length; from += askedAtOnce)
    await Promise.all(held.slice(from, from + askedAtOnce).map((message) => readAgain(shown, message)))
}

/** Messages of the conversation that are newer than the newest one shown. */
async function tellNews(shown: ShownSoFar, conversationId: string, newest: MessageSnapshot | undefined): Promise<void> {
  const news = await shown.core.call('history', conversationId, { before: undefined, limit: newsMax })
  const until = news.findIndex(({ id }) => id === newest?.id)
  for (const snapshot of news.slice(0, until < 0 ? news.length : until).reverse())
    if (shown.message(snapshot.id) === undefined) shown.messageChanged(snapshot)
}

async function readAgain(shown: ShownSoFar, message: Message): Promise<void> {
  const was = message.toJSON()
  const now = await shown.core.call('message', was.id)
  // An event has come in between: it is newer than the answer may be.
  if (message.toJSON() !== was) return
  if (now !== undefined && !same(was, now)) shown.messageChanged(now)
  // It has expired.
  if (now === undefined && !was.deleted) shown.messageChanged({ ...was, text: undefined, custom: undefined, deleted: true })
}

/** Snapshots are JSON, and the core always writes them in the same way. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
