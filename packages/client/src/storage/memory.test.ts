import { expect, test } from 'vitest'
import { memoryStorage } from './memory.ts'
import { describeStorage } from './storage.suite.ts'

describeStorage(
  'memory',
  () => {
    const storage = memoryStorage()
    return { storage: () => storage, raw: undefined }
  },
  { sealed: false },
)

test('each memory storage is one of its own', async () => {
  const [one, other] = [memoryStorage(), memoryStorage()]
  expect(one.name).not.toBe(other.name)
  const open = await one.open()
  await open.write([{ collection: 'device', key: 'a', value: new Uint8Array(1) }])
  expect(await (await other.open()).range('device')).toEqual([])
})
