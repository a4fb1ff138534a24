import { defaultLimits } from '@sotto/protocol'
import { expect, test } from 'vitest'
import { keyPackageMsMax } from '../store.ts'
import { addKeyPackages, claimKeyPackages, keyPackagesSince, sweepKeyPackages } from './key-packages.ts'
import { keyHistoryMax } from './keys.ts'
import { registered, rows, scratchDatabase, thrown } from './scratch.suite.ts'

type Database = ReturnType<typeof scratchDatabase>

function add(
  db: Database,
  device: number,
  keyPackages: readonly string[],
  lastResort: string | null = null,
  now = 1_000,
): number {
  const limits = { ...defaultLimits, KEY_PACKAGES: 10 ** 6 }
  return addKeyPackages(db, { device, ciphersuite: 1, keyPackages, lastResort, now, since: 0, limits })
}

function claim(db: Database) {
  const [outcome] = claimKeyPackages(db, {
    claimant: 'alice',
    userIds: ['alice'],
    ciphersuite: 1,
    except: [],
    now: 1_000,
    since: 0,
    limits: defaultLimits,
  })
  return outcome!.given?.keyPackage
}

test('key packages expire with the retention, and after 90 days at the latest', () => {
  const now = 10 * keyPackageMsMax
  expect(keyPackagesSince(now, 1_000)).toBe(now - 1_000)
  expect(keyPackagesSince(now, keyPackageMsMax * 2)).toBe(now - keyPackageMsMax)
})

test('of what was handed out only a digest is kept', () => {
  const db = scratchDatabase()
  add(db, registered(db, 'alice').no, ['one', 'two'])
  claim(db)
  expect(rows(db, 'SELECT data FROM key_packages')).toEqual([{ data: 'two' }])
  expect(rows(db, 'SELECT length(digest) AS bytes FROM key_packages_given')).toEqual([{ bytes: 32 }])
})

test('the history of what was handed out is bounded; the oldest are forgotten', () => {
  const db = scratchDatabase()
  const { no } = registered(db, 'alice')
  db.exec('BEGIN')
  add(
    db,
    no,
    Array.from({ length: keyHistoryMax + 3 }, (_, n) => `${n}`),
  )
  for (let n = 0; n < keyHistoryMax + 2; n++) claim(db)
  add(db, no, ['new'])
  db.exec('COMMIT')
  expect(rows(db, 'SELECT count(*) AS n FROM key_packages_given')).toEqual([{ n: keyHistoryMax }])
  expect(add(db, no, ['0', '1'])).toBe(4)
  expect(thrown(() => add(db, no, ['2']))).toMatchObject({ code: 'key_conflict' })
})

test('order and history outlive the claim of everything', () => {
  const db = scratchDatabase()
  const { no } = registered(db, 'alice')
  add(db, no, ['one', 'two'])
  for (const name of ['one', 'two', undefined]) expect(claim(db)).toBe(name)
  add(db, no, ['three', 'four'])
  for (const name of ['three', 'four', undefined]) expect(claim(db)).toBe(name)
  for (const name of ['one', 'two', 'three', 'four']) {
    expect(thrown(() => add(db, no, [name]))).toMatchObject({ code: 'key_conflict' })
  }
})

test('a sweep goes step by step and takes the old ones alone', () => {
  const db = scratchDatabase()
  const { no } = registered(db, 'alice')
  db.exec('BEGIN')
  add(
    db,
    no,
    Array.from({ length: 4_100 }, (_, n) => `old ${n}`),
    'old resort',
    999,
  )
  add(db, no, ['new'], null, 1_000)
  db.exec('COMMIT')
  expect([1, 2, 3].map(() => sweepKeyPackages(db, 1_000).more)).toEqual([true, true, false])
  expect(rows(db, 'SELECT data FROM key_packages')).toEqual([{ data: 'new' }])
  expect(rows(db, 'SELECT data FROM last_resorts')).toEqual([])
})
