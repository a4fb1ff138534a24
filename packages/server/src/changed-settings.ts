import { defaultLimits, limitNames } from '@sotto/protocol'
import { type Environment, readConfig, settings } from './config.ts'

/** A setting that is not as it is when it is left out. */
export interface ChangedSetting {
  readonly name: string
  /** As given, safe to print: a secret is `[secret]`, an address has no user, password or query. */
  readonly value: string
}

/** What differs from the defaults, in the order of the documentation, limits last. Throws `ConfigError`. */
export function changedSettings(env: Environment): readonly ChangedSetting[] {
  const { limits } = readConfig(env)
  const changed: ChangedSetting[] = []
  for (const [name, schema] of Object.entries(settings.shape)) {
    const given = env[name]
    if (given === undefined || given === '') continue
    if (JSON.stringify(schema.parse(given)) === JSON.stringify(schema.safeParse(undefined).data)) continue
    changed.push({ name, value: shown(name, given) })
  }
  for (const name of limitNames) {
    if (limits[name] !== defaultLimits[name]) changed.push({ name: `LIMIT_${name}`, value: String(limits[name]) })
  }
  return changed
}

function shown(name: string, value: string): string {
  if (name === 'JWT_SECRET') return '[secret]'
  if (!name.endsWith('_URL')) return value
  const url = URL.parse(value)
  if (url === null) return '[address]'
  return `${url.protocol}//${url.host}${url.pathname}`
}
