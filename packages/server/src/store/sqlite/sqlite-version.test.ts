import { expect, test } from 'vitest'
import { sqliteIsAccepted } from './sqlite-version.ts'

test.for([
  ['3.51.3', true],
  ['3.51.4', true],
  ['3.52.0', true],
  ['3.100.1', true],
  ['4.0.0', true],
  ['3.51.2', false],
  ['3.50.9', false],
  ['3.9.99', false],
  ['2.99.99', false],
  ['3.51', false],
  ['', false],
  ['new', false],
] as const)('SQLite %s: %s', ([version, accepted]) => {
  expect(sqliteIsAccepted(version)).toBe(accepted)
})
