import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { SottoClientError } from '../errors.ts'
import { sqliteStorage } from './sqlite.ts'
import { openAlone } from './sqlite-file.ts'
import { inDatabase, rawValues, scratchFolder } from './sqlite-raw.suite.ts'
import { describeStorage } from './storage.suite.ts'
import type { ClientStorage, OpenStorage } from './storage.ts'
import { refused, utf8, words } from './storage-check.suite.ts'

const scratchPath = () => join(scratchFolder(), 'alice.db')

describeStorage(
  'sqlite',
  () => {
    const path = scratchPath()
    return { storage: () => sqliteStorage({ path }), raw: rawValues(path) }
  },
  { sealed: true },
)

async function using<T>(storage: ClientStorage, work: (open: OpenStorage) => Promise<T> | T): Promise<T> {
  const open = await storage.open()
  try {
    return await work(open)
  } finally {
    await open.close()
  }
}

const needle = 'a needle that must not be found anywhere'
const one = { collection: 'messages', key: 'one', value: utf8(needle) } as const
const filesOf = (path: string) => readdirSync(join(path, '..')).map((name) => join(path, '..', name))

test('what is written is nowhere in the files, while open or closed', async () => {
  const path = scratchPath()
  await using(sqliteStorage({ path }), async (open) => {
    await open.write([one])
    expect(existsSync(`${path}-wal`)).toBe(true)
    for (const file of filesOf(path)) expect(readFileSync(file).includes(needle), file).toBe(false)
    expect(readFileSync(`${path}-wal`).includes(Buffer.from('one', 'utf16le').swap16())).toBe(true)
  })
  for (const file of filesOf(path)) expect(readFileSync(file).includes(needle), file).toBe(false)
})

test('every file is for the owner alone, also one that was not', async () => {
  const path = join(scratchFolder(), 'made', 'here', 'alice.db')
  const storage = sqliteStorage({ path })
  for (let round = 0; round < 2; round++) {
    await using(storage, async (open) => {
      await open.write([one])
      const modes = Object.fromEntries(filesOf(path).map((file) => [file.slice(path.length), statSync(file).mode & 0o777]))
      expect(modes).toEqual({ '': 0o600, '-wal': 0o600, '.key': 0o600 })
    })
    rmSync(path)
    writeFileSync(path, '', { mode: 0o644 })
  }
})

test('the database has the settings that durability rests on', async () => {
  const db = await openAlone(scratchPath(), false, undefined)
  onTestFinished(() => db.close())
  const names = ['journal_mode', 'synchronous', 'secure_delete', 'locking_mode']
  expect(names.map((name) => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0])).toEqual(['wal', 2, 1, 'exclusive'])
})

test('two names of one file are one storage', async () => {
  const path = scratchPath()
  await using(sqliteStorage({ path }), (open) => open.write([one]))
  symlinkSync(path, `${path}.link`)
  const other = sqliteStorage({ path: `${path}.link` })
  expect(other.name).toBe(sqliteStorage({ path }).name)
  await using(sqliteStorage({ path }), async () => {
    const { message } = await refused('storage_in_use', other.open())
    expect(message).toContain(`${path} is in use by another process or instance`)
  })
})

describe('a key file', () => {
  test('has 32 random bytes and opens the database again', async () => {
    const [path, other] = [scratchPath(), scratchPath()]
    for (const each of [path, other]) await using(sqliteStorage({ path: each }), (open) => open.write([one]))
    const key = readFileSync(`${path}.key`)
    expect(key).toHaveLength(32)
    expect(readFileSync(`${other}.key`).equals(key)).toBe(false)
    const value = await using(sqliteStorage({ path }), (open) => open.get('messages', 'one'))
    expect(words(value)).toBe(needle)
  })

  test('that is lost, of another database, or damaged, opens nothing, and is not made anew', async () => {
    const [path, other] = [scratchPath(), scratchPath()]
    for (const each of [path, other]) await using(sqliteStorage({ path: each }), (open) => open.write([one]))
    renameSync(`${path}.key`, `${path}.kept`)
    expect((await refused('storage_unreadable', sqliteStorage({ path }).open())).message).toContain(`${path}.key`)
    expect(existsSync(`${path}.key`)).toBe(false)
    writeFileSync(`${path}.key`, readFileSync(`${other}.key`))
    expect((await refused('storage_unreadable', sqliteStorage({ path }).open())).message).toContain('with this key file')
    writeFileSync(`${path}.key`, readFileSync(`${path}.kept`).subarray(1))
    expect((await refused('storage_unreadable', sqliteStorage({ path }).open())).message).toContain('31 bytes')
    renameSync(`${path}.kept`, `${path}.key`)
    await using(sqliteStorage({ path }), async (open) => expect(words(await open.get('messages', 'one'))).toBe(needle))
  })

  test('that is there before the database, after a crash between the two, is used', async () => {
    const path = scratchPath()
    const key = Buffer.alloc(32, 7)
    writeFileSync(`${path}.key`, key)
    await using(sqliteStorage({ path }), (open) => open.write([one]))
    expect(readFileSync(`${path}.key`).equals(key)).toBe(true)
  })

  test('does not open with a passphrase', async () => {
    const path = scratchPath()
    await using(sqliteStorage({ path }), (open) => open.write([one]))
    const { message } = await refused('storage_unreadable', sqliteStorage({ path, passphrase: 'guess' }).open())
    expect(message).toContain('open it without a passphrase')
  })
})

