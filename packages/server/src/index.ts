export { mintToken } from './auth/dev-token.ts'
export { remoteKeys } from './auth/jwks.ts'
export { isLoopback } from './auth/rules.ts'
export { Secret } from './auth/secret.ts'
export { madeSecret } from './auth/secret-file.ts'
export { type ChangedSetting, changedSettings } from './changed-settings.ts'
export { type Clock, systemClock } from './clock.ts'
export { type Config, ConfigError, type Environment, loadDevEnv, loadEnv, readConfig, resolveSecret } from './config.ts'
export { type ServeOptions, serve } from './serve.ts'
export { createServer, databaseFile, type RunningServer, type ServerOptions } from './server.ts'
export { StoreRefusal } from './store/refusal.ts'
export {
  type DatabaseFacts,
  type DatabaseInspection,
  type InspectOptions,
  inspectDatabase,
  inspectSqlite,
} from './store/sqlite/inspect.ts'
export { type Holder, whoHolds } from './store/sqlite/lock.ts'
export { version } from './version.ts'
