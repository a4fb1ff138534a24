import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { boundsOf } from './bounds.ts'
import { storageError } from './sqlite-error.ts'
import { createSchema } from './sqlite-file.ts'
import { scratchFolder } from './sqlite-raw.suite.ts'
import { sealWith } from './sqlite-seal.ts'
import { sqliteValues } from './sqlite-values.ts'
import { writeQueue } from './write-queue.ts'

/** Values in a database that cannot grow past so many pages of 4 KiB. */
function smallDatabase(pagesMax: number) {
  const db = new DatabaseSync(join(scratchFolder(), 'small.db'))
  onTestFinished(() => db.close())
  createSchema(db, '{}', new Uint8Array())
  db.exec(`PRAGMA max_page_count = ${pagesMax}`)
  return sqliteValues(db, sealWith(randomBytes(32)))
}

const put = (key: string, bytes: number) => ({ collection: 'messages' as const, key, value: new Uint8Array(bytes) })

test('a write for which there is no room keeps nothing, and the next one works', () => {
  const values = smallDatabase(20)
  values.commit([values.prepare([put('a', 100)])])
  const large = values.prepare([put('a', 5), put('b', 5), put('c', 200_000)])
  let error: unknown
  try {
    values.commit([large])
  } catch (reason) {
    error = storageError('small.db', reason)
  }
  expect(error).toMatchObject({ code: 'storage_full', message: 'small.db: the disk is full, nothing was kept.' })
  expect(values.get('messages', 'a')).toHaveLength(100)
  expect(values.get('messages', 'b')).toBeUndefined()
  values.commit([values.prepare([put('b', 5)])])
  expect(values.range('messages', boundsOf() ?? expect.fail()).map(({ key }) => key)).toEqual(['a', 'b'])
})

test('of writes that share a commit only the one for which there is no room is refused', async () => {
  const values = smallDatabase(20)
  const queue = writeQueue<ReturnType<typeof values.prepare>>(async (steps) => values.commit(steps))
  const outcomes = await Promise.allSettled(
    [put('a', 5), put('b', 200_000), put('c', 5)].map((change) => queue.add(values.prepare([change]))),
  )
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(values.get('messages', 'c')).toHaveLength(5)
})
