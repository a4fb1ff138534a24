import { type ChangedSetting, type Config, ConfigError, changedSettings, isLoopback } from '@sotto/server'
import { configOf, type GivenSettings } from '../settings.ts'
import type { Finding } from './finding.ts'

export interface SettingsCheck {
  readonly findings: readonly Finding[]
  /** As a server would read it; undefined when it would refuse. */
  readonly config: Config | undefined
}

/** Reads the settings like a server. Throws `UsageError` for a wrong option. */
export function checkSettings(given: GivenSettings): SettingsCheck {
  try {
    const config = configOf(given)
    const changed = changedSettings(given.env)
    return { config, findings: [changedFinding(changed, given.sourceOf), devTokensFinding(config)] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { message } = error
    const action = `correct it (${given.sourceOf(error.setting)}): the server does not start like this`
    return { config: undefined, findings: [{ check: 'settings', level: 'problem', message, action }] }
  }
}

export function changedFinding(changed: readonly ChangedSetting[], sourceOf: GivenSettings['sourceOf']): Finding {
  if (changed.length === 0) return { check: 'settings', level: 'ok', message: 'all as they are by default' }
  const message = changed.length === 1 ? 'one differs from its default' : `${changed.length} differ from their defaults`
  const details = changed.map(({ name, value }) => `${name}=${value} (${sourceOf(name)})`)
  return { check: 'settings', level: 'ok', message, details }
}

/** Whether strangers could get tokens. */
export function devTokensFinding({ devTokens, host }: Pick<Config, 'devTokens' | 'host'>): Finding {
  const check = 'dev-tokens'
  if (devTokens === 'off') return { check, level: 'ok', message: 'off' }
  if (devTokens === 'loopback') {
    return { check, level: 'note', message: "DEV_TOKENS=true: every program on this machine can get any user's token" }
  }
  const named = `DEV_TOKENS=anyone with HOST=${host}`
  if (isThisMachine(host)) return { check, level: 'note', message: `${named}: whoever reaches it can get any user's token` }
  return {
    check,
    level: 'warning',
    message: `${named}: everybody in the network can get any user's token`,
    action: 'set DEV_TOKENS=false, or true for programs on this machine alone',
  }
}

function isThisMachine(host: string): boolean {
  return isLoopback(host) || /^([a-z0-9-]+\.)*localhost\.?$/i.test(host)
}
