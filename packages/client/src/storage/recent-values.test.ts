import { describe, expect, test } from 'vitest'
import { memoryStorage } from './memory.ts'
import { withRecentValues } from './recent-values.ts'
import { describeStorage } from './storage.suite.ts'
import type { ClientStorage, OpenStorage } from './storage.ts'

function wrapped(storage: ClientStorage): ClientStorage {
  return { ...storage, open: async (options) => withRecentValues(await storage.open(options)) }
}

describeStorage(
  'memory with recent values',
  () => {
    const storage = wrapped(memoryStorage())
    return { storage: () => storage, raw: undefined }
  },
  { sealed: false },
)

/** Bytes that say who they are. */
const value = (text: string) => new TextEncoder().encode(text)
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))

/** Storage that counts how often it is read, and fails the next write when it is told to. */
async function observed(): Promise<{ storage: OpenStorage; below: OpenStorage; reads: () => number; failNext: () => void }> {
  const below = await memoryStorage().open()
  let reads = 0
  let fails = false
  const storage = withRecentValues({
    get: (collection, key) => {
      reads += 1
      return below.get(collection, key)
    },
    range: (collection, range) => {
      reads += 1
      return below.range(collection, range)
    },
    write: async (changes) => {
      if (!fails) return await below.write(changes)
      fails = false
      throw new Error('the disk is full')
    },
    close: () => below.close(),
  })
  return {
    storage,
    below,
    reads: () => reads,
    failNext: () => {
      fails = true
    },
  }
}

const newest = { prefix: 'chat/', reverse: true, limit: 1 } as const

describe('values that were written last', () => {
  test('are not read again, and later ones, deletions and failed writes are seen', async () => {
    const { storage, below, reads, failNext } = await observed()
    await storage.write([{ collection: 'messages', key: 'chat/1', value: value('one') }])
    expect(text(await storage.get('messages', 'chat/1'))).toBe('one')
    expect(reads()).toBe(0)
    failNext()
    await expect(storage.write([{ collection: 'messages', key: 'chat/1', value: value('lost') }])).rejects.toThrow('full')
    expect(text(await storage.get('messages', 'chat/1'))).toBe('one')
    await storage.write([{ collection: 'messages', key: 'chat/1', value: value('two') }])
    expect(text(await storage.get('messages', 'chat/1'))).toBe('two')
    await storage.write([{ collection: 'messages', key: 'chat/1', value: undefined }])
    expect(await storage.get('messages', 'chat/1')).toBeUndefined()
    expect(await below.get('messages', 'chat/1')).toBeUndefined()
  })

  test('are one’s own copies', async () => {
    const { storage } = await observed()
    const given = value('one')
    await storage.write([{ collection: 'messageIds', key: 'a', value: given }])
    given.fill(0)
    const got = await storage.get('messageIds', 'a')
    expect(text(got)).toBe('one')
    got!.fill(0)
    expect(text(await storage.get('messageIds', 'a'))).toBe('one')
  })

  test('are bounded', async () => {
    const { storage, reads } = await observed()
    const keys = Array.from({ length: 2_000 }, (_, index) => `chat/${index}`)
    for (const key of keys) await storage.write([{ collection: 'messages', key, value: value(key) }])
    await storage.write([{ collection: 'messages', key: 'chat/large', value: new Uint8Array(100_000) }])
    for (const key of keys) expect(text(await storage.get('messages', key))).toBe(key)
    expect((await storage.get('messages', 'chat/large'))!.length).toBe(100_000)
    expect(reads()).toBe(2_000 - 512 + 1)
  })
})

test('the newest of a conversation follows every write', async () => {
  const { storage, below, reads } = await observed()
  const put = (key: string) => ({ collection: 'messages', key: `chat/${key}`, value: value(key) }) as const
  const drop = (key: string) => ({ collection: 'messages', key: `chat/${key}`, value: undefined }) as const
  const last = async () => text((await storage.range('messages', newest))[0]?.value)
  await storage.write([put('3')])
  expect(await last()).toBe('3')
  const before = reads()
  await storage.write([put('5'), put('4')])
  expect(await last()).toBe('5')
  await storage.write([put('1')])
  expect(await last()).toBe('5')
  expect(reads()).toBe(before)
  await storage.write([drop('5')])
  expect(await last()).toBe('4')
  await storage.write([drop('4'), put('35')])
  expect(await last()).toBe(text((await below.range('messages', newest))[0]?.value))
  await storage.write([drop('35'), drop('3'), drop('1')])
  expect(await last()).toBeUndefined()
})

test('what waits for a message is found as soon as it is there', async () => {
  const { storage, reads } = await observed()
  const waiting = () => storage.range('later', { prefix: 'action/message/' })
  expect(await waiting()).toEqual([])
  const before = reads()
  expect(await waiting()).toEqual([])
  expect(reads()).toBe(before)
  await storage.write([{ collection: 'later', key: 'action/message/1', value: value('like') }])
  expect(await waiting()).toHaveLength(1)
  expect(await storage.range('later', { prefix: 'action/other/' })).toEqual([])
  await storage.write([{ collection: 'later', key: 'action/message/1', value: undefined }])
  expect(await waiting()).toEqual([])
})

test('a read that a write overtakes is not remembered', async () => {
  const below = await memoryStorage().open()
  const gate = Promise.withResolvers<void>()
  const storage = withRecentValues({
    ...below,
    range: async (collection, range) => {
      const found = await below.range(collection, range)
      await gate.promise
      return found
    },
  })
  const reading = [storage.range('messages', newest), storage.range('later', { prefix: 'action/message/' })]
  await storage.write([
    { collection: 'messages', key: 'chat/1', value: value('one') },
    { collection: 'later', key: 'action/message/1', value: value('like') },
  ])
  gate.resolve()
  await Promise.all(reading)
  expect(text((await storage.range('messages', newest))[0]?.value)).toBe('one')
  expect(await storage.range('later', { prefix: 'action/message/' })).toHaveLength(1)
})
