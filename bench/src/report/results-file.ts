import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine, Revision } from '../machine.ts'
import { letters, type Options } from '../options.ts'
import type { Settings } from '../settings.ts'
import type { Row } from './row.ts'

export interface Results {
  readonly date: string
  readonly revision: Revision
  readonly options: Options
  readonly subject: readonly string[]
  readonly settings: Settings
  readonly machine: Machine
  readonly rows: readonly Row[]
  /** By letter. */
  readonly numbers: Readonly<Record<string, unknown>>
}

/** `2026-01-31-1a2b3c4.json`; what was not a whole run of a clean tree says so in its name. */
export function resultsName({ date, revision, options }: Pick<Results, 'date' | 'revision' | 'options'>): string {
  const parts = [date.slice(0, 10), revision.commit]
  if (options.suite !== 'server') parts.push(options.suite)
  if (revision.dirty) parts.push('dirty')
  if (options.quick) parts.push('quick')
  if (options.only.length < letters.length) parts.push(options.only.join(''))
  return `${parts.join('-')}.json`
}

/** Whether the results speak for a commit: those are kept in the repository. */
export function isWhole({ revision, options }: Pick<Results, 'revision' | 'options'>): boolean {
  return !revision.dirty && !options.quick && options.only.length === letters.length
}

/** Returns the path. */
export function writeResults(dir: string, results: Results): string {
  mkdirSync(dir, { recursive: true })
  const path = join(dir, resultsName(results))
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`)
  return path
}