describe('a passphrase', () => {
  test('opens what it sealed, no other does, and no key file is made', async () => {
    const path = scratchPath()
    await using(sqliteStorage({ path, passphrase: 'Pärchen' }), (open) => open.write([one]))
    expect(existsSync(`${path}.key`)).toBe(false)
    const composed = sqliteStorage({ path, passphrase: 'Pa\u0308rchen' })
    expect(words(await using(composed, (open) => open.get('messages', 'one')))).toBe(needle)
    const { message } = await refused('storage_unreadable', sqliteStorage({ path, passphrase: 'Parchen' }).open())
    expect(message).toContain('does not open with this passphrase')
    expect((await refused('storage_unreadable', sqliteStorage({ path }).open())).message).toContain('none was given')
  })

  test('gives another key in each database: salt and parameters lie in it', async () => {
    const records = await Promise.all(
      [scratchPath(), scratchPath()].map(async (path) => {
        await using(sqliteStorage({ path, passphrase: 'same' }), () => undefined)
        return JSON.parse(String(inDatabase(path, (db) => db.prepare('SELECT key_record FROM seal').get())?.key_record))
      }),
    )
    expect(records[0]).toMatchObject({ from: 'passphrase', memoryKiB: 65_536, passes: 3, parallelism: 4 })
    expect(records[0].salt).not.toBe(records[1].salt)
  })

  test.each(['{', '{"from":"elsewhere"}', '{"from":"passphrase","salt":"","memoryKiB":1e12,"passes":3,"parallelism":4}'])(
    'is not even tried with the parameters %s',
    async (record) => {
      const path = scratchPath()
      await using(sqliteStorage({ path, passphrase: 'right' }), (open) => open.write([one]))
      inDatabase(path, (db) => db.prepare('UPDATE seal SET key_record = ?').run(record))
      const { message } = await refused('storage_unreadable', sqliteStorage({ path, passphrase: 'right' }).open())
      expect(message).toContain('it is damaged')
    },
  )
})

describe('a file that cannot be used', () => {
  test('of a newer version is refused and stays as it is', async () => {
    const path = scratchPath()
    await using(sqliteStorage({ path }), (open) => open.write([one]))
    inDatabase(path, (db) => db.exec('PRAGMA user_version = 99'))
    await refused('storage_newer', sqliteStorage({ path }).open())
    inDatabase(path, (db) => db.exec('PRAGMA user_version = 1'))
    expect(words(await using(sqliteStorage({ path }), (open) => open.get('messages', 'one')))).toBe(needle)
  })

  test('of another program is refused', async () => {
    const path = scratchPath()
    inDatabase(path, (db) => db.exec('CREATE TABLE notes(text)'))
    expect((await refused('storage_unreadable', sqliteStorage({ path }).open())).message).toContain('another program')
  })

  test('that is no database is refused and not touched', async () => {
    const path = scratchPath()
    writeFileSync(path, 'Dear Sir or Madam, '.repeat(1_000))
    await refused('storage_unreadable', sqliteStorage({ path }).open())
    expect(statSync(path).size).toBe(19_000)
  })

  test('whose pages are damaged is refused when it is opened or read', async () => {
    const path = scratchPath()
    const many = Array.from({ length: 2_000 }, (_, at) => ({ ...one, key: `key ${at}` }))
    await using(sqliteStorage({ path }), (open) => open.write(many))
    const bytes = readFileSync(path)
    bytes.fill(0x5a, 3 * 4096)
    writeFileSync(path, bytes)
    await refused(
      'storage_unreadable',
      using(sqliteStorage({ path }), (open) => open.range('messages')),
    )
  })

  test('in a folder that is a file is refused', async () => {
    const path = scratchPath()
    writeFileSync(path, '')
    await refused('storage_unreadable', sqliteStorage({ path: join(path, 'below') }).open())
  })
})

test.each([{ path: '' }, { path: ':memory:' }, { path: 'a.db', passphrase: '' }])('%o is refused', (options) => {
  expect(() => sqliteStorage(options)).toThrow(SottoClientError)
})
