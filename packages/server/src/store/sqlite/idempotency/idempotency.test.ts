import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { contents, keyOf, openDatabase, plain, record, records } from './idempotency.suite.ts'
import { IdempotencyReader } from './idempotency-reader.ts'
import { IdempotencyWriter } from './idempotency-writer.ts'
import { packRecords, recordBytes } from './record.ts'
import { blockRecords } from './run-output.ts'
import { SurelyNew } from './surely-new.ts'

let directory: string
let path: string
const opened: DatabaseSync[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sotto-idempotency-'))
  path = join(directory, 'index.db')
})

afterEach(() => {
  for (const db of opened.splice(0)) if (db.isOpen) db.close()
  rmSync(directory, { recursive: true, force: true })
})

function open(file = path): DatabaseSync {
  const db = openDatabase(file)
  opened.push(db)
  return db
}

function openReadOnly(file = path): DatabaseSync {
  const db = new DatabaseSync(file, { readOnly: true })
  opened.push(db)
  return db
}

function addRuns(writer: IdempotencyWriter, runs: number, recordsEach: number, from = 0): void {
  for (let run = 0; run < runs; run++) {
    writer.addRun(packRecords(records(from + run * recordsEach, from + (run + 1) * recordsEach)))
  }
}

function mergeAll(writer: IdempotencyWriter, budgetRecords: number): void {
  while (writer.mergeStep(budgetRecords).more);
}

/** Every `stride`-th record is found, with and without the filters. */
function expectAll(db: DatabaseSync, from: number, to: number, stride = 1): void {
  const reader = new IdempotencyReader(db)
  const surelyNew = new SurelyNew()
  for (const { runId, filter } of reader.loadFilters()) surelyNew.add(runId, filter)
  for (let no = from; no < to; no += stride) {
    const { key, ...answer } = record(no)
    expect(plain(reader.find(key))).toEqual(plain(answer))
    expect(plain(reader.find(key, surelyNew.suspects(key)))).toEqual(plain(answer))
  }
}

describe('a run', () => {
  test('is found, on a read-only connection too, and nothing else is', () => {
    addRuns(new IdempotencyWriter(open()), 3, 600)
    const db = openReadOnly()
    expectAll(db, 0, 1800)
    const reader = new IdempotencyReader(db)
    for (let no = 1800; no < 3000; no++) expect(reader.find(keyOf(no))).toBeUndefined()
  })

  test('is one block for each lookup', () => {
    const db = open()
    new IdempotencyWriter(db).addRun(packRecords(records(0, 3 * blockRecords + 1)))
    const lengths = db.prepare('SELECT length(records) / ? AS records FROM id_blocks ORDER BY first').all(recordBytes)
    expect(lengths.map((row) => row.records)).toEqual([blockRecords, blockRecords, blockRecords, 1])
    expectAll(db, 0, 3 * blockRecords + 1)
  })

  test('is taken from wherever it lies in memory', () => {
    const db = open()
    const packed = packRecords(records(0, 300))
    new IdempotencyWriter(db).addRun(Buffer.concat([Buffer.alloc(3), packed]).subarray(3))
    expectAll(db, 0, 300)
  })

  test('is refused when it is empty or no whole number of records', () => {
    const writer = new IdempotencyWriter(open())
    expect(() => writer.addRun(Buffer.alloc(0))).toThrow(RangeError)
    expect(() => writer.addRun(Buffer.alloc(recordBytes + 1))).toThrow(RangeError)
  })

  test('vanishes with the transaction that it was added in', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    db.exec('BEGIN')
    addRuns(writer, 1, 300)
    db.exec('ROLLBACK')
    expect(contents(db)).toEqual({ runs: 0, records: 0, blockBytes: 0, strays: 0 })
    expect(new IdempotencyReader(db).find(keyOf(1))).toBeUndefined()
  })

  test('keeps the first of two records with one key', () => {
    const db = open()
    const first = record(1)
    const second = { ...record(2), key: first.key }
    new IdempotencyWriter(db).addRun(packRecords([record(0), first, second, record(3)]))
    expect(plain(new IdempotencyReader(db).find(first.key))).toEqual(plain(first))
    expect(contents(db)).toMatchObject({ runs: 1, records: 3 })
  })
})

