import { describe, expect, test } from 'vitest'
import { NotApplicable } from '../../checker/mutation.ts'
import { seeded } from '../../seeded.ts'
import type { ClientsRecord } from '../record.ts'
import { checkClients, clientInvariants } from './check-clients.ts'
import { goodRecord } from './good-record.ts'
import { type ClientMutant, clientMutants } from './mutants-of-clients.ts'

const volume = { changesMin: 5, sendsMin: 10 }

test('200 good records pass', () => {
  for (let seed = 1; seed <= 200; seed++) expect(checkClients(goodRecord(seed), volume), `seed ${seed}`).toEqual([])
})

test('good records contain what makes the work hard', () => {
  const records = Array.from({ length: 30 }, (_, seed) => goodRecord(seed))
  const log = records.flatMap((record) => record.log)
  const rows = records.flatMap(({ views }) => views.flatMap(({ groups }) => groups.flatMap(({ messages }) => messages)))
  expect(log.filter(({ kind }) => kind === 'departed').length).toBeGreaterThan(10)
  expect(log.filter((entry) => entry.kind === 'commit' && entry.external).length).toBeGreaterThan(10)
  expect(rows.filter(({ unreadable }) => unreadable !== undefined).length).toBeGreaterThan(5)
  expect(rows.filter(({ status }) => status === 'failed').length).toBeGreaterThan(10)
  expect(records.flatMap(({ sends }) => sends).filter(({ id }) => id === undefined).length).toBeGreaterThan(10)
})

describe('wrong records are caught', () => {
  /** Records tried for each mutant, and how many of them must lend themselves to it. */
  const tried = 60
  const appliedMin = 5

  function caught(name: string, mutant: ClientMutant, invariant: string): number {
    let applied = 0
    for (let seed = 1; seed <= tried && applied < 3 * appliedMin; seed++) {
      const wrong = mutated(seed, mutant)
      if (wrong === undefined) continue
      applied++
      const seen = checkClients(wrong, volume).map((violation) => violation.invariant)
      expect(seen, `${name}, seed ${seed}`).toContain(invariant)
    }
    return applied
  }

  for (const [invariant, byName] of Object.entries(clientMutants)) {
    for (const [name, mutant] of Object.entries(byName)) {
      test(`${invariant}: ${name}`, () => expect(caught(name, mutant, invariant)).toBeGreaterThanOrEqual(appliedMin))
    }
  }

  test('every invariant has a mutant', () => {
    expect(Object.keys(clientMutants).sort()).toEqual([...Object.keys(clientInvariants), 'enough'].sort())
  })
})

/** `undefined`: the record has nothing that this mutant could turn wrong. */
function mutated(seed: number, mutant: ClientMutant): ClientsRecord | undefined {
  try {
    return mutant(goodRecord(seed), seeded(seed))
  } catch (error) {
    if (error instanceof NotApplicable) return undefined
    throw error
  }
}
