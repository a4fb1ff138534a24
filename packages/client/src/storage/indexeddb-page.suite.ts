import { SottoClientError } from '../errors.ts'
import { indexedDbStorage } from './indexeddb.ts'
import { valuesStore } from './indexeddb-values.ts'
import { answerOf, completed, type IdbDatabase, type IdbOpenRequest, web } from './indexeddb-web.ts'
import type { Change, OpenStorage } from './storage.ts'
import { storageCases } from './storage-cases.suite.ts'
import { utf8, words } from './storage-check.suite.ts'
import type { RawValues, StorageUnderTest } from './storage-under-test.suite.ts'

/** What the tests of IndexedDB call in a page: there, it is `entry`. All arguments and answers are JSON. */

const factory = web.indexedDB as NonNullable<typeof web.indexedDB> & { deleteDatabase(name: string): IdbOpenRequest }

async function inDatabase<T>(name: string, work: (db: IdbDatabase) => Promise<T>): Promise<T> {
  const db = await answerOf(factory.open(name, 1))
  try {
    return await work(db)
  } finally {
    db.close()
  }
}

function rawValues(name: string): RawValues {
  return {
    read: (collection, key) =>
      inDatabase(name, async (db) => {
        const store = db.transaction([valuesStore], 'readonly').objectStore(valuesStore)
        return (await answerOf(store.get([collection, key]))) as Uint8Array
      }),
    replace: (collection, key, value) =>
      inDatabase(name, async (db) => {
        const transaction = db.transaction([valuesStore], 'readwrite')
        transaction.objectStore(valuesStore).put(value, [collection, key])
        await completed(transaction)
      }),
  }
}

/** Runs a case of the conformance suite on a database of its own. Rejects as the case does. */
export async function runCase(caseName: string): Promise<void> {
  const found = storageCases.find(({ name }) => name === caseName)
  if (found === undefined) throw new Error(`there is no case ${caseName}`)
  const name = `case ${crypto.randomUUID()}`
  const under: StorageUnderTest = { storage: () => indexedDbStorage({ name }), raw: rawValues(name) }
  await found.run(under)
  await answerOf(factory.deleteDatabase(name))
}

let open: OpenStorage | undefined

function opened(): OpenStorage {
  if (open === undefined) throw new Error('this page has nothing open')
  return open
}

/** `ok`, or the code of the refusal. */
async function outcome(done: Promise<unknown>): Promise<string> {
  try {
    await done
    return 'ok'
  } catch (error) {
    if (error instanceof SottoClientError) return error.code
    throw error
  }
}

/** Opens the storage of this page; null: the one of no name. */
export function openStorage(name: string | null, wait: boolean): Promise<string> {
  const storage = indexedDbStorage(name === null ? {} : { name })
  return outcome(
    storage.open({ wait }).then((one) => {
      open = one
    }),
  )
}

export function closeStorage(): Promise<string> {
  return outcome(opened().close())
}

/** What a page does that is about to be frozen: the lock is free when it returns, whatever is under way. */
export function letGo(): void {
  void opened().close({ atOnce: true })
}

const put = (key: string, text: string): Change => ({ collection: 'messages', key, value: utf8(text) })

/** Writes texts to the collection `messages`. */
export function write(texts: Readonly<Record<string, string>>): Promise<string> {
  return outcome(opened().write(Object.entries(texts).map(([key, text]) => put(key, text))))
}

/** Writes so many random bytes, which nothing makes smaller, and a text beside them. */
export function writeBytes(key: string, length: number): Promise<string> {
  const value = new Uint8Array(length)
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(value.subarray(at, at + 65_536))
  return outcome(opened().write([put(key, 'beside'), { collection: 'mls', key, value }]))
}

/** Writes the same number to twenty keys, then the next, and never stops. */
export function writeForEver(): void {
  const keys = Array.from({ length: 20 }, (_, at) => `n${at}`)
  const next = async (n: number): Promise<void> => {
    if ((await write(Object.fromEntries(keys.map((key) => [key, String(n).padEnd(20_000)])))) !== 'ok') return
    written = n
    return next(n + 1)
  }
  void next(1)
}

let written = 0

/** How many writes of `writeForEver` were accepted. */
export const writtenSoFar = () => written

/** The texts in the collection `messages`. */
export async function readAll(): Promise<Record<string, string | undefined>> {
  return Object.fromEntries((await opened().range('messages')).map(({ key, value }) => [key, words(value)]))
}

export function read(key: string): Promise<string> {
  return outcome(opened().get('messages', key))
}

/** Deletes the database as another tab would. */
export async function deleteDatabase(name: string): Promise<void> {
  await answerOf(factory.deleteDatabase(name))
}

/** Leaves a database as a newer version would, with these object stores. */
export async function makeDatabase(name: string, version: number, stores: readonly string[]): Promise<void> {
  const request = factory.open(name, version)
  request.onupgradeneeded = () => {
    for (const store of stores) {
      if (!request.result.objectStoreNames.contains(store)) request.result.createObjectStore(store)
    }
  }
  const db = await answerOf(request)
  db.close()
}

/** Takes the storage's lock by force. */
export function stealLock(name: string): void {
  void navigator.locks.request(`indexeddb:${name}`, { steal: true }, () => undefined)
}

/** What can be learned of the key that seals: its kind, and why its bytes cannot be had. */
export async function sealKey(name: string): Promise<unknown> {
  return inDatabase(name, async (db) => {
    const key = await answerOf(db.transaction(['keys'], 'readonly').objectStore('keys').get('seal'))
    if (!(key instanceof CryptoKey)) return 'not a key'
    const exported = await crypto.subtle.exportKey('raw', key).then(
      () => 'its bytes',
      (error: unknown) => (error as Error).name,
    )
    return { algorithm: key.algorithm, extractable: key.extractable, exported }
  })
}

/** Removes the key that seals. */
export async function loseKey(name: string): Promise<void> {
  await inDatabase(name, async (db) => {
    const transaction = db.transaction(['keys'], 'readwrite')
    transaction.objectStore('keys').delete('seal')
    await completed(transaction)
  })
}
