import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import type { RawValues } from './storage-under-test.suite.ts'

/** A folder that is gone after the test. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-storage-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The database itself, past the storage, which must be closed. */
export function inDatabase<T>(path: string, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path)
  try {
    return work(db)
  } finally {
    db.close()
  }
}

const keyBytes = (key: string) => Buffer.from(key, 'utf16le').swap16()

export function rawValues(path: string): RawValues {
  return {
    async read(collection, key) {
      const select = 'SELECT value FROM item WHERE collection = ? AND key = ?'
      const row = inDatabase(path, (db) => db.prepare(select).get(collection, keyBytes(key)))
      return row?.value as Uint8Array
    },
    async replace(collection, key, value) {
      const update = 'UPDATE item SET value = ? WHERE collection = ? AND key = ?'
      const { changes } = inDatabase(path, (db) => db.prepare(update).run(value, collection, keyBytes(key)))
      if (changes !== 1) throw new Error(`there is no value ${key} in ${collection}`)
    },
  }
}
