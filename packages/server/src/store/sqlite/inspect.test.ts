import { closeSync, openSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { defaultLimits } from '@sotto/protocol'
import { expect, onTestFinished, test } from 'vitest'
import { manualClock } from '../manual-clock.suite.ts'
import { StoreRefusal } from '../refusal.ts'
import { type DatabaseFacts, inspectDatabase, inspectSqlite } from './inspect.ts'
import { lockDatabase, whoHolds } from './lock.ts'
import { migrate, migrations, openConnection } from './schema.ts'
import { group, scratchDirectory, thrown } from './scratch.suite.ts'
import { openSqliteStore } from './store.ts'

const clock = manualClock()

/** A closed database with the newest schema. */
function databaseAt(path: string, fill: (db: DatabaseSync) => void = () => {}): void {
  const db = openConnection(path)
  migrate(db, clock)
  fill(db)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

function facts(path: string): DatabaseFacts {
  const found = inspectDatabase(path, { integrity: true })
  if (found.state !== 'readable') throw new Error(`found ${JSON.stringify(found)}`)
  return found
}

/** Names, sizes and contents of everything in a directory. */
function contents(directory: string): Record<string, string> {
  return Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'hex')]))
}

test('a database at rest is read, and nothing is changed or left beside it', () => {
  const directory = scratchDirectory()
  const path = join(directory, 'a name # with ? and %20.db')
  databaseAt(path, (db) => db.exec("INSERT INTO mailboxes(kind, owner, received_at) VALUES ('user', 'alice', 1234)"))
  const before = contents(directory)
  expect(facts(path)).toEqual({
    state: 'readable',
    schemaVersion: migrations.length,
    schemaVersionNewest: migrations.length,
    isWal: true,
    synchronous: 2,
    damage: [],
    databaseBytes: statSync(path).size,
    logBytes: 0,
    journal: { rows: 0, bytes: 0 },
    newestReceivedAt: 1234,
  })
  expect(contents(directory)).toEqual(before)
})

test('a database that is in use is read with what is in its log, its journal too', async () => {
  const path = join(scratchDirectory(), 'sotto.db')
  const store = await openSqliteStore({ path, clock, limits: defaultLimits, retentionMs: 86_400_000, onAppended: () => {} })
  onTestFinished(() => store.close())
  const from = await store.openDevice({ userId: 'alice', deviceId: 'phone', holds: false })
  const body = '"id":"m-1","to":"bob","ciphertext":"x"}'
  const to = { kind: 'user', userId: 'bob' } as const
  await store.append({ to, from, id: 'm-1', body, digestFrom: body.indexOf('"to"'), expiresInMs: 0 })
  expect(facts(path)).toMatchObject({ newestReceivedAt: clock.now(), journal: { rows: 1 }, damage: [] })
  expect(facts(path).logBytes).toBeGreaterThan(0)
})

test('a log that a crash has left is read, and stays', () => {
  const directory = scratchDirectory()
  const path = join(directory, 'sotto.db')
  const db = openConnection(path)
  migrate(db, clock)
  group(db, 'team', [['alice', 0, null]])
  const crashed = scratchDirectory()
  for (const name of ['sotto.db', 'sotto.db-wal']) writeFileSync(join(crashed, name), readFileSync(join(directory, name)))
  db.close()
  const log = statSync(join(crashed, 'sotto.db-wal')).size
  expect(log).toBeGreaterThan(0)
  expect(facts(join(crashed, 'sotto.db'))).toMatchObject({
    schemaVersion: migrations.length,
    isWal: true,
    logBytes: log,
    damage: [],
  })
  expect(statSync(join(crashed, 'sotto.db-wal')).size).toBe(log)
})

test('a setting that durability needs and that is gone is told', () => {
  const path = join(scratchDirectory(), 'sotto.db')
  databaseAt(path)
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = DELETE')
  db.close()
  expect(facts(path)).toMatchObject({ isWal: false })
})

test('no file, an empty one, and one without tables are told apart from a broken one', () => {
  const directory = scratchDirectory()
  const look = (name: string) => inspectDatabase(join(directory, name), { integrity: true })
  expect(look('absent.db')).toEqual({ state: 'absent' })
  writeFileSync(join(directory, 'empty.db'), '')
  expect(look('empty.db')).toEqual({ state: 'empty' })
  const db = new DatabaseSync(join(directory, 'new.db'))
  db.exec('PRAGMA journal_mode = WAL')
  db.close()
  expect(look('new.db')).toEqual({ state: 'empty' })
  writeFileSync(join(directory, 'letter.txt'), 'Dear Sir or Madam, '.repeat(1_000))
  expect(look('letter.txt')).toMatchObject({ state: 'foreign', why: 'it is not a database' })
  writeFileSync(join(directory, 'short.txt'), 'Dear')
  expect(look('short.txt')).toMatchObject({ state: 'foreign' })
  const other = new DatabaseSync(join(directory, 'other.db'))
  other.exec('CREATE TABLE notes(text)')
  other.close()
  expect(look('other.db')).toMatchObject({ state: 'foreign', why: 'it is a database of another program' })
  symlinkSync(directory, join(directory, 'folder.db'))
  expect(look('folder.db')).toMatchObject({ state: 'unreadable' })
})

test('damage is found by reading every page, and only then', () => {
  const path = join(scratchDirectory(), 'sotto.db')
  databaseAt(path, (db) => {
    const put = db.prepare("INSERT INTO tickets VALUES (?, 'alice', 'phone', 1, 1)")
    db.exec('BEGIN')
    for (let n = 0; n < 2_000; n++) put.run(`ticket ${n}`)
    db.exec('COMMIT')
  })
  const file = openSync(path, 'r+')
  const size = statSync(path).size
  writeSync(file, Buffer.alloc(2 * 8_192, 0x5a), 0, null, size - 4 * 8_192)
  closeSync(file)
  expect(facts(path).damage?.length).toBeGreaterThan(0)
  expect(inspectDatabase(path, { integrity: false })).toMatchObject({ state: 'readable', damage: undefined })
  const head = openSync(path, 'r+')
  writeSync(head, Buffer.alloc(4_096, 0x5a), 0, null, 100)
  closeSync(head)
  expect(inspectDatabase(path, { integrity: true })).toMatchObject({
    state: 'unreadable',
    why: expect.stringMatching(/^corrupt: /),
  })
})

test('who holds a database is told, and asking takes nothing', () => {
  const directory = scratchDirectory()
  const path = join(directory, 'sotto.db')
  expect(whoHolds(path)).toBeUndefined()
  expect(readdirSync(directory)).toEqual([])
  const held = lockDatabase(path, clock)
  expect(whoHolds(path)).toEqual({ pid: process.pid, since: clock.now() })
  expect(thrown(() => lockDatabase(path, clock))).toBeInstanceOf(StoreRefusal)
  held.release()
  expect(whoHolds(path)).toBeUndefined()
  lockDatabase(path, clock).release()
})

test('a lock file that cannot be used is refused with what to do', () => {
  const path = join(scratchDirectory(), 'sotto.db')
  writeFileSync(`${path}.lock`, 'not a database '.repeat(1_000))
  const error = thrown(() => inspectDatabase(path, { integrity: true }))
  expect(error).toBeInstanceOf(StoreRefusal)
  expect((error as Error).message).toContain('if no Sotto is running, delete it')
})

test('this SQLite is accepted', () => {
  expect(inspectSqlite()).toMatchObject({ version: process.versions.sqlite, isAccepted: true })
})
