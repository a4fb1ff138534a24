import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { SottoClientError } from '../errors.ts'
import { boundsOf } from './bounds.ts'
import { storageError } from './sqlite-error.ts'
import { canonicalPath, createSchema, isNew, openAlone, sealOf } from './sqlite-file.ts'
import { knownKey, newKey } from './sqlite-key.ts'
import { type Seal, sealWith } from './sqlite-seal.ts'
import { type SealedChange, sqliteValues } from './sqlite-values.ts'
import type { ClientStorage, OpenStorage } from './storage.ts'
import { writeQueue } from './write-queue.ts'

export interface SqliteStorageOptions {
  /** The database file. It and its folder are made when they are not there, for their owner alone. */
  readonly path: string
  /**
   * Seals with a key made from this (Argon2id). Without it the key is in the file `<path>.key`: whoever has both files
   * reads everything, so that a backup of one is worth nothing to a thief, and nothing to you, without the other.
   */
  readonly passphrase?: string
}

const checkName = 'check'
const checkText = new TextEncoder().encode('sotto')

/**
 * Storage in one SQLite file, for Node.js: each value sealed with AES-256-GCM, each write synced to disk. One process at
 * a time; a crash leaves no lock behind.
 *
 * `Sotto.open` then throws `storage_in_use`, `storage_unreadable` (another key or passphrase, damaged), `storage_newer`.
 *
 * @example
 * const storage = sqliteStorage({ path: './data/alice.db' })
 * const sotto = await Sotto.open({ url, token, storage })
 */
export function sqliteStorage({ path, passphrase }: SqliteStorageOptions): ClientStorage {
  if (typeof path !== 'string' || path === '' || path.startsWith(':'))
    throw new SottoClientError('invalid_option', '`path` must name a file.')
  if (passphrase !== undefined && (typeof passphrase !== 'string' || passphrase === ''))
    throw new SottoClientError('invalid_option', '`passphrase` must be a text that is not empty.')
  const file = canonicalPath(path)
  return {
    name: `sqlite:${file}`,
    sharing: 'process',
    async open({ wait = false, signal } = {}) {
      const db = await openAlone(file, wait, signal)
      try {
        return opened(file, db, await sealOfFile(file, db, passphrase))
      } catch (error) {
        db.close()
        throw storageError(file, error)
      }
    },
  }
}

async function sealOfFile(file: string, db: DatabaseSync, passphrase: string | undefined): Promise<Seal> {
  if (isNew(db, file)) {
    const { key, record } = await newKey(file, passphrase)
    const seal = wiped(key)
    createSchema(db, record, seal.seal(checkName, checkText))
    return seal
  }
  const kept = sealOf(db)
  if (kept === undefined)
    throw new SottoClientError('storage_unreadable', `${file} does not say how its key is made: it is damaged.`)
  const seal = wiped(await knownKey(file, kept.keyRecord, passphrase))
  if (seal.unseal(checkName, kept.check) === undefined)
    throw new SottoClientError(
      'storage_unreadable',
      `${file} does not open with this ${passphrase === undefined ? 'key file' : 'passphrase'}.`,
    )
  return seal
}

function wiped(key: Uint8Array): Seal {
  const seal = sealWith(key)
  key.fill(0)
  return seal
}

function opened(file: string, db: DatabaseSync, seal: Seal): OpenStorage {
  const values = sqliteValues(db, seal)
  const queue = writeQueue<readonly SealedChange[]>(async (steps) => values.commit(steps), setImmediate)
  let closed: Promise<void> | undefined

  async function answer<T>(ask: () => T): Promise<Awaited<T>> {
    if (closed !== undefined) throw new SottoClientError('storage_closed')
    try {
      return await ask()
    } catch (error) {
      throw storageError(file, error)
    }
  }

  return {
    get: (collection, key) => answer(() => values.get(collection, key)),
    range: (collection, range) =>
      answer(() => {
        const bounds = boundsOf(range)
        return bounds === undefined ? [] : values.range(collection, bounds)
      }),
    write: (changes) => answer(() => (changes.length === 0 ? undefined : queue.add(values.prepare(changes)))),
    close() {
      closed ??= queue.idle().then(() => db.close())
      return closed
    },
  }
}
