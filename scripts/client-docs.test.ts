import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { clientErrorTable } from '../packages/client/src/error-table.ts'
import { commitRefusals } from '../packages/client/src/membership/refusals.ts'
import { incidentKinds } from '../packages/client/src/sync/core-api.ts'
import { withGenerated } from '../packages/protocol/src/docs.ts'
import { clientParts } from './client-docs.ts'

const parts = clientParts()

test('every code, incident and refusal of the SDK is in its table', () => {
  for (const name of Object.keys(clientErrorTable)) expect(parts['sdk-errors']).toContain(`| \`${name}\` |`)
  for (const name of Object.keys(incidentKinds)) expect(parts.incidents).toContain(`| \`${name}\` |`)
  for (const name of Object.keys(commitRefusals)) expect(parts['commit-refusals']).toContain(`| \`${name}\` |`)
  expect(parts.unreadable).toContain('| `tampered` |')
  expect(parts.unreadable).not.toContain('invalid_welcome')
})

test('docs/sdk-errors.md has every table, as it is now', () => {
  const document = readFileSync(new URL('../docs/sdk-errors.md', import.meta.url), 'utf8')
  for (const name of Object.keys(parts)) expect(document).toContain(`<!-- generated: ${name} -->`)
  expect(withGenerated(document, parts)).toBe(document)
})
