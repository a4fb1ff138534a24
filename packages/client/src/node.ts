export { type SqliteStorageOptions, sqliteStorage } from './storage/sqlite.ts'
