import { SottoClientError } from '../errors.ts'
import { boundsOf } from './bounds.ts'
import { generateWebKey, type WebKey } from './indexeddb-seal.ts'
import { indexedDbValues, type SealedChange, valuesStore } from './indexeddb-values.ts'
import { answerOf, completed, type IdbDatabase, web } from './indexeddb-web.ts'
import type { ClientStorage, OpenStorage } from './storage.ts'
import { takeWebLock } from './web-lock.ts'
import { writeQueue } from './write-queue.ts'

export interface IndexedDbStorageOptions {
  /** The database's name, `sotto` unless said: one for each account that one origin serves at the same time. */
  readonly name?: string
}

const schemaVersion = 1
const keysStore = 'keys'
const sealKeyName = 'seal'

/**
 * Storage in the browser's database, for all tabs of an origin. Each value is sealed with a key that the browser keeps in the
 * same database and lets no script read; each write is synced to disk. One tab at a time has it open (Web Locks).
 *
 * `Sotto.open` then throws `storage_unreadable`, `storage_newer`, and `invalid_option` where the browser has no IndexedDB or
 * Web Locks for this page (it must be served over HTTPS, or from this very machine).
 *
 * @example const sotto = await Sotto.open({ url, token, storage: indexedDbStorage() })
 */
export function indexedDbStorage({ name = 'sotto' }: IndexedDbStorageOptions = {}): ClientStorage {
  if (typeof name !== 'string' || name === '')
    throw new SottoClientError('invalid_option', '`name` must be a text that is not empty.')
  const storageName = `indexeddb:${name}`
  return {
    name: storageName,
    sharing: 'tabs',
    async open(options = {}) {
      if (web.indexedDB === undefined || globalThis.navigator?.locks === undefined)
        throw new SottoClientError('invalid_option', 'This page has no IndexedDB or no Web Locks: serve it over HTTPS.')
      let whenStolen = () => {}
      const release = await takeWebLock(storageName, options, () => whenStolen())
      try {
        const db = await openDatabase(name)
        try {
          const storage = opened(name, db, await sealKey(db), release)
          whenStolen = () => void storage.close()
          return storage
        } catch (error) {
          db.close()
          throw error
        }
      } catch (error) {
        release()
        throw storageError(name, error)
      }
    },
  }
}

async function openDatabase(name: string): Promise<IdbDatabase> {
  const request = (web.indexedDB as NonNullable<typeof web.indexedDB>).open(name, schemaVersion)
  request.onupgradeneeded = () => {
    for (const store of [valuesStore, keysStore]) request.result.createObjectStore(store)
  }
  const db = await answerOf(request)
  if ([valuesStore, keysStore].every((store) => db.objectStoreNames.contains(store))) return db
  db.close()
  throw new SottoClientError('storage_unreadable', `The database ${name} belongs to another program: choose another name.`)
}

/** The key of the database, made when there is nothing yet that it could open. The caller holds the lock. */
async function sealKey(db: IdbDatabase): Promise<WebKey> {
  const known = await answerOf(db.transaction([keysStore], 'readonly').objectStore(keysStore).get(sealKeyName))
  if (known !== undefined) return known as WebKey
  const values = await answerOf(db.transaction([valuesStore], 'readonly').objectStore(valuesStore).count())
  if (values > 0) throw new SottoClientError('storage_unreadable', 'The key of this storage is gone.')
  const key = await generateWebKey()
  const writing = db.transaction([keysStore], 'readwrite', { durability: 'strict' })
  const done = completed(writing)
  writing.objectStore(keysStore).put(key, sealKeyName)
  await done
  return key
}

function opened(name: string, db: IdbDatabase, key: WebKey, release: () => void): OpenStorage {
  const values = indexedDbValues(db, key)
  const queue = writeQueue<Promise<readonly SealedChange[]>>(async (steps) => values.commit(await Promise.all(steps)))
  let closed: Promise<void> | undefined

  async function answer<T>(ask: () => Promise<T> | T): Promise<T> {
    if (closed !== undefined) throw new SottoClientError('storage_closed')
    try {
      return await ask()
    } catch (error) {
      throw storageError(name, error)
    }
  }

  function close({ atOnce = false } = {}): Promise<void> {
    const end = () => {
      db.close()
      release()
    }
    closed ??= atOnce ? Promise.resolve() : queue.idle().then(end)
    // A write that has begun goes on without this page, and whoever opens next reads after it.
    if (atOnce) {
      values.endReads()
      end()
    }
    return closed
  }

  // Another tab deletes or upgrades the database and waits for us, or it is gone already.
  db.onversionchange = () => void close()
  db.onclose = () => void close()

  return {
    get: (collection, itemKey) => answer(() => values.get(collection, itemKey)),
    range: (collection, range) =>
      answer(() => {
        const bounds = boundsOf(range)
        return bounds === undefined ? [] : values.range(collection, bounds)
      }),
    write: (changes) => answer(() => (changes.length === 0 ? undefined : queue.add(values.prepare(changes)))),
    close,
  }
}

/** An error of the browser in our words; others stay as they are. */
function storageError(name: string, error: unknown): unknown {
  if (!(error instanceof DOMException)) return error
  switch (error.name) {
    case 'QuotaExceededError':
      return new SottoClientError('storage_full', `The database ${name} has no room left, nothing was kept.`, { cause: error })
    case 'VersionError':
      return new SottoClientError('storage_newer', `The database ${name} was written by a newer version.`, { cause: error })
    case 'InvalidStateError':
    case 'AbortError':
      return new SottoClientError('storage_closed', `The database ${name} was closed, deleted or upgraded.`, { cause: error })
    default:
      return new SottoClientError('storage_unreadable', `The database ${name} cannot be used (${error.message}).`, {
        cause: error,
      })
  }
}
