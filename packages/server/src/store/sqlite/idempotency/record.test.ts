import { describe, expect, test } from 'vitest'
import { plain, record, records } from './idempotency.suite.ts'
import { keyOrder } from './order.ts'
import { compareKeys, findRecord, packRecords, readAnswer, recordBytes, writeRecord } from './record.ts'

describe('a packed record', () => {
  test('is read as it was written, at the limits of its numbers too', () => {
    const written = { ...record(7), mailboxNo: 2 ** 32 - 1, seq: 2 ** 32 - 1, receivedAt: 1_700_000_000_123.25 }
    const packed = packRecords([record(1), written])
    expect(packed.length).toBe(2 * recordBytes)
    expect(plain(readAnswer(packed, recordBytes))).toEqual(plain(written))
  })

  test('refuses what does not fit', () => {
    const target = Buffer.alloc(recordBytes)
    expect(() => writeRecord(target, 0, { ...record(1), seq: 2 ** 32 })).toThrow(RangeError)
    expect(() => writeRecord(target, 0, { ...record(1), mailboxNo: -1 })).toThrow(RangeError)
    expect(() => writeRecord(target, 0, { ...record(1), key: Buffer.alloc(15) })).toThrow(RangeError)
    expect(() => writeRecord(target, 0, { ...record(1), digest: Buffer.alloc(32) })).toThrow(RangeError)
  })

  test('gives out copies', () => {
    const packed = packRecords([record(3)])
    const { digest } = readAnswer(packed, 0)
    packed.fill(0)
    expect(Buffer.from(digest).equals(Buffer.from(record(3).digest))).toBe(true)
  })
})

describe('the order of keys', () => {
  test('is that of their bytes, for any number of records and any alignment', () => {
    for (const count of [1, 2, 31, 32, 33, 1000, 5000]) {
      const packed = packRecords(records(0, count))
      const shifted = Buffer.concat([Buffer.alloc(1), packed]).subarray(1)
      const offsets = keyOrder(shifted)
      expect(offsets.length).toBe(count)
      for (let i = 1; i < count; i++) expect(compareKeys(shifted, offsets[i - 1]!, shifted, offsets[i]!)).toBeLessThan(0)
    }
  })

  test('holds for keys that differ only at their ends', () => {
    const ends = [9, 3, 255, 0, 3, 128, 9, 4]
    const packed = packRecords(ends.map((end, no) => ({ ...record(no), key: Buffer.alloc(16, 0xab).fill(end, 15) })))
    const sorted = [...keyOrder(packed)].map((offset) => ({ end: packed[offset + 15], no: readAnswer(packed, offset).seq }))
    expect(sorted).toEqual([
      { end: 0, no: 3 },
      { end: 3, no: 1 },
      { end: 4, no: 7 },
      { end: 9, no: 0 },
      { end: 128, no: 5 },
      { end: 255, no: 2 },
    ])
  })
})

test('a key is found among ascending ones, wherever it stands', () => {
  for (const count of [0, 1, 2, 7, 64]) {
    const unsorted = packRecords(records(0, count))
    const sorted = Buffer.concat([...keyOrder(unsorted)].map((offset) => unsorted.subarray(offset, offset + recordBytes)))
    for (const { key, seq } of records(0, count)) expect(readAnswer(sorted, findRecord(sorted, key)).seq).toBe(seq)
    for (const { key } of records(1000, 1100)) expect(findRecord(sorted, key)).toBe(-1)
  }
})
