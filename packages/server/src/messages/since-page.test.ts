import { describe, expect, test } from 'vitest'
import { comparePositions, FirstPage, type Position } from './since-page.ts'

const at = (receivedAt: number, mailbox: string, seq: number): Position => ({ receivedAt, mailbox, seq })

test('positions are ordered by time, mailbox, seq', () => {
  const ordered = [at(1, 'u1', 9), at(2, 'g1', 5), at(2, 'g1', 6), at(2, 'u1', 1), at(3, 'a', 1)]
  for (let i = 0; i < ordered.length; i++) {
    for (let j = 0; j < ordered.length; j++) {
      expect(Math.sign(comparePositions(ordered[i] as Position, ordered[j] as Position))).toBe(Math.sign(i - j))
    }
  }
})

/** What a reader of whole mailboxes would answer: all entries, sorted, cut. */
function reference(mailboxes: readonly Position[][], entries: number): readonly Position[] {
  return mailboxes.flat().sort(comparePositions).slice(0, entries)
}

/** Entries of some mailboxes whose times rise within each, drawn with a seed. */
function drawn(seed: number): Position[][] {
  let state = seed
  const draw = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  return Array.from({ length: 1 + draw(5) }, (_, mailbox) => {
    let time = draw(5)
    return Array.from({ length: draw(30) }, (_, index) => {
      time += draw(3)
      return at(time, `m${mailbox}`, index + 1)
    })
  })
}

describe('the first page of many mailboxes', () => {
  test('is the beginning of all of them in order, whatever their order of reading', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const mailboxes = drawn(seed)
      const limit = 1 + (seed % 40)
      const page = new FirstPage<Position>({ entries: limit, bytes: 1_000_000 })
      for (const mailbox of mailboxes) {
        for (const position of mailbox) if (!page.offer(position, position, 1)) break
      }
      const expected = reference(mailboxes, limit)
      expect(page.items).toEqual(expected)
      expect(page.end).toEqual(mailboxes.flat().length > limit ? expected.at(-1) : undefined)
    }
  })

  test('what stops one mailbox lies behind the page', () => {
    const page = new FirstPage<number>({ entries: 2, bytes: 100 })
    for (const seq of [1, 2]) expect(page.offer(at(seq, 'a', seq), seq, 1)).toBe(true)
    // It falls out at once; only then is it known where the page ends.
    expect(page.offer(at(3, 'a', 3), 3, 1)).toBe(true)
    expect(page.offer(at(4, 'a', 4), 4, 1)).toBe(false)
    expect(page.offer(at(0, 'b', 1), 0, 1)).toBe(true)
    expect(page.items).toEqual([0, 1])
    expect(page.end).toEqual(at(1, 'a', 1))
  })

  test('is bounded by bytes, but never empty for it', () => {
    const page = new FirstPage<string>({ entries: 100, bytes: 10 })
    page.offer(at(2, 'a', 1), 'large', 50)
    expect(page.items).toEqual(['large'])
    expect(page.end).toBeUndefined()
    page.offer(at(1, 'b', 1), 'small', 5)
    page.offer(at(3, 'c', 1), 'late', 1)
    expect(page.items).toEqual(['small'])
    expect(page.end).toEqual(at(1, 'b', 1))
  })
})
