import { describe, expect, test } from 'vitest'
import type { HistoryEvent } from '../history.ts'
import { seeded } from '../seeded.ts'
import { check, invariants } from './check.ts'
import { goodHistory } from './good-history.ts'
import { keyMutants } from './mutants-of-keys.ts'
import { messageMutants } from './mutants-of-messages.ts'
import { orderMutants } from './mutants-of-order.ts'
import { type Mutant, mutantWorld, NotApplicable } from './mutation.ts'

const volume = { sendsMin: 3, claimsMin: 3 }
const mutants = { ...messageMutants, ...orderMutants, ...keyMutants }

test('200 good histories pass', () => {
  for (let seed = 1; seed <= 200; seed++) expect(check(goodHistory(seed), volume), `seed ${seed}`).toEqual([])
})

test('good histories contain what makes the work hard', () => {
  const events = Array.from({ length: 20 }, (_, seed) => goodHistory(seed)).flat()
  const has = (which: (event: HistoryEvent) => boolean) => events.filter(which).length
  expect(has((event) => event.event === 'crash')).toBeGreaterThan(5)
  expect(has((event) => event.event === 'stop')).toBeGreaterThan(5)
  expect(has((event) => event.event === 'ok' && event.op === 'send' && event.duplicate)).toBeGreaterThan(20)
  expect(has((event) => event.event === 'info' && event.op === 'send')).toBeGreaterThan(20)
  expect(has((event) => event.event === 'fail' && event.op === 'send')).toBeGreaterThan(5)
  expect(has((event) => event.event === 'deliver' && event.type === 'gone')).toBeGreaterThan(5)
  expect(has((event) => event.event === 'info' && event.op === 'claim')).toBeGreaterThan(5)
})

describe('wrong histories are caught', () => {
  /** Histories tried for each mutant, and how many of them must lend themselves to it. */
  const tried = 60
  const appliedMin = 5

  function caught(name: string, mutant: Mutant, invariant: string): number {
    let applied = 0
    for (let seed = 1; seed <= tried && applied < 3 * appliedMin; seed++) {
      const wrong = mutated(seed, mutant)
      if (wrong === undefined) continue
      applied++
      const seen = check(wrong, volume).map((violation) => violation.invariant)
      expect(seen, `${name}, seed ${seed}`).toContain(invariant)
    }
    return applied
  }

  for (const [invariant, byName] of Object.entries(mutants)) {
    for (const [name, mutant] of Object.entries(byName)) {
      test(`${invariant}: ${name}`, () => expect(caught(name, mutant, invariant)).toBeGreaterThanOrEqual(appliedMin))
    }
  }

  test('every invariant has a mutant, and there are at least 30', () => {
    expect(Object.keys(mutants).sort()).toEqual([...Object.keys(invariants), 'enough'].sort())
    expect(Object.values(mutants).flatMap((byName) => Object.keys(byName)).length).toBeGreaterThanOrEqual(30)
  })
})

const histories = new Map<number, HistoryEvent[]>()

/** `undefined`: the history has nothing that this mutant could turn wrong. */
function mutated(seed: number, mutant: Mutant): HistoryEvent[] | undefined {
  const events = histories.get(seed) ?? goodHistory(seed)
  histories.set(seed, events)
  try {
    return mutant(mutantWorld(events, seeded(seed)))
  } catch (error) {
    if (error instanceof NotApplicable) return undefined
    throw error
  }
}