describe('merging', () => {
  test('begins with eight runs of a level and leaves one of the next', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 7, 100)
    expect(writer.mergeStep(10_000)).toEqual({ merged: [], more: false })
    addRuns(writer, 1, 100, 700)
    const { merged } = writer.mergeStep(10_000)
    expect(merged).toMatchObject([{ removedRunIds: [1, 2, 3, 4, 5, 6, 7, 8], runId: 9 }])
    mergeAll(writer, 10_000)
    expect(contents(db)).toEqual({ runs: 1, records: 800, blockBytes: 800 * recordBytes, strays: 0 })
    expectAll(db, 0, 800)
  })

  test('goes up level by level', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 8 * 8 + 3, 20)
    mergeAll(writer, 500)
    const levels = db.prepare('SELECT level, count(*) AS runs FROM id_runs GROUP BY level ORDER BY level').all()
    expect(levels.map(({ level, runs }) => [level, runs])).toEqual([
      [0, 3],
      [2, 1],
    ])
    expectAll(db, 0, 67 * 20)
  })

  test('does no more in a step than the budget allows', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 8, 2000)
    const budget = 1000
    const blocks = () => Number(db.prepare('SELECT count(*) AS blocks FROM id_blocks').get()?.blocks)
    let before = blocks()
    let steps = 0
    for (let more = true; more; steps++) {
      more = writer.mergeStep(budget).more
      expect(Math.abs(blocks() - before)).toBeLessThanOrEqual(budget / blockRecords + 1)
      before = blocks()
    }
    expect(steps).toBeGreaterThanOrEqual(2 * Math.floor(16_000 / (budget + blockRecords)))
    expect(contents(db)).toMatchObject({ runs: 1, records: 16_000, strays: 0 })
  })

  test('of small runs is not held up by that of large ones', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 64, 200)
    while (Number(db.prepare('SELECT count(*) AS runs FROM id_runs WHERE level = 1 AND state = 1').get()?.runs) < 8) {
      writer.mergeStep(1600)
    }
    writer.mergeStep(100)
    addRuns(writer, 8, 200, 12_800)
    const { merged } = writer.mergeStep(1601)
    expect(merged.map(({ removedRunIds }) => removedRunIds.length)).toEqual([8])
    mergeAll(writer, 1000)
    expectAll(db, 0, 14_400)
    expect(contents(db)).toEqual({ runs: 2, records: 14_400, blockBytes: 14_400 * recordBytes, strays: 0 })
  })

  test('makes one record of several with the same key: the earliest', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    const same = (no: number) => ({ ...record(no), key: keyOf(5) })
    for (const no of [900, 5, 901, 902]) writer.addRun(packRecords([same(no), record(no + 1000)]))
    addRuns(writer, 4, 300, 2000)
    mergeAll(writer, 10_000)
    expect(plain(new IdempotencyReader(db).find(keyOf(5)))).toEqual(plain(record(5)))
    expect(contents(db)).toMatchObject({ runs: 1, records: 1 + 4 + 1200 })
    expectAll(db, 2000, 3200)
  })

  test('does not change what a snapshot sees', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 8, 300)
    const snapshot = openReadOnly()
    snapshot.exec('BEGIN')
    const before = contents(snapshot)
    mergeAll(writer, 500)
    expect(contents(db).runs).toBe(1)
    expect(contents(snapshot)).toEqual(before)
    expectAll(snapshot, 0, 2400)
  })

  test('outdates suspects without misleading a lookup', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 8, 50)
    mergeAll(writer, 500)
    const reader = new IdempotencyReader(openReadOnly())
    expect(plain(reader.find(keyOf(10), [1]))).toEqual(plain(record(10)))
    expect(reader.find(keyOf(10), [])).toBeUndefined()
    expect(reader.find(keyOf(400), [3, 4])).toBeUndefined()
  })

  test('outdates suspects that are being cleared away, too', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 8, 600)
    while (writer.mergeStep(300).merged.length === 0);
    expect(contents(db).strays).toBeGreaterThan(0)
    const reader = new IdempotencyReader(db)
    for (let no = 0; no < 600; no++) expect(plain(reader.find(keyOf(no), [1]))).toEqual(plain(record(no)))
  })

  test('orders keys that differ only at their ends', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    const alike = (no: number) => ({ ...record(no), key: Buffer.alloc(16, 0xcd).fill(no, 15) })
    for (const run of [7, 3, 5, 0, 1, 6, 2, 4])
      writer.addRun(packRecords(Array.from({ length: 30 }, (_, i) => alike(i * 8 + run))))
    mergeAll(writer, 1000)
    expect(contents(db)).toMatchObject({ runs: 1, records: 240 })
    const reader = new IdempotencyReader(db)
    for (let no = 0; no < 240; no++) expect(plain(reader.find(alike(no).key))).toEqual(plain(alike(no)))
  })

  test('a lookup that ends early holds no snapshot', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 5, 50)
    const reader = new IdempotencyReader(openReadOnly())
    expect(plain(reader.find(keyOf(220)))).toEqual(plain(record(220)))
    addRuns(writer, 1, 50, 250)
    expect(plain(reader.find(keyOf(299)))).toEqual(plain(record(299)))
  })
})

