import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseOptions } from '../options.ts'
import { fullSettings } from '../settings.ts'
import { isWhole, resultsName, writeResults } from './results-file.ts'
import { table } from './table.ts'

const dir = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
afterAll(() => rmSync(dir, { recursive: true }))

const date = '2026-01-31T12:00:00.000Z'
const revision = { commit: '1a2b3c4', dirty: false }

describe('table', () => {
  it('aligns columns and says which goals were missed', () => {
    const lines = table([
      { label: 'one', subject: '5/s', reference: '10/s', ratio: 0.5, goal: 'ratio >= 0.55', met: false, otherCores: 0.25 },
      { label: 'another', subject: '12 KiB', met: true },
    ]).split('\n')
    expect(lines).toHaveLength(4)
    expect(new Set(lines.map(({ length }) => length)).size).toBe(1)
    expect(lines[2]).toMatch(/^\| one +\| 5\/s +\| 10\/s +\| 0\.50 +\| ratio >= 0\.55 \| MISSED \|/)
    expect(lines[3]?.split('|').map((cell) => cell.trim())).toEqual(['', 'another', '12 KiB', '', '', '', 'met', '', ''])
  })

  it('leaves out columns in which nothing is said', () => {
    expect(table([{ label: 'one', subject: '5/s' }]).split('\n')[0]).toBe('| measurement | Sotto |')
  })
})

describe('results', () => {
  it('are named after day and commit, and after what they lack', () => {
    const name = (args: string[], dirty = false) =>
      resultsName({ date, revision: { ...revision, dirty }, options: parseOptions(args) })
    expect(name([])).toBe('2026-01-31-1a2b3c4.json')
    expect(name(['--quick', '--only', 'ca'], true)).toBe('2026-01-31-1a2b3c4-dirty-quick-ac.json')
    expect(name(['sdk'])).toBe('2026-01-31-1a2b3c4-sdk.json')
  })

  it('speak for a commit only when they are whole', () => {
    expect(isWhole({ revision, options: parseOptions([]) })).toBe(true)
    expect(isWhole({ revision: { ...revision, dirty: true }, options: parseOptions([]) })).toBe(false)
    for (const args of [['--quick'], ['--only', 'a']]) expect(isWhole({ revision, options: parseOptions(args) })).toBe(false)
  })

  it('are written as JSON', () => {
    const machine = {
      cpu: 'x',
      cores: 2,
      memoryBytes: 1,
      kernel: 'k',
      node: 'v',
      filesystem: 'ext4',
      fdatasyncMs: 0.2,
      loadAverage: 0,
    }
    const results = { date, revision, options: parseOptions([]), subject: ['node'], settings: fullSettings, machine, rows: [] }
    const path = writeResults(join(dir, 'results'), { ...results, numbers: { a: [1.5] } })
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ date, numbers: { a: [1.5] }, settings: { rounds: 3 } })
  })
})
