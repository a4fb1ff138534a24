import { readConfig, systemClock, version } from '@sotto/server'
import { clockFinding } from '../doctor/check-clock.ts'
import { checkDataDirectory } from '../doctor/check-data-directory.ts'
import { checkDatabase } from '../doctor/check-database.ts'
import { checkLogin } from '../doctor/check-login.ts'
import { checkRuntime } from '../doctor/check-runtime.ts'
import { checkServer } from '../doctor/check-server.ts'
import { checkSettings, type SettingsCheck } from '../doctor/check-settings.ts'
import { type Finding, summaryOf } from '../doctor/finding.ts'
import { findingText, summaryText } from '../doctor/report.ts'
import { type GivenSettings, givenSettings, type SettingOptions } from '../settings.ts'
import { isWatched, paintFor, printJson } from '../terminal.ts'

export interface DoctorOptions extends SettingOptions {
  readonly quick?: boolean
  readonly json?: boolean
}

/** What a terminal does between "doing this" and what came of it (ECMA-48: CR, EL). */
const backToLineStart = '\r'
const clearLine = '\x1b[2K'

/** `sotto doctor`: false when there is a problem. */
export async function doctorCommand({ quick = false, json = false, ...options }: DoctorOptions): Promise<boolean> {
  const found: Finding[] = []
  const paint = paintFor(process.stdout)
  const given = givenSettings(options)
  const settings = checkSettings(given)
  if (!json) process.stdout.write(`Sotto ${version}\n\n`)
  const shows = !json && isWatched(process.stdout)
  const doing = (what: string) => shows && process.stdout.write(`  ${paint('dim', `${what} …`)}${backToLineStart}`)
  for await (const finding of examine(given, settings, quick, doing)) {
    found.push(finding)
    if (!json) process.stdout.write(`${shows ? clearLine : ''}${findingText(finding, paint)}`)
  }
  const summary = summaryOf(found)
  if (json) printJson({ ok: summary.problems === 0, version, ...summary, findings: found })
  else process.stdout.write(summaryText(summary, paint))
  return summary.problems === 0
}

/** All checks, from what everything rests on to what rests on it. */
async function* examine(
  { env }: GivenSettings,
  { config, findings }: SettingsCheck,
  quick: boolean,
  doing: (what: string) => void,
): AsyncGenerator<Finding> {
  yield* checkRuntime()
  yield* findings
  // A wrong setting elsewhere is no reason not to look at the data.
  const { dataDir } = config ?? readConfig({ DATA_DIR: env.DATA_DIR })
  yield* await checkDataDirectory(dataDir)
  doing('looking at the login')
  if (config !== undefined) yield await checkLogin(config)
  doing(quick ? 'looking at the database' : 'reading every page of the database')
  const database = checkDatabase(dataDir, !quick)
  yield* database.findings
  yield clockFinding(systemClock.now(), database.newestReceivedAt)
  doing('asking the server')
  if (config !== undefined) yield* await checkServer(config, database.isHeld)
}
