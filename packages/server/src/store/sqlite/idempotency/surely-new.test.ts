import { describe, expect, test } from 'vitest'
import { addToFilter, filterBytesFor, filterScale } from './filter.ts'
import { keyOf } from './idempotency.suite.ts'
import { SurelyNew } from './surely-new.ts'

function filterOf(from: number, to: number): Uint8Array<ArrayBuffer> {
  const filter = new Uint8Array(filterBytesFor(to - from))
  for (let no = from; no < to; no++) addToFilter(filter, filterScale(filter.length), keyOf(no), 0)
  return filter
}

function shareOfMaybe(surelyNew: SurelyNew, from: number, to: number): number {
  let maybe = 0
  for (let no = from; no < to; no++) if (surelyNew.mayContain(keyOf(no))) maybe++
  return maybe / (to - from)
}

test('without runs every key is new', () => {
  const surelyNew = new SurelyNew()
  expect(shareOfMaybe(surelyNew, 0, 1000)).toBe(0)
  expect(surelyNew.suspects(keyOf(1))).toEqual([])
})

test('says "maybe" of every key of twenty runs and of few others, and names the run', () => {
  const surelyNew = new SurelyNew()
  for (let run = 0; run < 20; run++) surelyNew.add(run + 1, filterOf(run * 2000, run * 2000 + 2000))
  expect(shareOfMaybe(surelyNew, 0, 40_000)).toBe(1)
  expect(shareOfMaybe(surelyNew, 1_000_000, 1_050_000)).toBeLessThan(0.01)
  for (let no = 0; no < 40_000; no += 37) expect(surelyNew.suspects(keyOf(no))).toContain(Math.floor(no / 2000) + 1)
})

test('the filter of a large run, with fewer bits a record, still lets few pass', { timeout: 60_000 }, () => {
  const records = 2 ** 19 + 1
  const surelyNew = new SurelyNew()
  surelyNew.add(1, filterOf(0, records))
  expect(surelyNew.filterBytes).toBeLessThan(records * 2.1)
  expect(shareOfMaybe(surelyNew, 0, records)).toBe(1)
  expect(shareOfMaybe(surelyNew, 1_000_000, 1_050_000)).toBeLessThan(0.01)
})

test('a run takes the place of others', () => {
  const surelyNew = new SurelyNew()
  surelyNew.add(1, filterOf(0, 500))
  surelyNew.add(2, filterOf(500, 1000))
  surelyNew.add(3, filterOf(1000, 1500))
  surelyNew.replace([1, 2], 4, filterOf(0, 1000))
  expect(shareOfMaybe(surelyNew, 0, 1500)).toBe(1)
  expect(surelyNew.suspects(keyOf(10))).toEqual([4])
  surelyNew.drop([4])
  expect(shareOfMaybe(surelyNew, 0, 1000)).toBeLessThan(0.03)
  expect(shareOfMaybe(surelyNew, 1000, 1500)).toBe(1)
})

test('refuses what is no filter', () => {
  const surelyNew = new SurelyNew()
  expect(() => surelyNew.add(1, new Uint8Array(0))).toThrow(RangeError)
  expect(() => surelyNew.add(1, new Uint8Array(65))).toThrow(RangeError)
})

describe('at the memory cap', () => {
  const small = filterOf(0, 1000)
  const large = filterOf(1000, 5000)

  test('the largest run is not held and may contain everything', () => {
    const surelyNew = new SurelyNew({ filterBytesMax: large.length + small.length - 1 })
    surelyNew.add(1, large)
    expect(shareOfMaybe(surelyNew, 50_000, 60_000)).toBeLessThan(0.03)
    surelyNew.add(2, small)
    expect(surelyNew.unheld).toEqual([1])
    expect(surelyNew.filterBytes).toBe(small.length)
    expect(shareOfMaybe(surelyNew, 50_000, 51_000)).toBe(1)
    expect(surelyNew.suspects(keyOf(50_000))).toEqual([1])
    expect(surelyNew.suspects(keyOf(5))).toEqual([1, 2])
  })

  test('of equally large runs the oldest goes first', () => {
    const surelyNew = new SurelyNew({ filterBytesMax: 2 * small.length })
    for (const run of [1, 2, 3]) surelyNew.add(run, filterOf(run * 1000, run * 1000 + 1000))
    expect(surelyNew.unheld).toEqual([1])
  })

  test('what was let go is forgotten with its run, and comes back with its filter', () => {
    const surelyNew = new SurelyNew({ filterBytesMax: large.length })
    surelyNew.add(1, large)
    surelyNew.add(2, small)
    surelyNew.drop([2])
    expect(surelyNew.unheld).toEqual([1])
    surelyNew.add(1, large)
    expect(surelyNew.unheld).toEqual([])
    expect(surelyNew.mayContain(keyOf(1000))).toBe(true)
    surelyNew.add(3, null)
    expect(surelyNew.unheld).toEqual([3])
    surelyNew.replace([3, 1], 4, small)
    expect(surelyNew.unheld).toEqual([])
    expect(shareOfMaybe(surelyNew, 50_000, 60_000)).toBeLessThan(0.03)
  })
})
