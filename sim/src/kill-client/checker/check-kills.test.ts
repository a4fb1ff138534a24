import { describe, expect, test } from 'vitest'
import { NotApplicable } from '../../checker/mutation.ts'
import { seeded } from '../../seeded.ts'
import type { KillRecord } from '../kill-record.ts'
import { checkKills, killInvariants } from './check-kills.ts'
import { goodKills } from './good-kills.ts'
import { type KillMutant, killMutants } from './mutants-of-kills.ts'

const volume = { killsMin: 3, sendsMin: 2, receivedMin: 2 }

test('200 good records pass', () => {
  for (let seed = 1; seed <= 200; seed++) expect(checkKills(goodKills(seed), volume), `seed ${seed}`).toEqual([])
})

test('good records contain what makes the work hard', () => {
  const records = Array.from({ length: 30 }, (_, seed) => goodKills(seed))
  const offers = records.flatMap((record) => record.offers.map(({ ciphertext, id }) => `${ciphertext} ${id}`))
  expect(offers.length - new Set(offers).size).toBeGreaterThan(10)
  const calls = records.flatMap(({ journal }) => journal)
  const count = (event: string) => calls.filter((line) => line.event === event).length
  expect(count('calling')).toBeGreaterThan(count('sent') + 10)
  expect(count('handed')).toBeGreaterThan(count('handled') + 10)
})

describe('wrong records are caught', () => {
  /** Records tried for each mutant, and how many of them must lend themselves to it. */
  const tried = 60
  const appliedMin = 5

  function caught(name: string, mutant: KillMutant, invariant: string): number {
    let applied = 0
    for (let seed = 1; seed <= tried && applied < 3 * appliedMin; seed++) {
      const wrong = mutated(seed, mutant)
      if (wrong === undefined) continue
      applied++
      const seen = checkKills(wrong, volume).map((violation) => violation.invariant)
      expect(seen, `${name}, seed ${seed}`).toContain(invariant)
    }
    return applied
  }

  for (const [invariant, byName] of Object.entries(killMutants)) {
    for (const [name, mutant] of Object.entries(byName)) {
      test(`${invariant}: ${name}`, () => expect(caught(name, mutant, invariant)).toBeGreaterThanOrEqual(appliedMin))
    }
  }

  test('every invariant has a mutant', () => {
    expect(Object.keys(killMutants).sort()).toEqual([...Object.keys(killInvariants), 'enough'].sort())
  })
})

/** `undefined`: the record has nothing that this mutant could turn wrong. */
function mutated(seed: number, mutant: KillMutant): KillRecord | undefined {
  try {
    return mutant(goodKills(seed), seeded(seed))
  } catch (error) {
    if (error instanceof NotApplicable) return undefined
    throw error
  }
}
