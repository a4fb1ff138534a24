import { type Config, ConfigError, type Environment, loadEnv, readConfig } from '@sotto/server'
import { UsageError } from './refusal.ts'

/** Options that stand for a setting. */
export interface SettingOptions {
  readonly port?: string
  readonly host?: string
  readonly data?: string
}

/** The settings as they were given, from everywhere. */
export interface GivenSettings {
  readonly env: Environment
  /** Where the value of a setting comes from. */
  sourceOf(setting: string): string
}

/** Options win over the environment, which wins over `.env` in `directory`. Throws `ConfigError` when that cannot be read. */
export function givenSettings(
  { port, host, data }: SettingOptions,
  directory = process.cwd(),
  environment: Environment = process.env,
): GivenSettings {
  const options = new Map([
    ['PORT', { flag: '--port', value: port }],
    ['HOST', { flag: '--host', value: host }],
    ['DATA_DIR', { flag: '--data', value: data }],
  ])
  const env = { ...loadEnv(directory, environment) }
  for (const [setting, { value }] of options) if (value !== undefined) env[setting] = value
  return {
    env,
    sourceOf: (setting) => {
      const option = options.get(setting)
      if (option?.value !== undefined) return option.flag
      return environment[setting] === undefined ? '.env' : 'environment'
    },
  }
}

/**
 * The configuration that a server would read. Throws `ConfigError`; a value that an option gave is a `UsageError` that
 * names the option.
 */
export function configOf({ env, sourceOf }: GivenSettings): Config {
  try {
    return readConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const source = sourceOf(error.setting)
    if (!source.startsWith('--')) throw error
    throw new UsageError(error.message.replace(error.setting, source))
  }
}
