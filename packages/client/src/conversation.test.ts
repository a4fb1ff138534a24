import { expect, it } from 'vitest'
import { recordOf } from './content/record.ts'
import { encodeRecord } from './content/record-codec.ts'
import { Conversation } from './conversation.ts'
import { memoryStorage } from './index.ts'
import type { Message } from './message.ts'
import type { ConversationSnapshot, CoreApi, CoreMethods, MessageStatus } from './sync/core-api.ts'
import { pack } from './sync/records.ts'
import { orderOf, page, queuedOrder } from './sync/rows.ts'

/** A history over a real storage: messages that are put, and that move from the queue into the log as sent ones do. */
async function history() {
  const storage = await memoryStorage().open()
  const keys = new Map<string, string>()
  const put = async (id: string, order: string, status: MessageStatus) => {
    const key = `chat/${order}`
    const author = { userId: 'alice', deviceId: 'phone' }
    const message = { id, conversationId: 'chat', author, own: true, order, status }
    const envelope = { salt: new Uint8Array(16), sentAt: 1, content: { kind: 'text', text: id } } as const
    const value = encodeRecord(recordOf(message, envelope)!)
    const before = keys.get(id)
    await storage.write([
      ...(before === undefined ? [] : [{ collection: 'messages' as const, key: before, value: undefined }]),
      { collection: 'messages', key, value },
      { collection: 'messageIds', key: id, value: pack(key) },
    ])
    keys.set(id, key)
  }
  const call = (_: string, conversationId: string, asked: Parameters<CoreMethods['history']>[1]) =>
    page({ storage }, conversationId, asked)
  const chat = new Conversation({ id: 'chat' } as ConversationSnapshot, {
    core: { call } as unknown as CoreApi,
    message: (snapshot) => snapshot as unknown as Message,
    now: () => 1,
    random: (bytes) => new Uint8Array(bytes),
  })
  return { chat, put }
}

const log = 70
const queued = 60

it('shows each message once, newest first, though the queue is sent between two pages', async () => {
  const { chat, put } = await history()
  for (let n = 1; n <= log; n++) await put(`log ${n}`, orderOf(n), 'sent')
  for (let n = 1; n <= queued; n++) await put(`queue ${n}`, queuedOrder(n), 'queued')
  const shown: string[] = []
  for await (const { id } of chat.messages()) {
    shown.push(id)
    if (shown.length !== 50) continue
    // All but one that stays: the last of the first page, which the next one is asked for by.
    for (let n = 1; n <= queued; n++) if (n !== 11) await put(`queue ${n}`, orderOf(log + n), 'sent')
  }
  const expected = [
    ...Array.from({ length: queued }, (_, at) => `queue ${queued - at}`),
    ...Array.from({ length: log }, (_, at) => `log ${log - at}`),
  ]
  expect(shown).toEqual(expected)
})

it('misses none that stays in the queue when the one that the next page is asked for by is sent', async () => {
  const { chat, put } = await history()
  for (let n = 1; n <= queued; n++) await put(`queue ${n}`, queuedOrder(n), 'queued')
  const shown: string[] = []
  for await (const { id } of chat.messages()) {
    shown.push(id)
    if (shown.length === 50) await put('queue 11', orderOf(1), 'sent')
  }
  expect(shown).toEqual(Array.from({ length: queued }, (_, at) => `queue ${queued - at}`))
})

it('counts to the limit what it shows', async () => {
  const { chat, put } = await history()
  for (let n = 1; n <= log; n++) await put(`log ${n}`, orderOf(n), 'sent')
  const shown: string[] = []
  for await (const { id } of chat.messages({ before: 'log 65', limit: 60 })) shown.push(id)
  expect(shown).toEqual(Array.from({ length: 60 }, (_, at) => `log ${64 - at}`))
})
