import type { DatabaseSync } from 'node:sqlite'
import { SottoClientError } from '../errors.ts'
import type { Bounds } from './bounds.ts'
import { lastOfEach, nameOf } from './changes.ts'
import type { Seal } from './sqlite-seal.ts'
import type { Change, Collection, Item } from './storage.ts'

/** A change that is ready to be written. */
export interface SealedChange {
  readonly collection: Collection
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** The sealed values in a database. Synchronous: one statement, one answer. */
export interface SqliteValues {
  get(collection: Collection, key: string): Uint8Array | undefined
  range(collection: Collection, bounds: Bounds): Item[]
  /** Seals changes as they are now: what becomes of the caller's bytes later does not matter. */
  prepare(changes: readonly Change[]): readonly SealedChange[]
  /** All steps in one transaction, or none. Throws what SQLite throws. */
  commit(steps: readonly (readonly SealedChange[])[]): void
}

type Row = readonly [key: Uint8Array, value: Uint8Array]

export function sqliteValues(db: DatabaseSync, seal: Seal): SqliteValues {
  const one = db.prepare('SELECT value FROM item WHERE collection = ? AND key = ?')
  one.setReturnArrays(true)
  const put = db.prepare(
    'INSERT INTO item(collection, key, value) VALUES (?, ?, ?) ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value',
  )
  const remove = db.prepare('DELETE FROM item WHERE collection = ? AND key = ?')
  const begin = db.prepare('BEGIN IMMEDIATE')
  const end = db.prepare('COMMIT')
  const select = (until: string, order: string) => {
    const statement = db.prepare(
      `SELECT key, value FROM item WHERE collection = ? AND key >= ? ${until} ORDER BY key ${order} LIMIT ?`,
    )
    statement.setReturnArrays(true)
    return statement
  }
  const toLast = { forward: select('', 'ASC'), backward: select('', 'DESC') }
  const toBound = { forward: select('AND key < ?', 'ASC'), backward: select('AND key < ?', 'DESC') }

  const unsealed = (collection: Collection, key: string, sealed: Uint8Array): Uint8Array => {
    const value = seal.unseal(nameOf(collection, key), sealed)
    if (value === undefined) throw new SottoClientError('storage_unreadable', `A value of ${collection} does not open.`)
    return value
  }

  return {
    get(collection, key) {
      const row = one.get(collection, keyBytes(key)) as unknown as readonly [Uint8Array] | undefined
      return row === undefined ? undefined : unsealed(collection, key, row[0])
    },
    range(collection, { from, until, limit = -1, reverse }) {
      const direction = reverse ? 'backward' : 'forward'
      const rows =
        until === undefined
          ? toLast[direction].all(collection, keyBytes(from), limit)
          : toBound[direction].all(collection, keyBytes(from), keyBytes(until), limit)
      return (rows as unknown as readonly Row[]).map(([bytes, sealed]) => {
        const key = keyText(bytes)
        return { key, value: unsealed(collection, key, sealed) }
      })
    },
    prepare(changes) {
      return lastOfEach(changes).map(({ collection, key, value }) => ({
        collection,
        key: keyBytes(key),
        value: value === undefined ? undefined : seal.seal(nameOf(collection, key), value),
      }))
    },
    commit(steps) {
      begin.run()
      try {
        for (const step of steps)
          for (const { collection, key, value } of step) {
            if (value === undefined) remove.run(collection, key)
            else put.run(collection, key, value)
          }
        end.run()
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        throw error
      }
    },
  }
}

/** UTF-16 with the high byte first: SQLite compares bytes, which is then the order of code units. */
function keyBytes(key: string): Uint8Array {
  return Buffer.from(key, 'utf16le').swap16()
}

function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap16().toString('utf16le')
}
