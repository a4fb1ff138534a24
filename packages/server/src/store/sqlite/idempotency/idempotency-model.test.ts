import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { contents, keyOf, openDatabase, plain, record, records, seeded } from './idempotency.suite.ts'
import { IdempotencyReader } from './idempotency-reader.ts'
import { IdempotencyWriter } from './idempotency-writer.ts'
import { type IdempotencyRecord, packRecords, recordBytes } from './record.ts'
import { SurelyNew } from './surely-new.ts'

let directory: string
let db: DatabaseSync

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sotto-idempotency-'))
})

afterEach(() => {
  db.close()
  rmSync(directory, { recursive: true, force: true })
})

/** The index as its users hold it: the tables, and the filters in memory that follow them. */
function openIndex(): { writer: IdempotencyWriter; reader: IdempotencyReader; surelyNew: SurelyNew } {
  db = openDatabase(join(directory, 'index.db'))
  const reader = new IdempotencyReader(db)
  const surelyNew = new SurelyNew()
  for (const { runId, filter } of reader.loadFilters()) surelyNew.add(runId, filter)
  return { writer: new IdempotencyWriter(db), reader, surelyNew }
}

function sorted(runIds: readonly number[]): string {
  return runIds.toSorted((a, b) => a - b).join()
}

const timeoutMs = 60_000

test.each([1, 2, 3, 4])(
  'does what a map does, through merges, expiry, rollbacks and restarts (seed %i)',
  { timeout: timeoutMs },
  (seed) => {
    const random = seeded(seed)
    const upTo = (max: number) => 1 + Math.floor(random() * max)
    const model = new Map<number, IdempotencyRecord>()
    let index = openIndex()
    let next = 0
    let expiredBefore = 0

    const check = (no: number): void => {
      const { reader, surelyNew } = index
      const expected = model.get(no)
      const found = reader.find(keyOf(no))
      expect(plain(reader.find(keyOf(no), surelyNew.suspects(keyOf(no))))).toEqual(plain(found))
      // What has expired may stay for as long as it shares a run with something newer.
      if (expected !== undefined && expected.receivedAt >= expiredBefore) expect(found).toBeDefined()
      if (found === undefined) return
      expect(plain(found)).toEqual(plain(expected))
      expect(surelyNew.mayContain(keyOf(no))).toBe(true)
    }

    for (let round = 0; round < 400; round++) {
      const rolledBack = random() < 0.1
      if (rolledBack || random() < 0.5) db.exec('BEGIN')
      const chance = random()
      const applied: (() => void)[] = []
      if (chance < 0.6) {
        const added = records(next, next + upTo(80))
        const { runId, filter } = index.writer.addRun(packRecords(added))
        applied.push(() => {
          for (const [i, one] of added.entries()) model.set(next + i, one)
          next += added.length
          index.surelyNew.add(runId, filter)
        })
      }
      if (chance > 0.3 && chance < 0.95) {
        const { merged } = index.writer.mergeStep(upTo(400))
        for (const run of merged) applied.push(() => index.surelyNew.replace(run.removedRunIds, run.runId, run.filter))
      }
      if (chance > 0.95) {
        const before = record(Math.max(0, next - upTo(4000))).receivedAt
        const dropped = index.writer.expire(before)
        applied.push(() => {
          expiredBefore = Math.max(expiredBefore, before)
          index.surelyNew.drop(dropped)
        })
      }
      if (db.isTransaction) db.exec(rolledBack ? 'ROLLBACK' : 'COMMIT')
      if (!rolledBack) for (const apply of applied) apply()
      if (random() < 0.05) {
        db.close()
        index = openIndex()
      }
      for (let i = 0; i < 20; i++) check(Math.floor(random() * (next + 50)))
    }

    for (let no = 0; no < next + 500; no++) check(no)
    while (index.writer.mergeStep(1000).more);
    index.writer.expire(record(next).receivedAt)
    while (index.writer.mergeStep(1000).more);
    expect(contents(db)).toEqual({ runs: 0, records: 0, blockBytes: 0, strays: 0 })
  },
)

test('stays small in runs and sure of itself while it grows to 300,000 records', { timeout: timeoutMs }, () => {
  const total = 300_000
  const { writer, reader, surelyNew } = openIndex()
  let runsMax = 0
  for (let no = 0; no < total; no += 3000) {
    db.exec('BEGIN')
    const { runId, filter } = writer.addRun(packRecords(records(no, no + 3000)))
    const { merged } = writer.mergeStep(15_000)
    db.exec('COMMIT')
    surelyNew.add(runId, filter)
    for (const run of merged) surelyNew.replace(run.removedRunIds, run.runId, run.filter)
    runsMax = Math.max(runsMax, contents(db).runs)
  }
  expect(runsMax).toBeLessThanOrEqual(24)

  while (true) {
    const { merged, more } = writer.mergeStep(15_000)
    for (const run of merged) surelyNew.replace(run.removedRunIds, run.runId, run.filter)
    if (!more) break
  }
  expect(contents(db)).toEqual({ runs: 9, records: total, blockBytes: total * recordBytes, strays: 0 })

  const loaded = new SurelyNew()
  for (const { runId, filter } of reader.loadFilters()) loaded.add(runId, filter)
  let lost = 0
  let differing = 0
  for (let no = 0; no < total; no++) {
    const key = keyOf(no)
    if (!surelyNew.mayContain(key)) lost++
    if (sorted(loaded.suspects(key)) !== sorted(surelyNew.suspects(key))) differing++
  }
  expect({ lost, differing }).toEqual({ lost: 0, differing: 0 })
  for (let no = 0; no < total; no += 53) {
    const key = keyOf(no)
    expect(plain(reader.find(key, surelyNew.suspects(key)))).toEqual(plain(record(no)))
  }

  let maybe = 0
  for (let no = total; no < total + 100_000; no++) if (surelyNew.mayContain(keyOf(no))) maybe++
  expect(maybe / 100_000).toBeLessThan(0.03)
})
