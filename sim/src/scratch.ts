import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunReport } from './report.ts'

/** Runs in a directory of its own, which stays, and is named, when something was wrong. */
export async function inScratch(run: (directory: string) => Promise<RunReport>): Promise<RunReport> {
  const directory = mkdtempSync(join(tmpdir(), 'sotto-sim-'))
  try {
    const report = await run(directory)
    if (report.problems.length > 0) return { ...report, problems: [...report.problems, `see ${directory}`] }
    rmSync(directory, { recursive: true })
    return report
  } catch (error) {
    throw new Error(`see ${directory}`, { cause: error })
  }
}