describe('a merge that is interrupted', () => {
  const recordsEach = 100
  const total = 8 * recordsEach
  const budget = 90

  function expectIntactAndFinish(db: DatabaseSync): void {
    expectAll(db, 0, total, 7)
    mergeAll(new IdempotencyWriter(db), budget)
    expectAll(db, 0, total, 7)
    expect(contents(db)).toEqual({ runs: 1, records: total, blockBytes: total * recordBytes, strays: 0 })
  }

  test('by the end of the process, after any step or in the middle of it, loses nothing', () => {
    const base = open()
    addRuns(new IdempotencyWriter(base), 8, recordsEach)
    base.close()
    let finished = false
    for (let steps = 0; !finished; steps++) {
      for (const cutInside of [false, true]) {
        const copy = join(directory, `cut-${steps}-${cutInside}.db`)
        copyFileSync(path, copy)
        const db = open(copy)
        const writer = new IdempotencyWriter(db)
        for (let step = 0; step < steps; step++) finished = !writer.mergeStep(budget).more
        if (cutInside) {
          db.exec('BEGIN')
          writer.mergeStep(budget)
        }
        db.close()
        const again = open(copy)
        expectIntactAndFinish(again)
        again.close()
      }
    }
  })

  test('by a rollback, of any step, is begun anew by the same writer', () => {
    const base = open()
    addRuns(new IdempotencyWriter(base), 8, recordsEach)
    base.close()
    let finished = false
    for (let steps = 0; !finished; steps++) {
      const copy = join(directory, `rollback-${steps}.db`)
      copyFileSync(path, copy)
      const db = open(copy)
      const writer = new IdempotencyWriter(db)
      for (let step = 0; step < steps; step++) finished = !writer.mergeStep(budget).more
      db.exec('BEGIN')
      writer.mergeStep(budget)
      db.exec('ROLLBACK')
      expectAll(db, 0, total, 7)
      mergeAll(writer, budget)
      expectIntactAndFinish(db)
      db.close()
    }
  })

  test('by an error at its very end is begun anew', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 8, recordsEach)
    expect(writer.mergeStep(total)).toEqual({ merged: [], more: true })
    db.exec("CREATE TRIGGER full BEFORE INSERT ON id_filters BEGIN SELECT RAISE(ABORT, 'full'); END")
    expect(() => writer.mergeStep(total)).toThrow('full')
    db.exec('DROP TRIGGER full')
    mergeAll(writer, total)
    expectIntactAndFinish(db)
  })

  test('by an error in a step is begun anew', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 8, recordsEach)
    writer.mergeStep(300)
    db.exec("CREATE TRIGGER full BEFORE INSERT ON id_blocks BEGIN SELECT RAISE(ABORT, 'full'); END")
    expect(() => writer.mergeStep(300)).toThrow('full')
    expect(db.isTransaction).toBe(false)
    db.exec('DROP TRIGGER full')
    mergeAll(writer, budget)
    expectIntactAndFinish(db)
  })
})

describe('expiry', () => {
  test('drops the runs whose newest record is too old, in steps', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 4, 600)
    expect(writer.expire(record(1200).receivedAt)).toEqual([1, 2])
    const reader = new IdempotencyReader(db)
    for (let no = 0; no < 1200; no += 7) expect(reader.find(keyOf(no))).toBeUndefined()
    expectAll(db, 1200, 2400)
    expect(reader.loadFilters().map(({ runId }) => runId)).toEqual([3, 4])
    expect(writer.expire(record(1200).receivedAt)).toEqual([])
    expect(writer.mergeStep(blockRecords)).toEqual({ merged: [], more: true })
    mergeAll(writer, blockRecords)
    expect(contents(db)).toEqual({ runs: 2, records: 1200, blockBytes: 1200 * recordBytes, strays: 0 })
  })

  test('leaves runs alone while they are being merged', () => {
    const db = open()
    const writer = new IdempotencyWriter(db)
    addRuns(writer, 9, 300)
    writer.mergeStep(500)
    expect(writer.expire(Number.POSITIVE_INFINITY)).toEqual([9])
    mergeAll(writer, 500)
    expectAll(db, 0, 2400)
    expect(writer.expire(record(2399).receivedAt)).toEqual([])
    expect(writer.expire(record(2400).receivedAt)).toEqual([10])
    mergeAll(writer, 500)
    expect(contents(db)).toEqual({ runs: 0, records: 0, blockBytes: 0, strays: 0 })
  })

  test('never gives the number of a run away again', () => {
    const writer = new IdempotencyWriter(open())
    addRuns(writer, 1, 10)
    writer.expire(Number.POSITIVE_INFINITY)
    mergeAll(writer, 1000)
    expect(writer.addRun(packRecords(records(0, 10))).runId).toBe(2)
  })
})

test('filters beyond the memory cap are not loaded', () => {
  const db = open()
  const writer = new IdempotencyWriter(db)
  addRuns(writer, 2, 100)
  addRuns(writer, 1, 1000, 200)
  const reader = new IdempotencyReader(db)
  const [first, second, third] = reader.loadFilters()
  const cap = first!.filter!.length + second!.filter!.length
  expect(reader.loadFilters(cap)).toEqual([first, second, { runId: third!.runId, filter: null }])
  expect(reader.loadFilters(cap - 1)).toEqual([{ runId: 1, filter: null }, second, { runId: 3, filter: null }])
})
