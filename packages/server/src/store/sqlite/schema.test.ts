import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { manualClock } from '../manual-clock.suite.ts'
import { StoreRefusal } from '../refusal.ts'
import type { Migration } from './migrations/migration.ts'
import { applicationId, type ConnectionOptions, migrate, migrations, openConnection } from './schema.ts'
import { rows, scratchDatabase, scratchDirectory, thrown } from './scratch.suite.ts'

const clock = manualClock()

function connection(path: string, options?: ConnectionOptions): DatabaseSync {
  const db = openConnection(path, options)
  onTestFinished(() => {
    if (db.isOpen) db.close()
  })
  return db
}

function pragmas(db: DatabaseSync, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]]))
}

/** The message of the refusal, which must be one line. */
function refusal(run: () => unknown): string {
  const error = thrown(run)
  expect(error).toBeInstanceOf(StoreRefusal)
  const { message } = error as StoreRefusal
  expect(message).not.toContain('\n')
  return message
}

const second: Migration = { version: migrations.length + 1, up: (db) => db.exec('CREATE TABLE second(a); CREATE TABLE third(a)') }
const halfway: Migration = {
  version: migrations.length + 1,
  up(db) {
    db.exec('CREATE TABLE second(a)')
    throw new Error('power failed')
  },
}

test('a connection has the settings that durability rests on', () => {
  const db = scratchDatabase()
  expect(
    pragmas(
      db,
      'journal_mode',
      'synchronous',
      'foreign_keys',
      'page_size',
      'cache_size',
      'temp_store',
      'mmap_size',
      'wal_autocheckpoint',
      'busy_timeout',
    ),
  ).toEqual({
    journal_mode: 'wal',
    synchronous: 2,
    foreign_keys: 0,
    page_size: 8_192,
    cache_size: -32_768,
    temp_store: 2,
    mmap_size: 0,
    wal_autocheckpoint: 0,
    busy_timeout: 5_000,
  })
})

test('a new database gets the newest schema, our application id and an incarnation', () => {
  const db = scratchDatabase()
  expect(pragmas(db, 'user_version', 'application_id')).toEqual({
    user_version: migrations.length,
    application_id: applicationId,
  })
  expect(rows(db, 'SELECT key FROM meta ORDER BY key')).toEqual([{ key: 'created_at' }, { key: 'incarnation' }])
})

test('migrations are numbered without holes', () => {
  expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1))
})

test('migrating again changes nothing', () => {
  const db = scratchDatabase()
  const before = rows(db, 'SELECT * FROM meta')
  migrate(db, clock)
  expect(rows(db, 'SELECT * FROM meta')).toEqual(before)
})

test('a later step is applied to an older database', () => {
  const db = scratchDatabase()
  migrate(db, clock, [...migrations, second])
  expect(pragmas(db, 'user_version')).toEqual({ user_version: second.version })
  expect(rows(db, 'SELECT * FROM third')).toEqual([])
})

test('a step that fails leaves nothing behind, and the next start goes on from there', () => {
  const db = scratchDatabase()
  expect(() => migrate(db, clock, [...migrations, halfway])).toThrow('power failed')
  expect(pragmas(db, 'user_version')).toEqual({ user_version: migrations.length })
  expect(rows(db, "SELECT name FROM sqlite_schema WHERE name = 'second'")).toEqual([])
  migrate(db, clock, [...migrations, second])
  expect(pragmas(db, 'user_version')).toEqual({ user_version: second.version })
})

test('a process that is killed in a step leaves nothing behind', () => {
  const path = join(scratchDirectory(), 'sotto.db')
  const script = `
    import { openConnection, migrate, migrations } from ${JSON.stringify(new URL('./schema.ts', import.meta.url).href)}
    const db = openConnection(${JSON.stringify(path)})
    const clock = { now: () => 1, random: () => 'r' }
    migrate(db, clock)
    migrate(db, clock, [...migrations, { version: migrations.length + 1, up(db) {
      db.exec('CREATE TABLE second(a)')
      db.exec("INSERT INTO second SELECT value FROM json_each('[1,2,3]')")
      process.kill(process.pid, 'SIGKILL')
    } }])`
  const child = spawnSync(process.execPath, ['-C', 'source', '--input-type=module', '-e', script])
  expect(child.signal).toBe('SIGKILL')
  const db = connection(path)
  expect(pragmas(db, 'user_version')).toEqual({ user_version: migrations.length })
  expect(rows(db, "SELECT name FROM sqlite_schema WHERE name = 'second'")).toEqual([])
  migrate(db, clock, [...migrations, second])
  expect(pragmas(db, 'user_version')).toEqual({ user_version: second.version })
})

test('a database of a newer Sotto is refused and stays as it is', () => {
  const db = scratchDatabase()
  db.exec('PRAGMA user_version = 99')
  expect(refusal(() => migrate(db, clock))).toContain(`made by a newer Sotto (schema version 99 > ${migrations.length})`)
  expect(pragmas(db, 'user_version')).toEqual({ user_version: 99 })
})

test('a database of another program is refused and not touched', () => {
  const path = join(scratchDirectory(), 'other.db')
  const other = new DatabaseSync(path)
  other.exec('CREATE TABLE notes(text)')
  other.close()
  const before = readFileSync(path)
  expect(refusal(() => openConnection(path))).toContain('is a database of another program')
  expect(readFileSync(path).equals(before)).toBe(true)
})

test('a file that is no database is refused and not touched', () => {
  const path = join(scratchDirectory(), 'letter.txt')
  writeFileSync(path, 'Dear Sir or Madam, '.repeat(1_000))
  expect(refusal(() => openConnection(path))).toContain('is not a database')
  expect(statSync(path).size).toBe(19_000)
})

test('a corrupt database is refused', () => {
  const path = join(scratchDirectory(), 'sotto.db')
  const db = openConnection(path)
  migrate(db, clock)
  const put = db.prepare("INSERT INTO tickets VALUES (?, 'alice', 'phone', 1, 1)")
  db.exec('BEGIN')
  for (let n = 0; n < 2_000; n++) put.run(`ticket ${n}`)
  db.exec('COMMIT')
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(statSync(path).size - 4 * 8_192, 0x5a), 0, null, 4 * 8_192)
  closeSync(file)
  const message = refusal(() => migrate(connection(path), clock))
  expect(message).toContain('is corrupt')
  expect(message).toContain('restore a backup')
})

test('a path that cannot be opened is refused', () => {
  const message = refusal(() => openConnection(join(scratchDirectory(), 'missing', 'sotto.db')))
  expect(message).toContain('check that the directory exists and is writable')
})

test('a read-only connection reads what is committed and writes nothing', () => {
  const path = join(scratchDirectory(), 'sotto.db')
  migrate(connection(path), clock)
  const reader = connection(path, { readOnly: true })
  expect(rows(reader, 'SELECT count(*) AS n FROM meta')).toEqual([{ n: 2 }])
  expect(() => reader.exec('DELETE FROM meta')).toThrow('readonly')
})

test('a read-only connection refuses an empty file', () => {
  const path = join(scratchDirectory(), 'empty.db')
  writeFileSync(path, '')
  expect(refusal(() => openConnection(path, { readOnly: true }))).toContain('is not a Sotto database')
})
