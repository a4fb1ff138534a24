import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { closeCodes } from './errors.ts'
import { clientFrames, serverFrames } from './frames.ts'
import { limitNames } from './limits.ts'
import { routeNames } from './routes.ts'
import { type WireChange, whatIsUnrecorded, wireText } from './wire-lock.ts'

const history = JSON.parse(readFileSync(new URL('../wire-history.json', import.meta.url), 'utf8')) as WireChange[]

test('what crosses the network is what the newest entry of wire-history.json says', () => {
  expect(whatIsUnrecorded(history, hash('sha256', wireText()))).toBeUndefined()
})

test('every entry has a date and a hash', () => {
  for (const change of history) {
    expect(change.date).toMatch(/^\d{4}-\d{2}-\d{2}$/)
    expect(change.hash).toMatch(/^[0-9a-f]{64}$/)
  }
})

describe('the lock', () => {
  const entry = (version: number, hash: string, change = 'a change'): WireChange => ({
    version,
    date: '2026-01-01',
    hash,
    change,
  })

  test('names the command when the hash is another, or nothing is recorded', () => {
    expect(whatIsUnrecorded([entry(1, 'a')], 'b')).toMatch(/no longer version 1 .*npm run wire:record/)
    expect(whatIsUnrecorded([], 'b')).toMatch(/npm run wire:record/)
  })

  test('looks at the newest entry alone', () => {
    expect(whatIsUnrecorded([entry(1, 'a'), entry(2, 'b')], 'b')).toBeUndefined()
    expect(whatIsUnrecorded([entry(1, 'a'), entry(2, 'b')], 'a')).toMatch(/no longer version 2/)
  })

  test('refuses a history that skips a version or says nothing', () => {
    expect(whatIsUnrecorded([entry(1, 'a'), entry(3, 'b')], 'b')).toBe('entry 2 of wire-history.json is not version 2')
    expect(whatIsUnrecorded([entry(1, 'a', ' ')], 'a')).toMatch(/says nothing/)
  })

  test('does not see the order of members, but every value', () => {
    expect(wireText({ a: 1, b: { c: 2, d: [3] } })).toBe(wireText({ b: { d: [3], c: 2 }, a: 1 }))
    expect(wireText({ a: 1, b: { c: 2, d: [3] } })).not.toBe(wireText({ a: 1, b: { c: 2, d: [4] } }))
  })

  test('covers every route, frame, error, limit and close code', () => {
    const text = wireText()
    const names = [...routeNames, ...Object.keys(clientFrames), ...Object.keys(serverFrames), ...limitNames, 'mailbox_full']
    for (const name of names) expect(text).toContain(JSON.stringify(name))
    for (const code of Object.values(closeCodes)) expect(text).toContain(String(code))
  })
})
